/*
 * event_store.h - the table of what happened: written in batches, read by the operator, removed when old.
 */
#ifndef CLOUDEP_EVENT_STORE_H
#define CLOUDEP_EVENT_STORE_H

#include <apr_time.h>
#include "base/store/record.h"
#include "base/text/cursor.h"

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
    const char *trace_id; /* in the log's line alone; NULL: none */
} cloudep_event_t;

/* clang-format off */

/* What a member is told of an event. NULL: nothing is known. */
#define CLOUDEP_OWN_EVENT_COLUMNS(FIRST, NEXT, event) \
    FIRST(TEXT, name, event ".name") \
    NEXT(NUMBER, at, CLOUDEP_SQL_MILLISECONDS(event ".at")) /* Unix milliseconds */ \
    NEXT(TEXT, reason, event ".reason") /* of a failure, as cloudep_reason_word() has it */ \
    NEXT(TEXT, method, event ".method") \
    NEXT(TEXT, address, event ".address") \
    NEXT(TEXT, user_agent, event ".user_agent") \
    NEXT(TEXT, request_id, event ".request_id") \
    NEXT(INTEGER, count, event ".count") /* what it stands for: failures that were counted */ \
    NEXT(TEXT, cursor_at, CLOUDEP_SQL_MICROSECONDS(event ".at")) \
    NEXT(TEXT, cursor_id, event ".id")

typedef struct cloudep_own_event_t {
    CLOUDEP_OWN_EVENT_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_own_event_t;

/* clang-format on */

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
 * What happened to a member, the newest first, of what is after the cursor.
 * @param out    an array of cloudep_own_event_t, from p
 * @param cursor NULL: from the first
 * @param limit  rows at most
 * @return as cloudep_db_run
 */
apr_status_t cloudep_events_own(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db, const char *tenant_id,
                                const char *uid, const cloudep_cursor_t *cursor, int limit);

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
