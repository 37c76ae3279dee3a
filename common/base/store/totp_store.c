/*
 * totp_store.c - authenticators and backup codes.
 */
#include "base/store/totp_store.h"

#include <apr_strings.h>
#include "base/store/lockout_store.h"

#define TEXT_OF(x) TEXT_OF_VALUE(x)
#define TEXT_OF_VALUE(x) #x

static const cloudep_statement_t load = {
    .label = "totp_load",
    .sql = "SELECT o.secret, floor(extract(epoch FROM o.enrolled_at) * 1000)::bigint,"
           " CASE WHEN o.pending_expires_at > now() THEN o.pending_secret END,"
           " (SELECT string_agg(b.mac, ' ') FROM cloudep.backup_codes b WHERE b.tenant_id = o.tenant_id"
           " AND b.uid = o.uid AND b.generation = o.backup_generation AND b.used_at IS NULL),"
           " " CLOUDEP_TENANT_COLUMNS ", " CLOUDEP_MEMBER_COLUMNS " FROM cloudep.members m"
           " JOIN cloudep.tenants t ON t.id = m.tenant_id"
           " LEFT JOIN cloudep.totp o ON o.tenant_id = m.tenant_id AND o.uid = m.uid"
           " WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid",
    .parameters = 2,
    .repeatable = 1,
};
enum { SECRET, ENROLLED_AT, PENDING, CODES, TENANT, MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT };

static const cloudep_statement_t begin = {
    .label = "totp_begin",
    .sql = "INSERT INTO cloudep.totp AS o (tenant_id, uid, pending_secret, pending_expires_at)"
           " VALUES (%s::uuid, %s::uuid, %s, now() + interval '" TEXT_OF(
               CLOUDEP_TOTP_PENDING_LIFETIME) " seconds') ON CONFLICT (tenant_id, uid) DO UPDATE SET"
                                              " pending_secret = excluded.pending_secret,"
                                              " pending_expires_at = excluded.pending_expires_at"
                                              " WHERE o.enrolled_at IS NULL RETURNING uid",
    .parameters = 3,
    .repeatable = 1,
};

/* A new set for the row of o, whose generation has just been counted on. */
#define NEW_CODES                                                                                                      \
    "gone AS (DELETE FROM cloudep.backup_codes b USING o WHERE b.tenant_id = o.tenant_id AND b.uid = o.uid),"          \
    " codes AS (INSERT INTO cloudep.backup_codes (tenant_id, uid, mac, generation)"                                    \
    " SELECT o.tenant_id, o.uid, c.mac, o.backup_generation FROM o, unnest(string_to_array(%s, ' ')) c (mac))"

static const cloudep_statement_t confirm = {
    .label = "totp_confirm",
    .sql = "WITH a AS (SELECT %s::bigint AS step, %s::text AS secret),"
           " o AS (UPDATE cloudep.totp o SET secret = o.pending_secret, enrolled_at = now(), last_step = a.step,"
           " pending_secret = NULL, pending_expires_at = NULL, backup_generation = o.backup_generation + 1 FROM a"
           " WHERE o.tenant_id = %s::uuid AND o.uid = %s::uuid AND o.enrolled_at IS NULL"
           " AND o.pending_secret = a.secret AND o.pending_expires_at > now() AND o.last_step < a.step"
           " RETURNING o.tenant_id, o.uid, o.backup_generation), " NEW_CODES ","
           " mail AS (" CLOUDEP_SQL_ENQUEUE("o") ") SELECT uid FROM o",
    .parameters = 5 + CLOUDEP_ENQUEUE_PARAMETERS,
};

static const cloudep_statement_t renew_codes = {
    .label = "totp_renew_codes",
    .sql = "WITH o AS (UPDATE cloudep.totp SET backup_generation = backup_generation + 1"
           " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND enrolled_at IS NOT NULL"
           " RETURNING tenant_id, uid, backup_generation), " NEW_CODES ","
           " mail AS (" CLOUDEP_SQL_ENQUEUE("o") ") SELECT uid FROM o",
    .parameters = 3 + CLOUDEP_ENQUEUE_PARAMETERS,
};

/* The row stays, with its last step. */
static const cloudep_statement_t remove_totp = {
    .label = "totp_remove",
    .sql = "WITH was AS (SELECT tenant_id, uid, enrolled_at IS NOT NULL AS enrolled FROM cloudep.totp"
           " WHERE tenant_id = %s::uuid AND uid = %s::uuid FOR UPDATE),"
           " o AS (UPDATE cloudep.totp o SET secret = NULL, enrolled_at = NULL, pending_secret = NULL,"
           " pending_expires_at = NULL, backup_generation = o.backup_generation + 1 FROM was w"
           " WHERE o.tenant_id = w.tenant_id AND o.uid = w.uid),"
           " gone AS (DELETE FROM cloudep.backup_codes b USING was w WHERE b.tenant_id = w.tenant_id"
           " AND b.uid = w.uid), told AS (SELECT tenant_id, uid FROM was WHERE enrolled) " CLOUDEP_SQL_ENQUEUE("told"),
    .parameters = 2 + CLOUDEP_ENQUEUE_PARAMETERS,
};

/* Proofs: m is the member who may use one, f has a row for the one who was first. */
#define ACTIVE_MEMBER                                                                                                  \
    "m AS (SELECT tenant_id, uid FROM cloudep.members WHERE tenant_id = %s::uuid AND uid = %s::uuid"                   \
    " AND status = 'active' FOR SHARE)"
#define BURN_STEP                                                                                                      \
    "f AS (UPDATE cloudep.totp o SET last_step = a.step FROM m, (SELECT %s::bigint AS step, %s::text AS secret) a"     \
    " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid AND o.enrolled_at IS NOT NULL AND o.secret = a.secret"         \
    " AND o.last_step < a.step RETURNING o.tenant_id, o.uid)"
#define BURN_CODE                                                                                                      \
    "f AS (UPDATE cloudep.backup_codes b SET used_at = now() FROM m, cloudep.totp o"                                   \
    " WHERE b.tenant_id = m.tenant_id AND b.uid = m.uid AND o.tenant_id = m.tenant_id AND o.uid = m.uid"               \
    " AND o.enrolled_at IS NOT NULL AND b.generation = o.backup_generation AND b.mac = %s AND b.used_at IS NULL"       \
    " RETURNING b.tenant_id, b.uid)"
#define AFTERWARDS                                                                                                     \
    "unlocked AS (" CLOUDEP_SQL_UNLOCK(CLOUDEP_LOCKOUT_MFA, "f") "), mail AS (" CLOUDEP_SQL_ENQUEUE("f") ")"

#define STEP_UP(method)                                                                                                \
    "s AS (UPDATE cloudep.sessions s SET mfa_at = now(), mfa_method = '" method "' FROM f"                             \
    " WHERE s.tenant_id = f.tenant_id AND s.uid = f.uid AND s.id = %s::uuid) SELECT uid FROM f"

static const cloudep_statement_t step_up_by_step = {
    .label = "totp_step_up_by_step",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_STEP ", " AFTERWARDS ", " STEP_UP("totp"),
    .parameters = 5 + CLOUDEP_ENQUEUE_PARAMETERS,
};

static const cloudep_statement_t step_up_by_code = {
    .label = "totp_step_up_by_code",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_CODE ", " AFTERWARDS ", " STEP_UP("backup_code"),
    .parameters = 4 + CLOUDEP_ENQUEUE_PARAMETERS,
};

/* One row, with or without a session in it, to tell a member who is gone from a proof that is used. */
#define OPEN_SESSION                                                                                                   \
    "s AS (" CLOUDEP_SQL_OPEN_SESSION("f") ") SELECT (SELECT count(*) FROM m), " CLOUDEP_SQL_SESSION_COLUMNS           \
                                           " FROM (SELECT) one LEFT JOIN s ON true"

static const cloudep_statement_t login_by_step = {
    .label = "totp_login_by_step",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_STEP ", " AFTERWARDS ", " OPEN_SESSION,
    .parameters = 4 + CLOUDEP_ENQUEUE_PARAMETERS + CLOUDEP_SESSION_PARAMETERS,
};

static const cloudep_statement_t login_by_code = {
    .label = "totp_login_by_code",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_CODE ", " AFTERWARDS ", " OPEN_SESSION,
    .parameters = 3 + CLOUDEP_ENQUEUE_PARAMETERS + CLOUDEP_SESSION_PARAMETERS,
};

/* Texts with a space between two; NULL: none. */
static apr_array_header_t *split(apr_pool_t *p, const char *text)
{
    apr_array_header_t *list = apr_array_make(p, 10, sizeof(const char *));
    char *last;

    for (char *word = text ? apr_strtok(apr_pstrdup(p, text), " ", &last) : NULL; word;
         word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

apr_status_t cloudep_totp_load(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t **out, const char *tenant_id,
                               const char *uid)
{
    const char *args[] = {tenant_id, uid};
    cloudep_totp_t *totp = apr_pcalloc(p, sizeof(*totp));
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &load, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count == 0) {
        return APR_NOTFOUND;
    }
    totp->secret = cloudep_cell(rows, 0, SECRET);
    totp->enrolled_at = cloudep_cell(rows, 0, ENROLLED_AT) ? apr_atoi64(cloudep_cell(rows, 0, ENROLLED_AT)) : 0;
    totp->pending_secret = cloudep_cell(rows, 0, PENDING);
    totp->codes = split(p, cloudep_cell(rows, 0, CODES));
    totp->tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    *out = totp;
    rv = cloudep_member_of_row(p, &totp->member, rows, 0, MEMBER);
    return rv == APR_SUCCESS && !totp->secret != !totp->member->totp_enrolled ? CLOUDEP_EDATA : rv;
}

/* Runs a statement that returns a row when it did something. */
static apr_status_t change(cloudep_db_t *db, apr_pool_t *p, const cloudep_statement_t *st, const char *const *args,
                           apr_status_t otherwise)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, st, args);

    return rv == APR_SUCCESS && rows->count == 0 ? otherwise : rv;
}

apr_status_t cloudep_totp_begin(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                const char *secret)
{
    return change(db, p, &begin, (const char *const[]){tenant_id, uid, secret}, CLOUDEP_ECONFLICT);
}

apr_status_t cloudep_totp_confirm(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp, apr_int64_t step,
                                  const char *codes, const cloudep_message_t *message)
{
    const char *args[] = {apr_psprintf(p, "%" APR_INT64_T_FMT, step),
                          totp->pending_secret,
                          totp->member->tenant_id,
                          totp->member->uid,
                          codes,
                          CLOUDEP_ENQUEUE_ARGS(message)};

    return change(db, p, &confirm, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_renew_codes(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *codes, const cloudep_message_t *message)
{
    const char *args[] = {tenant_id, uid, codes, CLOUDEP_ENQUEUE_ARGS(message)};

    return change(db, p, &renew_codes, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 const cloudep_message_t *message)
{
    const char *args[] = {tenant_id, uid, CLOUDEP_ENQUEUE_ARGS(message)};

    return cloudep_db_run(db, p, NULL, &remove_totp, args);
}

/* The arguments of ACTIVE_MEMBER, of what burns the proof and of AFTERWARDS; returns how many. */
static int proof_args(apr_pool_t *p, const char **args, const char *tenant_id, const char *uid,
                      const cloudep_totp_proof_t *proof, const cloudep_message_t *message)
{
    const char *enqueue[] = {CLOUDEP_ENQUEUE_ARGS(message)};
    int n = 0;

    args[n++] = tenant_id;
    args[n++] = uid;
    if (proof->secret) {
        args[n++] = apr_psprintf(p, "%" APR_INT64_T_FMT, proof->step);
        args[n++] = proof->secret;
    }
    else {
        args[n++] = proof->code;
    }
    for (int i = 0; i < CLOUDEP_ENQUEUE_PARAMETERS; i++) {
        args[n++] = enqueue[i];
    }
    return n;
}

apr_status_t cloudep_totp_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_totp_proof_t *proof, const char *session_id,
                                  const cloudep_message_t *message)
{
    const char *args[5 + CLOUDEP_ENQUEUE_PARAMETERS];
    int n = proof_args(p, args, totp->member->tenant_id, totp->member->uid, proof, message);

    args[n] = session_id;
    return change(db, p, proof->secret ? &step_up_by_step : &step_up_by_code, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                cloudep_session_t *session, const cloudep_message_t *message)
{
    const char *args[4 + CLOUDEP_ENQUEUE_PARAMETERS + CLOUDEP_SESSION_PARAMETERS];
    int n = proof_args(p, args, session->tenant_id, session->uid, proof, message);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(p, session, args + n);
    rv = cloudep_db_run(db, p, &rows, proof->secret ? &login_by_step : &login_by_code, args);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!cloudep_cell(rows, 0, 1)) {
        return apr_atoi64(cloudep_cell(rows, 0, 0)) ? APR_NOTFOUND : CLOUDEP_EREFUSED;
    }
    cloudep_session_of_row(session, rows, 0, 1);
    return APR_SUCCESS;
}
