/*
 * fetched.c - something read from another server and kept.
 *
 * Each reading lives in a pool of its own, counted by those who use it, and goes with the last of them. The pools have
 * no parent: they are made and destroyed by whatever thread comes along.
 */
#include "base/fetched.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#define PAUSE APR_USEC_PER_SEC                         /* after a failure when there is nothing to go on with */
#define LONGEST (86400 * (apr_time_t)APR_USEC_PER_SEC) /* that a reading is used */

typedef struct reading_t {
    cloudep_fetched_t *owner;
    apr_pool_t *pool;
    const void *value;
    int users;
} reading_t;

struct cloudep_fetched_t {
    cloudep_fetched_rule_t rule;
    apr_thread_mutex_t *mutex; /* guards all below */
    apr_thread_cond_t *done;
    reading_t *current;
    unsigned int generation;
    apr_time_t read_at;
    apr_time_t next_at; /* not read before */
    int busy;           /* a thread is reading */
    apr_status_t result;
};

/* With the mutex held. */
static void put_down(reading_t *reading)
{
    if (reading && --reading->users == 0) {
        apr_pool_destroy(reading->pool);
    }
}

static apr_status_t release(void *data)
{
    reading_t *reading = data;
    cloudep_fetched_t *owner = reading->owner;

    apr_thread_mutex_lock(owner->mutex);
    put_down(reading);
    apr_thread_mutex_unlock(owner->mutex);
    return APR_SUCCESS;
}

static apr_status_t forget(void *data)
{
    cloudep_fetched_t *f = data;

    put_down(f->current);
    f->current = NULL;
    return APR_SUCCESS;
}

apr_status_t cloudep_fetched_create(cloudep_fetched_t **fetched, apr_pool_t *pool, const cloudep_fetched_rule_t *rule)
{
    cloudep_fetched_t *f = apr_pcalloc(pool, sizeof(*f));
    apr_status_t rv = apr_thread_mutex_create(&f->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&f->done, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    f->rule = *rule;
    apr_pool_cleanup_register(pool, f, forget, apr_pool_cleanup_null);
    *fetched = f;
    return APR_SUCCESS;
}

/* With the mutex held. */
static apr_status_t pick_up(const void **value, unsigned int *generation, cloudep_fetched_t *f, apr_pool_t *pool)
{
    f->current->users++;
    apr_pool_cleanup_register(pool, f->current, release, apr_pool_cleanup_null);
    *value = f->current->value;
    *generation = f->generation;
    return APR_SUCCESS;
}

static apr_status_t make_reading(reading_t **out, cloudep_fetched_t *f)
{
    apr_pool_t *pool;
    reading_t *reading;
    apr_status_t rv = apr_pool_create_unmanaged_ex(&pool, NULL, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    reading = apr_pcalloc(pool, sizeof(*reading));
    reading->owner = f;
    reading->pool = pool;
    reading->users = 1;
    rv = f->rule.fetch(&reading->value, f->rule.baton, pool);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    *out = reading;
    return APR_SUCCESS;
}

/* Reads it. The mutex is held before and after, not meanwhile. */
static void read_now(cloudep_fetched_t *f)
{
    reading_t *reading = NULL;
    apr_status_t rv;

    f->busy = 1;
    apr_thread_mutex_unlock(f->mutex);
    rv = make_reading(&reading, f);
    apr_thread_mutex_lock(f->mutex);
    f->busy = 0;
    f->result = rv;
    f->next_at = apr_time_now() + (rv == APR_SUCCESS || f->current ? f->rule.min_interval : PAUSE);
    if (rv == APR_SUCCESS) {
        put_down(f->current);
        f->current = reading;
        f->read_at = apr_time_now();
        f->generation++;
    }
    apr_thread_cond_broadcast(f->done);
}

/* Lets another thread finish its reading; APR_TIMEUP: it takes too long. */
static apr_status_t wait_for_other(cloudep_fetched_t *f)
{
    const apr_time_t end = apr_time_now() + f->rule.wait;

    while (f->busy) {
        const apr_interval_time_t left = end - apr_time_now();

        if (left <= 0) {
            return APR_TIMEUP;
        }
        (void)apr_thread_cond_timedwait(f->done, f->mutex, left);
    }
    return APR_SUCCESS;
}

/* With the mutex held: whether there is something to go on with, be it due to be read again. */
static int usable(const cloudep_fetched_t *f)
{
    return f->current && apr_time_now() < f->read_at + LONGEST;
}

static apr_status_t get(const void **value, unsigned int *generation, cloudep_fetched_t *f, apr_pool_t *pool)
{
    apr_status_t rv = usable(f) ? APR_SUCCESS : wait_for_other(f);
    apr_time_t now = apr_time_now();

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!f->busy && now >= f->next_at && (!usable(f) || now >= f->read_at + f->rule.lifetime)) {
        read_now(f);
    }
    return usable(f) ? pick_up(value, generation, f, pool) : f->result;
}

static apr_status_t renew(const void **value, unsigned int *generation, cloudep_fetched_t *f, apr_pool_t *pool)
{
    apr_status_t rv = wait_for_other(f);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (f->generation == *generation) {
        if (apr_time_now() < f->next_at) {
            return f->result == APR_SUCCESS ? APR_NOTFOUND : f->result;
        }
        read_now(f);
        if (f->result != APR_SUCCESS) {
            return f->result;
        }
    }
    return usable(f) ? pick_up(value, generation, f, pool) : f->result;
}

apr_status_t cloudep_fetched_get(const void **value, unsigned int *generation, cloudep_fetched_t *f, apr_pool_t *pool)
{
    apr_status_t rv;

    apr_thread_mutex_lock(f->mutex);
    rv = get(value, generation, f, pool);
    apr_thread_mutex_unlock(f->mutex);
    return rv;
}

apr_status_t cloudep_fetched_renew(const void **value, unsigned int *generation, cloudep_fetched_t *f, apr_pool_t *pool)
{
    apr_status_t rv;

    apr_thread_mutex_lock(f->mutex);
    rv = renew(value, generation, f, pool);
    apr_thread_mutex_unlock(f->mutex);
    return rv;
}
