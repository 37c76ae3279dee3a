/*
 * operator_watch_store.c - the operator's statements on lockouts and events: what went wrong, and for whom.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>

#define UTC CLOUDEP_OPERATOR_UTC
/* A lockout's key, "kind/subject", taken apart; the subject may hold any character. */
#define KIND_OF_KEY "split_part(%s, '/', 1)"
#define SUBJECT_OF_KEY "regexp_replace(%s, '^[^/]*/?', '')"

static const cloudep_statement_t lockout_list = {
    .label = "operator_lockout_list",
    .sql = "SELECT json_build_object('key', l.kind || '/' || l.subject, 'kind', l.kind, 'subject', l.subject,"
           " 'failures', l.failures, 'last_at', to_char(l.last_at" UTC "),"
           " 'blocked_until', to_char(l.blocked_until" UTC "))"
           " FROM cloudep.lockouts l WHERE l.tenant_id = %s::uuid AND (%s::boolean OR l.blocked_until > now())"
           " AND (l.kind, l.subject) > (coalesce(" KIND_OF_KEY ", ''), coalesce(" SUBJECT_OF_KEY ", ''))"
           " ORDER BY l.kind, l.subject LIMIT %s::integer",
    .repeatable = 1,
};

static const cloudep_statement_t lockout_clear = {
    .label = "operator_lockout_clear",
    .sql =
        "WITH cleared AS (DELETE FROM cloudep.lockouts l WHERE l.tenant_id = %s::uuid"
        " AND ((l.kind = " KIND_OF_KEY " AND l.subject = " SUBJECT_OF_KEY ") OR l.subject = lower(%s) OR %s::boolean)"
        " RETURNING l.kind)"
        " SELECT json_build_object('lockouts_cleared', (SELECT count(*) FROM cleared))",
    .repeatable = 1,
};

static const cloudep_statement_t event_list = {
    .label = "operator_event_list",
    .sql = "SELECT json_build_object('id', e.id, 'at', to_char(e.at" UTC "), 'name', e.name, 'outcome', e.outcome,"
           " 'reason', e.reason, 'uid', e.uid, 'method', e.method, 'address', e.address, 'user_agent', e.user_agent,"
           " 'request_id', e.request_id)"
           " FROM cloudep.events e WHERE e.tenant_id = %s::uuid AND (%s IS NULL OR e.uid = %s::uuid)"
           " AND e.name = coalesce(%s, e.name) AND (%s IS NULL OR e.id < %s::bigint)"
           " ORDER BY e.id DESC LIMIT %s::integer",
    .repeatable = 1,
};

apr_status_t cloudep_operator_lockout_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                           const char *tenant_id, int over, const char *after, int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, over ? "true" : "false", after, after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &lockout_list, args);
}

apr_status_t cloudep_operator_lockout_clear(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                            const char *tenant_id, const char *key, const char *uid, int all)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, key, key, uid, all ? "true" : "false");

    return cloudep_db_run(db, p, rows, &lockout_clear, args);
}

apr_status_t cloudep_operator_event_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                         const char *uid, const char *name, const char *after, int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, uid, name, after, after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &event_list, args);
}
