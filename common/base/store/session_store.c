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

enum { OPEN, AGAIN, PRINCIPAL, ROTATE, END };

/* clang-format off */

/* Of ROTATE: the generation before the present one, which has been that for a short time. */
#define IN_GRACE "session.refresh_seq = given.seq + 1 AND session.rotated_at > now() - given.grace"

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
            "SELECT session.amr, " CLOUDEP_SQL_SECONDS("session.mfa_at") ","
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
            " SET refresh_seq = CASE WHEN session.refresh_seq = given.seq THEN given.seq + 1"
            "                        ELSE session.refresh_seq END,"
            "     rotated_at = CASE WHEN session.refresh_seq = given.seq THEN now()"
            "                       ELSE session.rotated_at END,"
            "     idle_expires_at = CASE WHEN session.refresh_seq = given.seq"
            "                            THEN least(now() + given.idle, session.expires_at)"
            "                            ELSE session.idle_expires_at END,"
            "     revoked_at = CASE WHEN session.refresh_seq > given.seq AND NOT (" IN_GRACE ")"
            "                       THEN now() END,"
            "     revoke_reason = CASE WHEN session.refresh_seq > given.seq AND NOT (" IN_GRACE ")"
            "                          THEN 'refresh token reused' END"
            " FROM given, cloudep.members AS member, cloudep.tenants AS tenant"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.id = %s::uuid"
            "   AND session.uid IS NOT DISTINCT FROM %s::uuid"
            "   AND session.refresh_seq >= given.seq"
            "   AND " CLOUDEP_SQL_LIVE("session")
            "   AND session.idle_expires_at > now()"
            "   AND member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            "   AND member.status = 'active'"
            "   AND " CLOUDEP_SQL_CURRENT("session", "member")
            "   AND tenant.id = session.tenant_id"
            "   AND tenant.login"
            " RETURNING session.revoked_at IS NOT NULL,"
            "           coalesce(session.rotated_at = now(), false),"
            "           session.amr,"
            "           " CLOUDEP_SQL_SESSION("session"),
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
/* The columns of OPEN, of AGAIN, of PRINCIPAL, and of ROTATE. */
enum { ALLOWED, OPENED_SESSION = ALLOWED + 2 };
enum { AMR_OF_FIRST, AS_OPENED, FIRST_SESSION };
enum { AMR, MFA_AT, MEMBER };
enum { REUSED, TURNED, AMR_OF_ROTATED, ROTATED_SESSION };
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
    const char *mfa_at;
    cloudep_rows_t *rows;
    apr_status_t rv =
        cloudep_db_run_one(db, p, &rows, &statements[PRINCIPAL], CLOUDEP_ARGS(tenant_id, session_id, uid));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    live->amr = cloudep_cell(rows, 0, AMR);
    mfa_at = cloudep_cell(rows, 0, MFA_AT);
    live->mfa_at = mfa_at ? apr_atoi64(mfa_at) : 0;
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

apr_status_t cloudep_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *session_id,
                                 const char *reason)
{
    return cloudep_db_run_one(db, p, NULL, &statements[END], CLOUDEP_ARGS(reason, tenant_id, session_id));
}
