/*
 * breaker.c - a bound on calls at once, and a switch that failures open.
 *
 * Time is monotonic: a clock that is set must not keep a breaker open.
 */
#include "base/breaker.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <time.h>

struct cloudep_breaker_t {
    cloudep_breaker_limits_t limits;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *changed;
    int free;
    int waiting;
    int failures;       /* in a row */
    int open;           /* and half open while a probe is under way */
    int probing;        /* the probe is under way */
    apr_time_t open_to; /* when a probe may go */
};

static apr_time_t now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return apr_time_make(time.tv_sec, time.tv_nsec / 1000);
}

apr_status_t cloudep_breaker_create(cloudep_breaker_t **out, apr_pool_t *pool, const cloudep_breaker_limits_t *limits)
{
    cloudep_breaker_t *breaker = apr_pcalloc(pool, sizeof(*breaker));
    apr_status_t rv = apr_thread_mutex_create(&breaker->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&breaker->changed, pool);
    }
    breaker->limits = *limits;
    breaker->free = limits->calls;
    *out = rv == APR_SUCCESS ? breaker : NULL;
    return rv;
}

/* Whether a call may go as far as failures are concerned. */
static int lets_through(const cloudep_breaker_t *breaker)
{
    return !breaker->open || (!breaker->probing && now() >= breaker->open_to);
}

apr_status_t cloudep_breaker_enter(int *probe, cloudep_breaker_t *breaker)
{
    const apr_time_t deadline = now() + breaker->limits.wait;
    apr_status_t rv = APR_SUCCESS;

    *probe = 0;
    apr_thread_mutex_lock(breaker->mutex);
    if (!lets_through(breaker)) {
        rv = CLOUDEP_EPROVIDER;
    }
    else if (breaker->free == 0 && breaker->waiting >= breaker->limits.queue) {
        rv = CLOUDEP_EOVERLOAD;
    }
    breaker->waiting++;
    while (rv == APR_SUCCESS && breaker->free == 0) {
        const apr_interval_time_t left = deadline - now();

        if (left <= 0) {
            rv = CLOUDEP_EOVERLOAD;
        }
        else {
            (void)apr_thread_cond_timedwait(breaker->changed, breaker->mutex, left);
            rv = lets_through(breaker) ? APR_SUCCESS : CLOUDEP_EPROVIDER;
        }
    }
    breaker->waiting--;
    if (rv == APR_SUCCESS) {
        breaker->free--;
        *probe = breaker->open;
        breaker->probing = breaker->open;
    }
    apr_thread_mutex_unlock(breaker->mutex);
    return rv;
}

/* One more failure. Calls that began before it opened change nothing when they fail after. */
static cloudep_breaker_change_e count_failure(cloudep_breaker_t *breaker, int probe)
{
    if (breaker->open && !probe) {
        return CLOUDEP_BREAKER_AS_BEFORE;
    }
    breaker->failures++;
    if (!probe && (!breaker->limits.failures || breaker->failures < breaker->limits.failures)) {
        return CLOUDEP_BREAKER_AS_BEFORE;
    }
    breaker->open = 1;
    breaker->open_to = now() + breaker->limits.pause;
    return probe ? CLOUDEP_BREAKER_AS_BEFORE : CLOUDEP_BREAKER_OPENED;
}

cloudep_breaker_change_e cloudep_breaker_leave(cloudep_breaker_t *breaker, int probe, cloudep_breaker_end_e end)
{
    cloudep_breaker_change_e change = CLOUDEP_BREAKER_AS_BEFORE;

    apr_thread_mutex_lock(breaker->mutex);
    breaker->free++;
    if (probe) {
        breaker->probing = 0;
    }
    if (end == CLOUDEP_BREAKER_FAILED) {
        change = count_failure(breaker, probe);
    }
    else if (end == CLOUDEP_BREAKER_WORKED) {
        change = breaker->open ? CLOUDEP_BREAKER_CLOSED : CLOUDEP_BREAKER_AS_BEFORE;
        breaker->failures = 0;
        breaker->open = 0;
    }
    if (change == CLOUDEP_BREAKER_OPENED) {
        apr_thread_cond_broadcast(breaker->changed); /* nobody needs to wait any longer */
    }
    else {
        apr_thread_cond_signal(breaker->changed);
    }
    apr_thread_mutex_unlock(breaker->mutex);
    return change;
}
