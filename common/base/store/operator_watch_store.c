/*
 * operator_watch_store.c - the operator's statements on lockouts and events: what went wrong, and for whom.
 */
#include <apr_strings.h>
#include "base/store/operator_store.h"
#include "base/store/statements.h"

#define LOCKOUT(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_lockout_t, kind, name)
static const cloudep_column_t lockout_columns[] = {CLOUDEP_OPERATOR_LOCKOUT_COLUMNS(LOCKOUT, LOCKOUT, "")};
const cloudep_record_t cloudep_operator_lockout_record = CLOUDEP_RECORD(cloudep_operator_lockout_t, lockout_columns);

#define EVENT(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_event_t, kind, name)
static const cloudep_column_t event_columns[] = {CLOUDEP_OPERATOR_EVENT_COLUMNS(EVENT, EVENT, "")};
const cloudep_record_t cloudep_operator_event_record = CLOUDEP_RECORD(cloudep_operator_event_t, event_columns);

enum { LOCKOUT_LIST, LOCKOUT_CLEAR, EVENT_LIST };

/* clang-format off */

/* A lockout's key, "kind/subject/network", taken apart; a network may have a "/" too. One argument each. */
#define KIND_OF_KEY "split_part(%s, '/', 1)"
#define SUBJECT_OF_KEY "split_part(%s, '/', 2)"
#define NETWORK_OF_KEY "regexp_replace(%s, '^[^/]*/?[^/]*/?', '')"

static const cloudep_statement_t statements[] = {
    [LOCKOUT_LIST] = {
        .label = "operator_lockout_list",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_LOCKOUT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "lockout")
            " FROM cloudep.budgets AS lockout"
            " WHERE lockout.tenant_id = %s::uuid"
            "   AND (%s::boolean OR lockout.blocked_until > now())"
            "   AND (lockout.kind, lockout.subject, lockout.network)"
            "       > (coalesce(" KIND_OF_KEY ", ''), coalesce(" SUBJECT_OF_KEY ", ''), coalesce(" NETWORK_OF_KEY ", ''))"
            " ORDER BY lockout.kind, lockout.subject, lockout.network"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [LOCKOUT_CLEAR] = {
        .label = "operator_lockout_clear",
        .sql =
            "WITH cleared AS ("
            "  DELETE FROM cloudep.budgets AS lockout"
            "  WHERE lockout.tenant_id = %s::uuid"
            "    AND ((lockout.kind = " KIND_OF_KEY
            "          AND lockout.subject = " SUBJECT_OF_KEY
            "          AND lockout.network = " NETWORK_OF_KEY ")"
            "      OR lockout.subject = lower(%s)"
            "      OR %s::boolean)"
            "  RETURNING lockout.kind"
            ")"
            " SELECT count(*) FROM cleared",
        .repeatable = 1,
    },
    [EVENT_LIST] = {
        .label = "operator_event_list",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_EVENT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "event")
            " FROM cloudep.events AS event"
            " WHERE event.tenant_id = %s::uuid"
            "   AND (%s IS NULL OR event.uid = %s::uuid)"
            "   AND event.name = coalesce(%s, event.name)"
            "   AND (%s IS NULL OR event.id < %s::bigint)"
            " ORDER BY event.id DESC"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_operator_watch_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_operator_lockout_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                           const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_lockout_record, &statements[LOCKOUT_LIST],
                               CLOUDEP_ARGS(filter->tenant_id, cloudep_arg_boolean(filter->over), filter->after,
                                            filter->after, filter->after, apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_lockout_clear(cloudep_db_t *db, apr_pool_t *p, int *count,
                                            const cloudep_operator_selection_t *selection)
{
    return cloudep_db_number(count, p, db, &statements[LOCKOUT_CLEAR],
                             CLOUDEP_ARGS(selection->tenant_id, selection->own, selection->own, selection->own,
                                          selection->uid, cloudep_arg_boolean(selection->all)));
}

apr_status_t cloudep_operator_event_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                         const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_event_record, &statements[EVENT_LIST],
                               CLOUDEP_ARGS(filter->tenant_id, filter->uid, filter->uid, filter->name, filter->after,
                                            filter->after, apr_itoa(p, filter->limit)));
}
