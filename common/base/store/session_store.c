/*
 * session_store.c - opens, looks up, rotates and ends sessions.
 */
#include "base/store/session_store.h"

#include <apr_strings.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

#define SESSION(kind, name, sql) CLOUDEP_COLUMN(cloudep_session_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_SESSION_COLUMNS(SESSION, SESSION, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_session_t, columns);

#define PROOF(kind, name, sql) CLOUDEP_COLUMN(cloudep_proofs_t, kind, name)
static const cloudep_column_t proof_columns[] = {CLOUDEP_PROOF_COLUMNS(PROOF, PROOF, "", "")};
const cloudep_record_t cloudep_proofs_record = CLOUDEP_RECORD(cloudep_proofs_t, proof_columns);

#define TURN(kind, name, sql) CLOUDEP_COLUMN(cloudep_turn_t, kind, name)
static const cloudep_column_t turn_columns[] = {CLOUDEP_TURN_COLUMNS(TURN, TURN, "")};
const cloudep_record_t cloudep_turn_record = CLOUDEP_RECORD(cloudep_turn_t, turn_columns);

enum { OPEN, AGAIN, PRINCIPAL, ROTATE, RENEW, SLIDE, REAUTHENTICATE, END };

/* clang-format off */

/*
 * Of ROTATE and RENEW: the generation before the present one, which has been that for a short time. now() is when our
 * transaction began, and the other turn may have begun after that: without a grace the clock says nothing.
 */
#define IN_GRACE \
            "session.refresh_seq = given.seq + 1" \
            " AND session.rotated_at > now() - given.grace" \
            " AND given.grace > '0'::interval"

/* Of ROTATE and RENEW: the columns of the next generation, where the present one is turned in. */
#define NEXT_TURN \
    "refresh_seq = CASE WHEN session.refresh_seq = given.seq THEN given.seq + 1" \
    "                   ELSE session.refresh_seq END," \
    " rotated_at = CASE WHEN session.refresh_seq = given.seq THEN now()" \
    "                   ELSE session.rotated_at END," \
    " idle_expires_at = CASE WHEN session.refresh_seq = given.seq" \
    "                        THEN least(now() + given.idle, session.expires_at)" \
    "                        ELSE session.idle_expires_at END"

/* Of both: a live session of an active member in a tenant that allows logins. Arguments: tenant_id, id, uid. */
#define MAY_TURN \
    "session.tenant_id = %s::uuid" \
    "   AND session.id = %s::uuid" \
    "   AND session.uid IS NOT DISTINCT FROM %s::uuid" \
    "   AND " CLOUDEP_SQL_LIVE("session") \
    "   AND session.idle_expires_at > now()" \
    "   AND member.tenant_id = session.tenant_id" \
    "   AND member.uid = session.uid" \
    "   AND member.status = 'active'" \
    "   AND " CLOUDEP_SQL_CURRENT("session", "member") \
    "   AND tenant.id = session.tenant_id" \
    "   AND tenant.login"

static const cloudep_statement_t statements[] = {
    [OPEN] = {
        .label = "session_open",
        .sql =
            "WITH active AS (" CLOUDEP_SQL_ACTIVE_MEMBER("SHARE")
            "), member AS (" CLOUDEP_SQL_OF_GENERATION("active")
            "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("member") ")"
            " SELECT EXISTS (SELECT FROM active), EXISTS (SELECT FROM member),"
            "        " CLOUDEP_SQL_SESSION("opened")
            " FROM (SELECT) AS always"
            " LEFT JOIN opened ON true",
    },
    [AGAIN] = {
        .label = "session_again",
        .sql =
            "SELECT session.amr,"
            "       session.refresh_seq = 1 AND " CLOUDEP_SQL_LIVE("session") " AND session.idle_expires_at > now()"
            "       AND " CLOUDEP_SQL_CURRENT("session", "member") ","
            "       " CLOUDEP_SQL_SESSION("session")
            " FROM cloudep.sessions AS session"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.id = %s::uuid"
            "   AND session.uid = %s::uuid",
        .repeatable = 1,
    },
    /*
     * A session is found by its primary key. Its uid is compared by IS NOT DISTINCT FROM, which no index serves, so
     * that PostgreSQL never goes through all sessions of a member instead: there may be thousands.
     */
    [PRINCIPAL] = {
        .label = "session_principal",
        .sql =
            "SELECT session.amr, " CLOUDEP_SQL_PROOFS("session", "totp") ","
            "       " CLOUDEP_SQL_TURN("session") ","
            "       " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.sessions AS session"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            CLOUDEP_SQL_JOIN_TOTP("totp", "session")
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.id = %s::uuid"
            "   AND session.uid IS NOT DISTINCT FROM %s::uuid"
            "   AND " CLOUDEP_SQL_LIVE("session")
            "   AND " CLOUDEP_SQL_CURRENT("session", "member"),
        .repeatable = 1,
    },
    /*
     * All CASEs see the row as it is once its lock is held, so of many parallel turns one advances the generation and
     * the others find it advanced: within the grace that is a repeat, later it is theft.
     */
    [ROTATE] = {
        .label = "session_rotate",
        .sql =
            "WITH given AS ("
            "  SELECT %s::integer AS seq, %s::interval AS grace, %s::interval AS idle"
            ")"
            " UPDATE cloudep.sessions AS session"
            " SET " NEXT_TURN ","
            "     revoked_at = CASE WHEN session.refresh_seq > given.seq AND NOT (" IN_GRACE ")"
            "                       THEN now() END,"
            "     revoke_reason = CASE WHEN session.refresh_seq > given.seq AND NOT (" IN_GRACE ")"
            "                          THEN 'refresh token reused' END"
            " FROM given, cloudep.members AS member, cloudep.tenants AS tenant"
            " WHERE " MAY_TURN
            "   AND session.refresh_seq >= given.seq"
            " RETURNING session.revoked_at IS NOT NULL,"
            "           coalesce(session.rotated_at = now(), false),"
            "           session.amr,"
            "           " CLOUDEP_SQL_SESSION("session"),
    },
    [RENEW] = {
        .label = "session_renew",
        .sql =
            "WITH given AS ("
            "  SELECT %s::integer AS seq, %s::interval AS grace, %s::interval AS idle"
            ")"
            " UPDATE cloudep.sessions AS session"
            " SET " NEXT_TURN
            " FROM given, cloudep.members AS member, cloudep.tenants AS tenant"
            " WHERE " MAY_TURN
            "   AND (session.refresh_seq = given.seq OR " IN_GRACE ")"
            " RETURNING session.amr, " CLOUDEP_SQL_SESSION("session"),
    },
    /* Of one that does not slide the end stays. Rows that are locked are passed over, so that two nodes never wait for each other. */
    [SLIDE] = {
        .label = "sessions_slide",
        .sql =
            "WITH used AS ("
            "  SELECT session.tenant_id, session.id, given.at,"
            "         CASE WHEN given.slides AND session.idle_expires_at > given.at"
            "              THEN least(given.at + %s::interval, session.expires_at)"
            "              ELSE session.idle_expires_at END AS ends"
            "  FROM (SELECT tenant_id, id, to_timestamp(at) AS at, slides"
            "        FROM unnest((SELECT %s::uuid[]), (SELECT %s::uuid[]), (SELECT %s::bigint[]), (SELECT %s::boolean[]))"
            "             AS noted (tenant_id, id, at, slides)"
            "       ) AS given"
            "  JOIN cloudep.sessions AS session"
            "    ON session.tenant_id = given.tenant_id"
            "    AND session.id = given.id"
            "  WHERE " CLOUDEP_SQL_LIVE("session")
            "  FOR NO KEY UPDATE OF session SKIP LOCKED"
            ")"
            " UPDATE cloudep.sessions AS session"
            " SET idle_expires_at = greatest(session.idle_expires_at, used.ends),"
            "     seen_at = greatest(session.seen_at, used.at)"
            " FROM used"
            " WHERE session.tenant_id = used.tenant_id"
            "   AND session.id = used.id"
            "   AND (session.idle_expires_at < used.ends OR session.seen_at IS NULL OR session.seen_at < used.at)",
        .repeatable = 1,
    },
    /* In a session that the authenticator has opened, the password is the second factor. */
    [REAUTHENTICATE] = {
        .label = "session_reauthenticate",
        .sql =
            "UPDATE cloudep.sessions AS session"
            " SET fresh_at = now(),"
            "     mfa_at = CASE WHEN session.opened_with = '" CLOUDEP_OPENED_TOTP "' THEN now() ELSE session.mfa_at END,"
            "     mfa_method = CASE WHEN session.opened_with = '" CLOUDEP_OPENED_TOTP "'"
            "                       THEN '" CLOUDEP_MFA_TOTP "' ELSE session.mfa_method END"
            " FROM cloudep.members AS member"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.id = %s::uuid"
            "   AND session.uid = %s::uuid"
            "   AND " CLOUDEP_SQL_LIVE("session")
            "   AND member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            "   AND member.status = 'active'"
            "   AND " CLOUDEP_SQL_CURRENT("session", "member")
            " RETURNING session.id",
        .repeatable = 1,
    },
    [END] = {
        .label = "session_end",
        .sql =
            "UPDATE cloudep.sessions"
            " SET revoked_at = now(), revoke_reason = %s"
            " WHERE tenant_id = %s::uuid"
            "   AND id = %s::uuid"
            "   AND revoked_at IS NULL"
            " RETURNING id",
        .repeatable = 1,
    },
};
/* clang-format on */
/* The columns of OPEN, of AGAIN, of PRINCIPAL, of ROTATE, and of RENEW. */
enum { ALLOWED, OPENED_SESSION = ALLOWED + 2 };
enum { AMR_OF_FIRST, AS_OPENED, FIRST_SESSION };
enum { AMR, PROOFS, TURN_OF = PROOFS + CLOUDEP_PROOF_COLUMN_COUNT, MEMBER = TURN_OF + CLOUDEP_TURN_COLUMN_COUNT };
enum { REUSED, TURNED, AMR_OF_ROTATED, ROTATED_SESSION };
enum { AMR_OF_RENEWED, RENEWED_SESSION };
const cloudep_statement_list_t cloudep_session_statements = CLOUDEP_STATEMENT_LIST(statements);

void cloudep_session_args(cloudep_args_t *args, apr_pool_t *p, const cloudep_session_t *session)
{
    cloudep_arg(args, session->id);
    cloudep_arg(args, session->amr);
    cloudep_arg(args, session->mfa_method);
    cloudep_arg(args, session->opened_with);
    cloudep_arg(args, session->address);
    cloudep_arg(args, session->user_agent);
    cloudep_arg(args, cloudep_arg_seconds(p, session->idle));
    cloudep_arg(args, cloudep_arg_seconds(p, session->lifetime));
}

void cloudep_session_of_row(cloudep_session_t *session, apr_pool_t *p, const cloudep_rows_t *rows, int row, int column)
{
    cloudep_record_read(session, p, &record, rows, row, column);
}

apr_status_t cloudep_session_allowed(const cloudep_rows_t *rows, int row, int column)
{
    if (!cloudep_cell_true(rows, row, column)) {
        return CLOUDEP_EREFUSED;
    }
    return cloudep_cell_true(rows, row, column + 1) ? APR_SUCCESS : CLOUDEP_ECHANGED;
}

apr_status_t cloudep_session_open(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid, session->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(args, p, session);
    if ((rv = cloudep_db_run(db, p, &rows, &statements[OPEN], args)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_allowed(rows, 0, ALLOWED)) == APR_SUCCESS) {
        cloudep_session_of_row(session, p, rows, 0, OPENED_SESSION);
    }
    return rv;
}

apr_status_t cloudep_session_again(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[AGAIN],
                                         CLOUDEP_ARGS(session->tenant_id, session->id, session->uid));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    session->amr = cloudep_cell(rows, 0, AMR_OF_FIRST);
    cloudep_session_of_row(session, p, rows, 0, FIRST_SESSION);
    return cloudep_cell_true(rows, 0, AS_OPENED) ? APR_SUCCESS : CLOUDEP_EREFUSED;
}

apr_status_t cloudep_session_principal(cloudep_db_t *db, apr_pool_t *p, cloudep_live_session_t *live,
                                       const char *tenant_id, const char *session_id, const char *uid)
{
    cloudep_rows_t *rows;
    apr_status_t rv =
        cloudep_db_run_one(db, p, &rows, &statements[PRINCIPAL], CLOUDEP_ARGS(tenant_id, session_id, uid));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    live->amr = cloudep_cell(rows, 0, AMR);
    cloudep_record_read(&live->proofs, p, &cloudep_proofs_record, rows, 0, PROOFS);
    cloudep_record_read(&live->turn, p, &cloudep_turn_record, rows, 0, TURN_OF);
    rv = cloudep_member_of_row(p, &live->member, rows, 0, MEMBER);
    if (rv == APR_SUCCESS && live->member && live->member->status != CLOUDEP_MEMBER_ACTIVE) {
        return APR_NOTFOUND;
    }
    return rv;
}

apr_status_t cloudep_session_rotate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace,
                                    cloudep_rotation_e *outcome)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(apr_itoa(p, seq), cloudep_arg_seconds(p, grace), cloudep_arg_seconds(p, session->idle),
                     session->tenant_id, session->id, session->uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[ROTATE], args);

    if (rv == APR_NOTFOUND) {
        *outcome = CLOUDEP_ROTATION_REFUSED;
        return APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    session->amr = cloudep_cell(rows, 0, AMR_OF_ROTATED);
    cloudep_session_of_row(session, p, rows, 0, ROTATED_SESSION);
    *outcome = cloudep_cell_true(rows, 0, REUSED)   ? CLOUDEP_ROTATION_REUSED
               : cloudep_cell_true(rows, 0, TURNED) ? CLOUDEP_ROTATED
                                                    : CLOUDEP_ROTATION_REPEATED;
    return APR_SUCCESS;
}

apr_status_t cloudep_session_renew(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(apr_itoa(p, seq), cloudep_arg_seconds(p, grace), cloudep_arg_seconds(p, session->idle),
                     session->tenant_id, session->id, session->uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[RENEW], args);

    if (rv == APR_SUCCESS) {
        session->amr = cloudep_cell(rows, 0, AMR_OF_RENEWED);
        cloudep_session_of_row(session, p, rows, 0, RENEWED_SESSION);
    }
    return rv;
}

/* "{a,b,c}" of n texts. */
static const char *array_of(apr_pool_t *p, const apr_array_header_t *texts)
{
    return apr_pstrcat(p, "{", apr_array_pstrcat(p, texts, ','), "}", NULL);
}

apr_status_t cloudep_sessions_slide(cloudep_db_t *db, apr_pool_t *p, const cloudep_use_t *uses, int n, int idle)
{
    apr_array_header_t *tenants = apr_array_make(p, n, sizeof(const char *));
    apr_array_header_t *ids = apr_array_make(p, n, sizeof(const char *));
    apr_array_header_t *times = apr_array_make(p, n, sizeof(const char *));
    apr_array_header_t *slides = apr_array_make(p, n, sizeof(const char *));

    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(slides, const char *) = cloudep_arg_boolean(uses[i].slides);
        APR_ARRAY_PUSH(tenants, const char *) = uses[i].tenant_id;
        APR_ARRAY_PUSH(ids, const char *) = uses[i].session_id;
        APR_ARRAY_PUSH(times, const char *) = apr_psprintf(p, "%" APR_INT64_T_FMT, uses[i].at);
    }
    return cloudep_db_run(db, p, NULL, &statements[SLIDE],
                          CLOUDEP_ARGS(cloudep_arg_seconds(p, idle), array_of(p, tenants), array_of(p, ids),
                                       array_of(p, times), array_of(p, slides)));
}

apr_status_t cloudep_session_reauthenticated(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id,
                                             const char *session_id, const char *uid)
{
    return cloudep_db_run_one(db, p, NULL, &statements[REAUTHENTICATE], CLOUDEP_ARGS(tenant_id, session_id, uid));
}

apr_status_t cloudep_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *session_id,
                                 const char *reason)
{
    return cloudep_db_run_one(db, p, NULL, &statements[END], CLOUDEP_ARGS(reason, tenant_id, session_id));
}
