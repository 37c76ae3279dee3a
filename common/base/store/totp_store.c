/*
 * totp_store.c - authenticators and backup codes.
 */
#include "base/store/totp_store.h"

#include <apr_strings.h>
#include "base/store/link_store.h"
#include "base/store/sql.h"
#include "base/store/statements.h"

#define TOTP(kind, name, sql) CLOUDEP_COLUMN(cloudep_totp_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_TOTP_COLUMNS(TOTP, TOTP, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_totp_t, columns);

enum {
    LOAD,
    BEGIN,
    CONFIRM,
    RENEW_CODES,
    REMOVE,
    FORGET_PROOFS,
    END_OPENED,
    STEP_UP_BY_STEP,
    STEP_UP_BY_CODE,
    LOGIN_BY_STEP,
    LOGIN_BY_CODE,
    LOGIN_ALONE
};

/* clang-format off */

/*
 * The member, whose generation is raised: a login that began before with fewer factors comes to nothing. Its row is locked
 * first, as wherever a proof is used, so that nobody waits for the other's. Arguments: tenant_id, uid.
 */
#define RAISED_MEMBER \
    "UPDATE cloudep.members AS member" \
    " SET " CLOUDEP_SQL_RAISE("member") \
    " WHERE member.tenant_id = %s::uuid" \
    "   AND member.uid = %s::uuid" \
    " RETURNING member.tenant_id, member.uid"

/* A new set of backup codes for the rows of totp, whose generation has just been raised; two CTEs. Argument: texts with
 * a space between two. */
#define NEW_CODES(totp) \
    "removed AS (" \
    "  DELETE FROM cloudep.backup_codes AS code" \
    "  USING " totp \
    "  WHERE code.tenant_id = " totp ".tenant_id" \
    "    AND code.uid = " totp ".uid" \
    "), added AS (" \
    "  INSERT INTO cloudep.backup_codes (tenant_id, uid, mac, generation)" \
    "  SELECT " totp ".tenant_id, " totp ".uid, code.mac, " totp ".backup_generation" \
    "  FROM " totp ", unnest(string_to_array(%s, ' ')) AS code (mac)" \
    ")"

/*
 * What burns a proof of the member: a row for the one who was first, none for others. The row's columns are tenant_id,
 * uid, generation. Arguments of the first: step, sealed secret; of the second: the code's stored text.
 */
#define BURN_STEP(member) \
    "UPDATE cloudep.totp AS totp" \
    " SET last_step = proof.step" \
    " FROM " member ", (SELECT %s::bigint AS step, %s::text AS secret) AS proof" \
    " WHERE totp.tenant_id = " member ".tenant_id" \
    "   AND totp.uid = " member ".uid" \
    "   AND totp.enrolled_at IS NOT NULL" \
    "   AND totp.secret = proof.secret" \
    "   AND totp.last_step < proof.step" \
    " RETURNING totp.tenant_id, totp.uid, " member ".generation"
#define BURN_CODE(member) \
    "UPDATE cloudep.backup_codes AS code" \
    " SET used_at = now()" \
    " FROM " member ", cloudep.totp AS totp" \
    " WHERE code.tenant_id = " member ".tenant_id" \
    "   AND code.uid = " member ".uid" \
    "   AND totp.tenant_id = " member ".tenant_id" \
    "   AND totp.uid = " member ".uid" \
    "   AND totp.enrolled_at IS NOT NULL" \
    "   AND code.generation = totp.backup_generation" \
    "   AND code.mac = %s" \
    "   AND code.used_at IS NULL" \
    " RETURNING code.tenant_id, code.uid, " member ".generation"

/* One row where the proof was burned: whether the session, if there is one, takes it as a second factor. Arguments:
 * ACTIVE_MEMBER's, the burn's, the budget's network, ENQUEUE's, the method, the session's id twice. */
#define STEP_UP(burn) \
    "WITH member AS (" CLOUDEP_SQL_ACTIVE_MEMBER("SHARE") \
    "), burned AS (" burn("member") \
    "), unlocked AS (" CLOUDEP_SQL_FORGET_FAILURES_AT(CLOUDEP_BUDGET_FACTOR, "burned") \
    "), mail AS (" CLOUDEP_SQL_ENQUEUE("burned") \
    "), stepped_up AS (" \
    "  UPDATE cloudep.sessions AS session" \
    "  SET mfa_at = now(), mfa_method = %s" \
    "  FROM burned" \
    "  WHERE session.tenant_id = burned.tenant_id" \
    "    AND session.uid = burned.uid" \
    "    AND session.id = %s::uuid" \
    "    AND session.opened_with IS DISTINCT FROM '" CLOUDEP_OPENED_TOTP "'" \
    "  RETURNING session.id" \
    ")" \
    " SELECT %s::uuid IS NULL OR EXISTS (SELECT FROM stepped_up) FROM burned"

/*
 * One row, with or without a session in it, to tell a member who is gone from a proof that is used. Arguments:
 * ACTIVE_MEMBER's, OF_GENERATION's, the burn's, the budget's network, ENQUEUE's, OPEN_SESSION's. kind: the budget that
 * judged.
 */
#define LOGIN(burn, kind) \
    "WITH active AS (" CLOUDEP_SQL_ACTIVE_MEMBER("SHARE") \
    "), member AS (" CLOUDEP_SQL_OF_GENERATION("active") \
    "), burned AS (" burn("member") \
    "), unlocked AS (" CLOUDEP_SQL_FORGET_FAILURES_AT(kind, "burned") \
    "), mail AS (" CLOUDEP_SQL_ENQUEUE("burned") \
    "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("burned") \
    "), spent AS (" CLOUDEP_SQL_SPEND_UNDO("opened", "link.undoes = '" CLOUDEP_UNDOES_TOTP "'") ")" \
    " SELECT EXISTS (SELECT FROM active), EXISTS (SELECT FROM member), " CLOUDEP_SQL_SESSION("opened") \
    " FROM (SELECT) AS always" \
    " LEFT JOIN opened ON true"

static const cloudep_statement_t statements[] = {
    [LOAD] = {
        .label = "totp_load",
        .sql =
            "SELECT " CLOUDEP_TOTP_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "totp") ","
            "       " CLOUDEP_SQL_TENANT("tenant") ","
            "       " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.members AS member"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = member.tenant_id"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid",
        .repeatable = 1,
    },
    [BEGIN] = {
        .label = "totp_begin",
        .sql =
            "INSERT INTO cloudep.totp AS totp"
            " (tenant_id, uid, pending_secret, pending_expires_at, pending_codes, pending_codes_of)"
            " SELECT %s::uuid, %s::uuid, new.secret, now() + %s::interval, new.codes, new.secret"
            " FROM (SELECT %s::text AS secret, %s::text AS codes) AS new"
            " ON CONFLICT (tenant_id, uid) DO UPDATE"
            " SET pending_secret = excluded.pending_secret,"
            "     pending_expires_at = excluded.pending_expires_at,"
            "     pending_codes = excluded.pending_codes,"
            "     pending_codes_of = excluded.pending_codes_of"
            " WHERE totp.enrolled_at IS NULL"
            " RETURNING uid",
        .repeatable = 1,
    },
    [CONFIRM] = {
        .label = "totp_confirm",
        .sql =
            "WITH member AS (" RAISED_MEMBER
            "), proof AS ("
            "  SELECT %s::bigint AS step, %s::text AS secret"
            "), enrolled AS ("
            "  UPDATE cloudep.totp AS totp"
            "  SET secret = totp.pending_secret,"
            "      enrolled_at = now(),"
            "      last_step = proof.step,"
            "      pending_secret = NULL,"
            "      pending_expires_at = NULL,"
            "      pending_codes = NULL,"
            "      pending_codes_of = NULL,"
            "      backup_generation = totp.backup_generation + 1"
            "  FROM member, proof"
            "  WHERE totp.tenant_id = member.tenant_id"
            "    AND totp.uid = member.uid"
            "    AND totp.enrolled_at IS NULL"
            "    AND totp.pending_secret = proof.secret"
            "    AND totp.pending_expires_at > now()"
            "    AND totp.last_step < proof.step"
            "  RETURNING totp.tenant_id, totp.uid, totp.backup_generation"
            "), " NEW_CODES("enrolled")
            ", undo AS ("
            "  INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at)"
            "  SELECT enrolled.tenant_id, enrolled.uid, link.digest,"
            "         '" CLOUDEP_LINK_UNDO "', '" CLOUDEP_UNDOES_TOTP "', now(), now() + link.lifetime"
            "  FROM enrolled, (SELECT %s::text AS digest, %s::interval AS lifetime) AS link"
            "  WHERE link.digest IS NOT NULL"
            "), unlocked AS (" CLOUDEP_SQL_FORGET_FAILURES_AT(CLOUDEP_BUDGET_FACTOR, "enrolled")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("enrolled") ")"
            " SELECT uid FROM enrolled",
    },
    [RENEW_CODES] = {
        .label = "totp_renew_codes",
        .sql =
            "WITH member AS (" RAISED_MEMBER
            "), renewed AS ("
            "  UPDATE cloudep.totp AS totp"
            "  SET backup_generation = totp.backup_generation + 1"
            "  FROM member"
            "  WHERE totp.tenant_id = member.tenant_id"
            "    AND totp.uid = member.uid"
            "    AND totp.enrolled_at IS NOT NULL"
            "  RETURNING totp.tenant_id, totp.uid, totp.backup_generation"
            "), " NEW_CODES("renewed")
            ", mail AS (" CLOUDEP_SQL_ENQUEUE("renewed") ")"
            " SELECT uid FROM renewed",
    },
    [REMOVE] = {
        .label = "totp_remove",
        .sql =
            "WITH member AS (" RAISED_MEMBER
            "), before AS ("
            "  SELECT totp.tenant_id, totp.uid, totp.enrolled_at IS NOT NULL AS enrolled"
            "  FROM member, cloudep.totp AS totp"
            "  WHERE totp.tenant_id = member.tenant_id"
            "    AND totp.uid = member.uid"
            "  FOR UPDATE OF totp"
            "), " CLOUDEP_SQL_CLEAR_TOTP("before", "") ", told AS ("
            "  SELECT tenant_id, uid"
            "  FROM before"
            "  WHERE enrolled"
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("told") ")"
            " SELECT uid FROM member",
    },
    /* After REMOVE, so that a proof which was committed while that waited is seen. A passkey's stays. */
    [FORGET_PROOFS] = {
        .label = "totp_forget_proofs",
        .sql =
            "UPDATE cloudep.sessions"
            " SET mfa_at = NULL, mfa_method = NULL"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND id IS DISTINCT FROM %s::uuid"
            "   AND mfa_method IN ('" CLOUDEP_MFA_TOTP "', '" CLOUDEP_MFA_BACKUP_CODE "')",
    },
    /* What the authenticator alone has opened ends with it. */
    [END_OPENED] = {
        .label = "totp_end_opened",
        .sql =
            "UPDATE cloudep.sessions AS session"
            " SET revoked_at = now(), revoke_reason = 'authenticator removed'"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.uid = %s::uuid"
            "   AND session.opened_with = '" CLOUDEP_OPENED_TOTP "'"
            "   AND " CLOUDEP_SQL_LIVE("session"),
    },
    [STEP_UP_BY_STEP] = {
        .label = "totp_step_up_by_step",
        .sql = STEP_UP(BURN_STEP),
    },
    [STEP_UP_BY_CODE] = {
        .label = "totp_step_up_by_code",
        .sql = STEP_UP(BURN_CODE),
    },
    [LOGIN_BY_STEP] = {
        .label = "totp_login_by_step",
        .sql = LOGIN(BURN_STEP, CLOUDEP_BUDGET_FACTOR),
    },
    [LOGIN_BY_CODE] = {
        .label = "totp_login_by_code",
        .sql = LOGIN(BURN_CODE, CLOUDEP_BUDGET_FACTOR),
    },
    [LOGIN_ALONE] = {
        .label = "totp_login_alone",
        .sql = LOGIN(BURN_STEP, CLOUDEP_BUDGET_PASSWORD),
    },
};

/* The columns of LOAD, and those of LOGIN_BY_... */
enum {
    TENANT = CLOUDEP_TOTP_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, ""),
    MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT
};
enum { ALLOWED, SESSION = ALLOWED + 2 };
/* clang-format on */
const cloudep_statement_list_t cloudep_totp_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_totp_load(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t **out, const char *tenant_id,
                               const char *uid)
{
    cloudep_totp_t *totp = apr_pcalloc(p, sizeof(*totp));
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[LOAD], CLOUDEP_ARGS(tenant_id, uid));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    cloudep_record_read(totp, p, &record, rows, 0, 0);
    totp->tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    *out = totp;
    rv = cloudep_member_of_row(p, &totp->member, rows, 0, MEMBER);
    return rv == APR_SUCCESS && !totp->secret != !totp->member->totp_enrolled ? CLOUDEP_EDATA : rv;
}

apr_status_t cloudep_totp_begin(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                const char *secret, const char *codes)
{
    const char *lifetime = cloudep_arg_seconds(p, CLOUDEP_TOTP_PENDING_LIFETIME);
    apr_status_t rv =
        cloudep_db_run_one(db, p, NULL, &statements[BEGIN], CLOUDEP_ARGS(tenant_id, uid, lifetime, secret, codes));

    return rv == APR_NOTFOUND ? CLOUDEP_ECONFLICT : rv;
}

apr_status_t cloudep_totp_confirm(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_enrolment_t *right, const char *codes, const char *undo,
                                  const cloudep_message_t *message)
{
    cloudep_args_t *args =
        CLOUDEP_ARGS(totp->member->tenant_id, totp->member->uid, cloudep_arg_number(p, right->step),
                     totp->pending_secret, codes, undo, cloudep_arg_seconds(p, CLOUDEP_UNDO_LIFETIME), right->network);

    cloudep_message_args(args, message);
    return cloudep_db_run_one(db, p, NULL, &statements[CONFIRM], args);
}

apr_status_t cloudep_totp_renew_codes(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *codes, const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, codes);

    cloudep_message_args(args, message);
    return cloudep_db_run_one(db, p, NULL, &statements[RENEW_CODES], args);
}

apr_status_t cloudep_totp_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 const char *session_id, const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
    cloudep_step_t steps[] = {
        {.st = &statements[REMOVE], .args = args},
        {.st = &statements[FORGET_PROOFS], .args = CLOUDEP_ARGS(tenant_id, uid, session_id)},
        {.st = &statements[END_OPENED], .args = CLOUDEP_ARGS(tenant_id, uid)},
    };
    apr_status_t rv;

    cloudep_message_args(args, message);
    rv = cloudep_db_transact(db, p, steps, 3);
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv; /* the member is gone, and all of it */
}

/* Appends what burns the proof, and what STEP_UP and LOGIN have after it. */
static void proof_args(cloudep_args_t *args, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                       const cloudep_message_t *message)
{
    if (proof->secret) {
        cloudep_arg(args, cloudep_arg_number(p, proof->step));
        cloudep_arg(args, proof->secret);
    }
    else {
        cloudep_arg(args, proof->code);
    }
    cloudep_arg(args, proof->network);
    cloudep_message_args(args, message);
}

apr_status_t cloudep_totp_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_totp_proof_t *proof, const char *session_id,
                                  const cloudep_message_t *message)
{
    const cloudep_statement_t *st = &statements[proof->secret ? STEP_UP_BY_STEP : STEP_UP_BY_CODE];
    cloudep_args_t *args = CLOUDEP_ARGS(totp->member->tenant_id, totp->member->uid);
    cloudep_rows_t *rows;
    apr_status_t rv;

    proof_args(args, p, proof, message);
    cloudep_arg(args, proof->secret ? CLOUDEP_MFA_TOTP : CLOUDEP_MFA_BACKUP_CODE);
    cloudep_arg(args, session_id);
    cloudep_arg(args, session_id);
    rv = cloudep_db_run_one(db, p, &rows, st, args);
    return rv == APR_SUCCESS && !cloudep_cell_true(rows, 0, 0) ? CLOUDEP_EREFUSED : rv;
}

static apr_status_t login(cloudep_db_t *db, apr_pool_t *p, const cloudep_statement_t *st,
                          const cloudep_totp_proof_t *proof, cloudep_session_t *session,
                          const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid, session->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    proof_args(args, p, proof, message);
    cloudep_session_args(args, p, session);
    if ((rv = cloudep_db_run(db, p, &rows, st, args)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_allowed(rows, 0, ALLOWED)) != APR_SUCCESS) {
        return rv;
    }
    if (!cloudep_cell(rows, 0, SESSION)) {
        return APR_NOTFOUND;
    }
    cloudep_session_of_row(session, p, rows, 0, SESSION);
    return APR_SUCCESS;
}

apr_status_t cloudep_totp_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                cloudep_session_t *session, const cloudep_message_t *message)
{
    return login(db, p, &statements[proof->secret ? LOGIN_BY_STEP : LOGIN_BY_CODE], proof, session, message);
}

apr_status_t cloudep_totp_login_alone(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                      cloudep_session_t *session)
{
    static const cloudep_message_t none = {0};

    return login(db, p, &statements[LOGIN_ALONE], proof, session, &none);
}
