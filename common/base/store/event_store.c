/*
 * event_store.c - see event_store.h.
 */
#include "base/store/event_store.h"

#include <stdlib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "base/store/record.h"
#include "base/store/statements.h"
#include "base/text/json.h"

#define OWN_EVENT(kind, name, sql) CLOUDEP_COLUMN(cloudep_own_event_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_OWN_EVENT_COLUMNS(OWN_EVENT, OWN_EVENT, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_own_event_t, columns);

enum { STORE, EXPIRE, ERASE, OWN };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [STORE] = {
        .label = "events_store",
        .sql =
            "INSERT INTO cloudep.events"
            " (tenant_id, at, name, outcome, reason, uid, method, address, user_agent, request_id, count)"
            " SELECT given.tenant_id, to_timestamp(given.at / 1e6), given.event, given.outcome,"
            "        given.reason, given.uid, given.method, given.address, given.user_agent, given.request_id,"
            "        coalesce(given.count, 1)"
            " FROM json_to_recordset(%s::json) AS given"
            "      (tenant_id uuid, at double precision, event text, outcome text, reason text, uid uuid,"
            "       method text, address text, user_agent text, request_id text, count integer)",
    },
    /* The role of httpd may not delete events; the function does, from an age of a day on. */
    [EXPIRE] = {
        .label = "events_expire",
        .sql = "SELECT cloudep.expire_events(%s::interval)",
        .repeatable = 1,
    },
    [ERASE] = {
        .label = "events_erase",
        .sql = "SELECT cloudep.erase_events(%s::uuid, %s::uuid)",
    },
    /* By the index on tenant, uid and time, from the cursor on. */
    [OWN] = {
        .label = "events_own",
        .sql =
            "SELECT " CLOUDEP_OWN_EVENT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "event")
            " FROM (SELECT " CLOUDEP_SQL_FROM_MICROSECONDS("%s") " AS at, %s::bigint AS id) AS after,"
            "      cloudep.events AS event"
            " WHERE event.tenant_id = %s::uuid"
            "   AND event.uid = %s::uuid"
            "   AND event.at <= coalesce(after.at, 'infinity')"
            "   AND (after.id IS NULL OR (event.at, event.id) < (after.at, after.id))"
            " ORDER BY event.at DESC, event.id DESC"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_event_statements = CLOUDEP_STATEMENT_LIST(statements);

/* What httpd would write with a backslash goes, as JSON and httpd do not agree on how many of them that takes. */
static const char *without_quotes(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);

    for (char *c = copy; c && *c; c++) {
        if (*c == '"' || *c == '\\') {
            *c = '\'';
        }
    }
    return copy;
}

static json_t *event_of(const cloudep_event_t *event, const char *user_agent)
{
    return json_pack("{ss,ss,ss,ss*,ss*,ss*,ss*,ss*,ss*,ss*}", "event", event->name, "result",
                     event->success ? "success" : "failure", "outcome", event->outcome, "reason", event->reason,
                     "tenant_id", event->tenant_id, "uid", event->uid, "method", event->method, "address",
                     event->address, "user_agent", user_agent, "request_id", event->request_id);
}

static const char *text_of(json_t *json, apr_pool_t *p)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    const char *copy = text ? apr_pstrdup(p, text) : NULL;

    free(text);
    json_decref(json);
    return copy;
}

const char *cloudep_event_line(const cloudep_event_t *event, apr_pool_t *p)
{
    json_t *json = event_of(event, without_quotes(p, event->user_agent));

    if (json && event->trace_id && json_object_set_new(json, "trace_id", json_string(event->trace_id))) {
        json_decref(json);
        json = NULL;
    }
    return text_of(json, p);
}

const char *cloudep_event_record(const cloudep_event_t *event, apr_pool_t *p)
{
    json_t *json = event_of(event, event->user_agent);

    if (json && json_object_set_new(json, "at", json_integer(event->at))) {
        json_decref(json);
        json = NULL;
    }
    return text_of(json, p);
}

apr_status_t cloudep_events_store(cloudep_db_t *db, apr_pool_t *p, char *const *records, int count)
{
    apr_array_header_t *parts = apr_array_make(p, count, sizeof(char *));
    const char *array;

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(parts, char *) = records[i];
    }
    array = apr_pstrcat(p, "[", apr_array_pstrcat(p, parts, ','), "]", NULL);
    return cloudep_db_run(db, p, NULL, &statements[STORE], CLOUDEP_ARGS(array));
}

apr_status_t cloudep_events_expire(cloudep_db_t *db, apr_pool_t *p, int seconds, int *removed)
{
    return cloudep_db_number(removed, p, db, &statements[EXPIRE], CLOUDEP_ARGS(cloudep_arg_seconds(p, seconds)));
}

apr_status_t cloudep_events_own(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db, const char *tenant_id,
                                const char *uid, const cloudep_cursor_t *cursor, int limit)
{
    return cloudep_record_list(
        out, p, db, &record, &statements[OWN],
        CLOUDEP_ARGS(cursor ? cursor->at : NULL, cursor ? cursor->id : NULL, tenant_id, uid, apr_itoa(p, limit)));
}

apr_status_t cloudep_events_erase(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid)
{
    return cloudep_db_run(db, p, NULL, &statements[ERASE], CLOUDEP_ARGS(tenant_id, uid));
}
