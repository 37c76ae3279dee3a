/*
 * event_store.c - see event_store.h.
 */
#include "base/store/event_store.h"

#include <apr_strings.h>
#include "base/text/json.h"

static const cloudep_statement_t store = {
    .label = "events_store",
    .sql = "INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid, method, address, user_agent, request_id)"
           " SELECT e.tenant_id, to_timestamp(e.at / 1e6), e.event, e.outcome, e.uid, e.method, e.address,"
           " e.user_agent, e.request_id FROM json_to_recordset(%s::json) AS e(tenant_id uuid, at double precision,"
           " event text, outcome text, uid uuid, method text, address text, user_agent text, request_id text)",
    .parameters = 1,
};

/* By tenant, because that is how the index goes. */
static const cloudep_statement_t expire = {
    .label = "events_expire",
    .sql = "DELETE FROM cloudep.events e USING (SELECT t.id AS tenant_id, o.id FROM cloudep.tenants t CROSS JOIN"
           " LATERAL (SELECT x.id FROM cloudep.events x WHERE x.tenant_id = t.id AND x.at < now() - %s::interval"
           " ORDER BY x.at LIMIT 2000) o) old WHERE e.tenant_id = old.tenant_id AND e.id = old.id",
    .parameters = 1,
    .repeatable = 1,
};

apr_status_t cloudep_events_store(cloudep_db_t *db, apr_pool_t *p, const json_t *events)
{
    const char *args[] = {cloudep_json_text(events, p)};

    return args[0] ? cloudep_db_run(db, p, NULL, &store, args) : APR_ENOMEM;
}

apr_status_t cloudep_events_expire(cloudep_db_t *db, apr_pool_t *p, int seconds)
{
    const char *args[] = {apr_psprintf(p, "%d seconds", seconds)};

    return cloudep_db_run(db, p, NULL, &expire, args);
}
