/*
 * own_session_store.c - see own_session_store.h.
 */
#include "base/store/own_session_store.h"

#include <apr_strings.h>
#include <stddef.h>
#include "base/metrics.h"
#include "base/store/sql.h"
#include "base/store/statements.h"

#define SESSION(kind, name, sql) CLOUDEP_COLUMN(cloudep_own_session_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_OWN_SESSION_COLUMNS(SESSION, SESSION, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_own_session_t, columns);

enum { LIST, END, RAISE, LIMIT };

/* clang-format off */

/* A session that can still do something. Arguments of the second: the session that asks, which may do so until its
 * access token expires, whatever its idle life. */
#define USABLE(session, member) \
    CLOUDEP_SQL_LIVE(session) \
    " AND " CLOUDEP_SQL_CURRENT(session, member) \
    " AND " session ".idle_expires_at > now()"
#define USABLE_OR_KEPT(session, member) \
    CLOUDEP_SQL_LIVE(session) \
    " AND " CLOUDEP_SQL_CURRENT(session, member) \
    " AND (" session ".idle_expires_at > now() OR " session ".id = %s::uuid)"

static const cloudep_statement_t statements[] = {
    [LIST] = {
        .label = "own_sessions",
        .sql =
            "SELECT " CLOUDEP_OWN_SESSION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "session")
            " FROM cloudep.members AS member"
            " JOIN cloudep.sessions AS session"
            "   ON session.tenant_id = member.tenant_id"
            "   AND session.uid = member.uid"
            " CROSS JOIN (SELECT " CLOUDEP_SQL_FROM_MICROSECONDS("%s") " AS at, %s::uuid AS id) AS after"
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid"
            "   AND " USABLE_OR_KEPT("session", "member")
            "   AND (after.id IS NULL OR (session.created_at, session.id) < (after.at, after.id))"
            " ORDER BY session.created_at DESC, session.id DESC"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [END] = {
        .label = "own_session_end",
        .sql =
            "UPDATE cloudep.sessions AS session"
            " SET revoked_at = now(), revoke_reason = 'ended_by_member'"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.uid = %s::uuid"
            "   AND session.id = %s::uuid"
            "   AND " CLOUDEP_SQL_LIVE("session")
            " RETURNING session.id",
    },
    /*
     * Of two sessions that end each other the first to lock the member's row goes on: the other is of an older
     * generation then.
     */
    [RAISE] = {
        .label = "own_sessions_raise",
        .sql =
            "UPDATE cloudep.members AS member"
            " SET " CLOUDEP_SQL_RAISE_AND_END("member")
            " FROM cloudep.sessions AS session"
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid"
            "   AND session.tenant_id = member.tenant_id"
            "   AND session.uid = member.uid"
            "   AND session.id = %s::uuid"
            "   AND " CLOUDEP_SQL_LIVE("session")
            "   AND " CLOUDEP_SQL_CURRENT("session", "member")
            " RETURNING member.uid",
    },
    /* In one order, so that nobody waits for another's; what another has ended meanwhile is not counted once locked. */
    [LIMIT] = {
        .label = "own_sessions_limit",
        .sql =
            "WITH extra AS ("
            "  SELECT session.tenant_id, session.id"
            "  FROM cloudep.members AS member"
            "  JOIN cloudep.sessions AS session"
            "    ON session.tenant_id = member.tenant_id"
            "    AND session.uid = member.uid"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND " USABLE("session", "member")
            "  ORDER BY session.created_at DESC, session.id DESC"
            "  OFFSET %s::integer"
            "  FOR NO KEY UPDATE OF session"
            ")"
            " UPDATE cloudep.sessions AS session"
            " SET revoked_at = now(), revoke_reason = 'too_many_sessions'"
            " FROM extra"
            " WHERE session.tenant_id = extra.tenant_id"
            "   AND session.id = extra.id"
            " RETURNING session.id",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_own_session_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_own_sessions(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db, const char *tenant_id,
                                  const char *uid, const char *kept, const cloudep_cursor_t *cursor, int limit)
{
    return cloudep_record_list(
        out, p, db, &record, &statements[LIST],
        CLOUDEP_ARGS(cursor ? cursor->at : NULL, cursor ? cursor->id : NULL, tenant_id, uid, kept, apr_itoa(p, limit)));
}

apr_status_t cloudep_own_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const char *id)
{
    return cloudep_db_run_one(db, p, NULL, &statements[END], CLOUDEP_ARGS(tenant_id, uid, id));
}

apr_status_t cloudep_own_sessions_end_others(cloudep_db_t *db, apr_pool_t *p, int *ended, const char *tenant_id,
                                             const char *uid, const char *kept)
{
    cloudep_step_t steps[] = {
        {.st = &statements[RAISE], .args = CLOUDEP_ARGS(tenant_id, uid, kept)},
        {.st = cloudep_end_sessions(), .args = CLOUDEP_ARGS(kept, "ended_by_member", tenant_id, uid)},
    };
    apr_status_t rv = cloudep_db_transact(db, p, steps, 2);

    *ended = rv == APR_SUCCESS ? cloudep_count_ended(&steps[1]) : 0;
    return rv;
}

apr_status_t cloudep_own_sessions_limit(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                        int most)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &statements[LIMIT], CLOUDEP_ARGS(tenant_id, uid, apr_itoa(p, most)));

    if (rv == APR_SUCCESS) {
        cloudep_count(CLOUDEP_METRIC_SESSIONS_ENDED, "too_many_sessions", NULL, rows->count);
    }
    return rv;
}
