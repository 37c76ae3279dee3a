/*
 * fetched.h - something read from another server and kept: its keys, its addresses.
 *
 * One thread reads while the others go on with what is there, or wait if there is nothing yet. What is there stays
 * until it is replaced, also when reading it again fails, but not longer than a day. However often it is asked for,
 * it is not read more often than allowed. Thread-safe.
 */
#ifndef CLOUDEP_FETCHED_H
#define CLOUDEP_FETCHED_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/status.h"

typedef struct cloudep_fetched_t cloudep_fetched_t;

/** Reads it: *value and all it needs are made in pool, and are never changed afterwards. No lock is held meanwhile. */
typedef apr_status_t (*cloudep_fetch_fn)(const void **value, void *baton, apr_pool_t *pool);

typedef struct cloudep_fetched_rule_t {
    cloudep_fetch_fn fetch;
    void *baton;
    apr_interval_time_t lifetime;     /* after this long it is read again */
    apr_interval_time_t min_interval; /* between two readings */
    apr_interval_time_t wait;         /* at most for a reading by another thread */
} cloudep_fetched_rule_t;

/** Nothing is read yet. pool has to outlive all that is got from it. */
apr_status_t cloudep_fetched_create(cloudep_fetched_t **fetched, apr_pool_t *pool, const cloudep_fetched_rule_t *rule);

/**
 * What is there, read now if there is nothing or it is too old. *value is good as long as pool.
 * @param generation counts the readings: what cloudep_fetched_renew() wants to know
 * @return the failure of reading it (also of a reading a moment ago) when there is nothing to go on with; APR_TIMEUP:
 *         another thread is still reading
 */
apr_status_t cloudep_fetched_get(const void **value, unsigned int *generation, cloudep_fetched_t *fetched,
                                 apr_pool_t *pool);

/**
 * Something newer than *generation, because what was asked for is not in there.
 * @return APR_NOTFOUND: it was read so recently that it may not be read again yet; the failure of reading it, be it now
 *         or so recently: then nobody knows; else as cloudep_fetched_get()
 */
apr_status_t cloudep_fetched_renew(const void **value, unsigned int *generation, cloudep_fetched_t *fetched,
                                   apr_pool_t *pool);

#endif
