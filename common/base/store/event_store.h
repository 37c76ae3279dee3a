/*
 * event_store.h - the table of what happened: written in batches, read by the operator, removed when old.
 */
#ifndef CLOUDEP_EVENT_STORE_H
#define CLOUDEP_EVENT_STORE_H

#include <apr_time.h>
#include "base/store/db.h"

/* What happened. Texts; NULL where nothing is known. */
typedef struct cloudep_event_t {
    apr_time_t at;
    const char *name;      /* of the operation, e.g. "auth.password.reset" */
    int success;           /* whether it did what was asked */
    const char *outcome;   /* what the client was told: a code of its API style */
    const char *reason;    /* of a failure, as cloudep_reason_word() has it */
    const char *tenant_id; /* UUID */
    const char *uid;       /* UUID */
    const char *method;
    const char *address;
    const char *user_agent;
    const char *request_id;
} cloudep_event_t;

/** The event as a line for a log: compact JSON in ASCII, from p. NULL: out of memory. */
const char *cloudep_event_line(const cloudep_event_t *event, apr_pool_t *p);

/** The event as cloudep_events_store() takes it, from p. NULL: out of memory. */
const char *cloudep_event_record(const cloudep_event_t *event, apr_pool_t *p);

/**
 * Stores events in one statement, all or none.
 * @param records count texts of cloudep_event_record(); each has a tenant_id
 * @return as cloudep_db_run
 */
apr_status_t cloudep_events_store(cloudep_db_t *db, apr_pool_t *p, char *const *records, int count);

/**
 * Takes uid, address, user agent and request id from the events of a member that is being deleted, and writes an event
 * (member.erased) of it; of any other member it does nothing.
 * @return as cloudep_db_run
 */
apr_status_t cloudep_events_erase(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid);

#define CLOUDEP_EVENTS_EXPIRED_AT_ONCE 2000 /* as cloudep.expire_events() has it */

/**
 * Removes events older than so many seconds, CLOUDEP_EVENTS_EXPIRED_AT_ONCE of each tenant; never those of the last
 * day.
 * @param removed set to how many: with fewer than that number none are left
 * @return as cloudep_db_run
 */
apr_status_t cloudep_events_expire(cloudep_db_t *db, apr_pool_t *p, int seconds, int *removed);

#endif
