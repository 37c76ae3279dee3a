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
    .repeatable = 1,
};

/*
 * The member's row is locked first, as wherever a proof is used, so that nobody waits for the other's; and a login that
 * began before with fewer factors ends unfulfilled.
 */
#define RAISE_MEMBER                                                                                                   \
    "m AS (UPDATE cloudep.members m SET " CLOUDEP_SQL_RAISE                                                            \
    " WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid RETURNING m.tenant_id, m.uid)"

/* A new set for the row of o, whose generation has just been counted on. */
#define NEW_CODES                                                                                                      \
    "gone AS (DELETE FROM cloudep.backup_codes b USING o WHERE b.tenant_id = o.tenant_id AND b.uid = o.uid),"          \
    " codes AS (INSERT INTO cloudep.backup_codes (tenant_id, uid, mac, generation)"                                    \
    " SELECT o.tenant_id, o.uid, c.mac, o.backup_generation FROM o, unnest(string_to_array(%s, ' ')) c (mac))"

/* clang-format off */
static const cloudep_statement_t confirm = {
    .label = "totp_confirm",
    .sql = "WITH " RAISE_MEMBER ","
           " a AS (SELECT %s::bigint AS step, %s::text AS secret),"
           " o AS (UPDATE cloudep.totp o SET secret = o.pending_secret, enrolled_at = now(), last_step = a.step,"
           " pending_secret = NULL, pending_expires_at = NULL, backup_generation = o.backup_generation + 1 FROM m, a"
           " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid AND o.enrolled_at IS NULL"
           " AND o.pending_secret = a.secret AND o.pending_expires_at > now() AND o.last_step < a.step"
           " RETURNING o.tenant_id, o.uid, o.backup_generation), " NEW_CODES ","
           " mail AS (" CLOUDEP_SQL_ENQUEUE("o") ") SELECT uid FROM o",
};

static const cloudep_statement_t renew_codes = {
    .label = "totp_renew_codes",
    .sql = "WITH " RAISE_MEMBER ","
           " o AS (UPDATE cloudep.totp o SET backup_generation = o.backup_generation + 1 FROM m"
           " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid AND o.enrolled_at IS NOT NULL"
           " RETURNING o.tenant_id, o.uid, o.backup_generation), " NEW_CODES ","
           " mail AS (" CLOUDEP_SQL_ENQUEUE("o") ") SELECT uid FROM o",
};

/* The row stays, with its last step. */
static const cloudep_statement_t remove_totp = {
    .label = "totp_remove",
    .sql = "WITH " RAISE_MEMBER ","
           " was AS (SELECT o.tenant_id, o.uid, o.enrolled_at IS NOT NULL AS enrolled FROM m, cloudep.totp o"
           " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid FOR UPDATE OF o),"
           " o AS (UPDATE cloudep.totp o SET secret = NULL, enrolled_at = NULL, pending_secret = NULL,"
           " pending_expires_at = NULL, backup_generation = o.backup_generation + 1 FROM was w"
           " WHERE o.tenant_id = w.tenant_id AND o.uid = w.uid),"
           " gone AS (DELETE FROM cloudep.backup_codes b USING was w WHERE b.tenant_id = w.tenant_id"
           " AND b.uid = w.uid),"
           " told AS (SELECT tenant_id, uid FROM was WHERE enrolled) " CLOUDEP_SQL_ENQUEUE("told"),
};
/* clang-format on */

/* Proofs: m is the member who may use one, f has a row for the one who was first. */
#define ACTIVE_MEMBER                                                                                                  \
    "m AS (SELECT tenant_id, uid, generation FROM cloudep.members WHERE tenant_id = %s::uuid AND uid = %s::uuid"       \
    " AND status = 'active' FOR SHARE)"
#define BURN_STEP                                                                                                      \
    "f AS (UPDATE cloudep.totp o SET last_step = a.step FROM m, (SELECT %s::bigint AS step, %s::text AS secret) a"     \
    " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid AND o.enrolled_at IS NOT NULL AND o.secret = a.secret"         \
    " AND o.last_step < a.step RETURNING o.tenant_id, o.uid, m.generation)"
#define BURN_CODE                                                                                                      \
    "f AS (UPDATE cloudep.backup_codes b SET used_at = now() FROM m, cloudep.totp o"                                   \
    " WHERE b.tenant_id = m.tenant_id AND b.uid = m.uid AND o.tenant_id = m.tenant_id AND o.uid = m.uid"               \
    " AND o.enrolled_at IS NOT NULL AND b.generation = o.backup_generation AND b.mac = %s AND b.used_at IS NULL"       \
    " RETURNING b.tenant_id, b.uid, m.generation)"
#define AFTERWARDS                                                                                                     \
    "unlocked AS (" CLOUDEP_SQL_UNLOCK(CLOUDEP_LOCKOUT_MFA, "f") "), mail AS (" CLOUDEP_SQL_ENQUEUE("f") ")"

#define STEP_UP(method)                                                                                                \
    "s AS (UPDATE cloudep.sessions s SET mfa_at = now(), mfa_method = '" method "' FROM f"                             \
    " WHERE s.tenant_id = f.tenant_id AND s.uid = f.uid AND s.id = %s::uuid) SELECT uid FROM f"

static const cloudep_statement_t step_up_by_step = {
    .label = "totp_step_up_by_step",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_STEP ", " AFTERWARDS ", " STEP_UP("totp"),
};

static const cloudep_statement_t step_up_by_code = {
    .label = "totp_step_up_by_code",
    .sql = "WITH " ACTIVE_MEMBER ", " BURN_CODE ", " AFTERWARDS ", " STEP_UP("backup_code"),
};

/* One row, with or without a session in it, to tell a member who is gone from a proof that is used. */
#define OPEN_SESSION                                                                                                   \
    "s AS (" CLOUDEP_SQL_OPEN_SESSION(                                                                                 \
        "f") ") SELECT (SELECT count(*) FROM active), (SELECT count(*) FROM m), " CLOUDEP_SQL_SESSION_COLUMNS          \
             " FROM (SELECT) one LEFT JOIN s ON true"

static const cloudep_statement_t login_by_step = {
    .label = "totp_login_by_step",
    .sql = "WITH " CLOUDEP_SQL_LOCK_MEMBER ", " BURN_STEP ", " AFTERWARDS ", " OPEN_SESSION,
};

static const cloudep_statement_t login_by_code = {
    .label = "totp_login_by_code",
    .sql = "WITH " CLOUDEP_SQL_LOCK_MEMBER ", " BURN_CODE ", " AFTERWARDS ", " OPEN_SESSION,
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
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
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
static apr_status_t change(cloudep_db_t *db, apr_pool_t *p, const cloudep_statement_t *st, const cloudep_args_t *args,
                           apr_status_t otherwise)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, st, args);

    return rv == APR_SUCCESS && rows->count == 0 ? otherwise : rv;
}

apr_status_t cloudep_totp_begin(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                const char *secret)
{
    return change(db, p, &begin, CLOUDEP_ARGS(tenant_id, uid, secret), CLOUDEP_ECONFLICT);
}

apr_status_t cloudep_totp_confirm(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp, apr_int64_t step,
                                  const char *codes, const cloudep_message_t *message)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(totp->member->tenant_id, totp->member->uid, apr_psprintf(p, "%" APR_INT64_T_FMT, step),
                     totp->pending_secret, codes, CLOUDEP_ENQUEUE_ARGS(message));

    return change(db, p, &confirm, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_renew_codes(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *codes, const cloudep_message_t *message)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, codes, CLOUDEP_ENQUEUE_ARGS(message));

    return change(db, p, &renew_codes, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 const cloudep_message_t *message)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, CLOUDEP_ENQUEUE_ARGS(message));

    return cloudep_db_run(db, p, NULL, &remove_totp, args);
}

/* Appends the arguments of what burns the proof and of AFTERWARDS. */
static void proof_args(apr_pool_t *p, cloudep_args_t *args, const cloudep_totp_proof_t *proof,
                       const cloudep_message_t *message)
{
    const cloudep_args_t *enqueue = CLOUDEP_ARGS(CLOUDEP_ENQUEUE_ARGS(message));

    if (proof->secret) {
        cloudep_arg(args, apr_psprintf(p, "%" APR_INT64_T_FMT, proof->step));
        cloudep_arg(args, proof->secret);
    }
    else {
        cloudep_arg(args, proof->code);
    }
    for (int i = 0; i < enqueue->count; i++) {
        cloudep_arg(args, enqueue->values[i]);
    }
}

apr_status_t cloudep_totp_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_totp_proof_t *proof, const char *session_id,
                                  const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(totp->member->tenant_id, totp->member->uid);

    proof_args(p, args, proof, message);
    cloudep_arg(args, session_id);
    return change(db, p, proof->secret ? &step_up_by_step : &step_up_by_code, args, APR_NOTFOUND);
}

apr_status_t cloudep_totp_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                cloudep_session_t *session, const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid, session->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    proof_args(p, args, proof, message);
    cloudep_session_args(p, session, args);
    rv = cloudep_db_run(db, p, &rows, proof->secret ? &login_by_step : &login_by_code, args);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_locked_member(rows)) != APR_SUCCESS) {
        return rv;
    }
    if (!cloudep_cell(rows, 0, 2)) {
        return APR_NOTFOUND;
    }
    cloudep_session_of_row(session, rows, 0, 2);
    return APR_SUCCESS;
}
