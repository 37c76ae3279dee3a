/*
 * session_store.c - opens, looks up, rotates and ends sessions.
 */
#include "base/store/session_store.h"

#include <apr_strings.h>

/* clang-format off */
static const cloudep_statement_t open_session = {
    .label = "session_open",
    .sql = "WITH " CLOUDEP_SQL_LOCK_MEMBER ","
           " s AS (" CLOUDEP_SQL_OPEN_SESSION("m") ")"
           " SELECT (SELECT count(*) FROM active), (SELECT count(*) FROM m), " CLOUDEP_SQL_SESSION_COLUMNS
           " FROM (SELECT) one LEFT JOIN s ON true",
};
/* clang-format on */

/*
 * A session is found by its primary key. Its uid is compared by IS NOT DISTINCT FROM, which no index serves, so that
 * PostgreSQL never goes through all sessions of a member instead: there may be thousands.
 */
static const cloudep_statement_t principal = {
    .label = "session_principal",
    .sql = "SELECT s.amr, " CLOUDEP_SQL_SECONDS(
        "s.mfa_at") ", " CLOUDEP_MEMBER_COLUMNS " FROM cloudep.sessions s"
                    " LEFT JOIN cloudep.members m ON m.tenant_id = s.tenant_id AND m.uid = s.uid"
                    " LEFT JOIN cloudep.totp o ON o.tenant_id = s.tenant_id AND o.uid = s.uid"
                    " WHERE s.tenant_id = %s::uuid AND s.id = %s::uuid AND s.uid IS NOT DISTINCT FROM %s::uuid"
                    " AND s.revoked_at IS NULL AND s.expires_at > now() AND " CLOUDEP_SQL_CURRENT,
    .repeatable = 1,
};

/*
 * All CASEs see the row as it is once its lock is held, so of many parallel turns one advances the generation and
 * the others find it advanced: within the grace that is a repeat, later it is theft.
 */
#define IN_GRACE "s.refresh_seq = a.seq + 1 AND s.rotated_at > now() - a.grace"
static const cloudep_statement_t rotate = {
    .label = "session_rotate",
    .sql = "WITH a AS (SELECT %s::integer AS seq, %s::interval AS grace, %s::interval AS idle)"
           " UPDATE cloudep.sessions s SET"
           " refresh_seq = CASE WHEN s.refresh_seq = a.seq THEN a.seq + 1 ELSE s.refresh_seq END,"
           " rotated_at = CASE WHEN s.refresh_seq = a.seq THEN now() ELSE s.rotated_at END,"
           " idle_expires_at = CASE WHEN s.refresh_seq = a.seq THEN least(now() + a.idle, s.expires_at)"
           " ELSE s.idle_expires_at END,"
           " revoked_at = CASE WHEN s.refresh_seq > a.seq AND NOT (" IN_GRACE ") THEN now() END,"
           " revoke_reason = CASE WHEN s.refresh_seq > a.seq AND NOT (" IN_GRACE ") THEN 'refresh token reused' END"
           " FROM a, cloudep.members m"
           " WHERE s.tenant_id = %s::uuid AND s.id = %s::uuid AND s.uid IS NOT DISTINCT FROM %s::uuid AND "
           "s.refresh_seq >= a.seq"
           " AND s.revoked_at IS NULL AND s.expires_at > now() AND s.idle_expires_at > now()"
           " AND m.tenant_id = s.tenant_id AND m.uid = s.uid AND m.status = 'active'"
           " AND " CLOUDEP_SQL_CURRENT
           " RETURNING s.revoked_at IS NOT NULL, coalesce(s.rotated_at = now(), false), s.amr, s.refresh_seq,"
           " " CLOUDEP_SQL_SECONDS("s.auth_time") ", " CLOUDEP_SQL_SECONDS(
               "coalesce(s.rotated_at, s.created_at)") ", " CLOUDEP_SQL_SECONDS("s.idle_expires_at"),
};

static const cloudep_statement_t end = {
    .label = "session_end",
    .sql = "UPDATE cloudep.sessions SET revoked_at = now(), revoke_reason = %s"
           " WHERE tenant_id = %s::uuid AND id = %s::uuid AND revoked_at IS NULL RETURNING id",
    .repeatable = 1,
};

static const char *seconds(apr_pool_t *p, int n)
{
    return apr_psprintf(p, "%d seconds", n);
}

void cloudep_session_args(apr_pool_t *p, const cloudep_session_t *session, cloudep_args_t *args)
{
    cloudep_arg(args, session->id);
    cloudep_arg(args, session->address);
    cloudep_arg(args, session->user_agent);
    cloudep_arg(args, session->opened_with);
    cloudep_arg(args, session->amr);
    cloudep_arg(args, seconds(p, session->idle));
    cloudep_arg(args, seconds(p, session->lifetime));
}

void cloudep_session_of_row(cloudep_session_t *session, const cloudep_rows_t *rows, int row, int column)
{
    session->refresh_seq = (int)apr_atoi64(cloudep_cell(rows, row, column));
    session->auth_time = apr_atoi64(cloudep_cell(rows, row, column + 1));
    session->rotated_at = apr_atoi64(cloudep_cell(rows, row, column + 2));
    session->idle_expires_at = apr_atoi64(cloudep_cell(rows, row, column + 3));
}

apr_status_t cloudep_session_locked_member(const cloudep_rows_t *rows)
{
    if (!apr_atoi64(cloudep_cell(rows, 0, 0))) {
        return CLOUDEP_EREFUSED;
    }
    return apr_atoi64(cloudep_cell(rows, 0, 1)) ? APR_SUCCESS : CLOUDEP_ECHANGED;
}

apr_status_t cloudep_session_open(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid, session->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(p, session, args);
    if ((rv = cloudep_db_run(db, p, &rows, &open_session, args)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_locked_member(rows)) == APR_SUCCESS) {
        cloudep_session_of_row(session, rows, 0, 2);
    }
    return rv;
}

apr_status_t cloudep_session_principal(cloudep_db_t *db, apr_pool_t *p, cloudep_live_session_t *live,
                                       const char *tenant_id, const char *session_id, const char *uid)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, session_id, uid);
    const char *mfa_at;
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &principal, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count == 0) {
        return APR_NOTFOUND;
    }
    live->amr = cloudep_cell(rows, 0, 0);
    mfa_at = cloudep_cell(rows, 0, 1);
    live->mfa_at = mfa_at ? apr_atoi64(mfa_at) : 0;
    rv = cloudep_member_of_row(p, &live->member, rows, 0, 2);
    if (rv == APR_SUCCESS && live->member && live->member->status != CLOUDEP_MEMBER_ACTIVE) {
        return APR_NOTFOUND;
    }
    return rv;
}

apr_status_t cloudep_session_rotate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace,
                                    cloudep_rotation_e *outcome)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(apr_itoa(p, seq), seconds(p, grace), seconds(p, session->idle),
                                              session->tenant_id, session->id, session->uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &rotate, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count == 0) {
        *outcome = CLOUDEP_ROTATION_REFUSED;
        return APR_SUCCESS;
    }
    session->amr = cloudep_cell(rows, 0, 2);
    cloudep_session_of_row(session, rows, 0, 3);
    *outcome = cloudep_cell_true(rows, 0, 0)   ? CLOUDEP_ROTATION_REUSED
               : cloudep_cell_true(rows, 0, 1) ? CLOUDEP_ROTATED
                                               : CLOUDEP_ROTATION_REPEATED;
    return APR_SUCCESS;
}

apr_status_t cloudep_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *session_id,
                                 const char *reason)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(reason, tenant_id, session_id);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &end, args);

    return rv == APR_SUCCESS && rows->count == 0 ? APR_NOTFOUND : rv;
}
