/*
 * event_store.h - the table of what happened: written in batches, read by the operator, removed when old.
 */
#ifndef CLOUDEP_EVENT_STORE_H
#define CLOUDEP_EVENT_STORE_H

#include <jansson.h>
#include "base/store/db.h"

/**
 * Stores events in one statement, all or none.
 * @param events  array of objects: tenant_id, event, outcome (texts), at (Unix microseconds); uid, method, address,
 *                user_agent, request_id (texts, each may be missing). Ids are UUIDs. Not changed
 * @return as cloudep_db_run; APR_ENOMEM
 */
apr_status_t cloudep_events_store(cloudep_db_t *db, apr_pool_t *p, const json_t *events);

/**
 * Removes events older than so many seconds, some thousand of each tenant at a time.
 * @return as cloudep_db_run
 */
apr_status_t cloudep_events_expire(cloudep_db_t *db, apr_pool_t *p, int seconds);

#endif
