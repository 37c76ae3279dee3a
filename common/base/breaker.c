/*
 * breaker.c - a bound on calls at once, and a switch that failures open.
 *
 * Time is monotonic: a clock that is set must not keep a breaker open.
 */
#include "base/breaker.h"

#include <apr_thread_mutex.h>
#include "base/semaphore.h"

struct cloudep_breaker_t {
    cloudep_breaker_limits_t limits;
    cloudep_semaphore_t *semaphore;
    apr_thread_mutex_t *mutex; /* of what follows */
    int failures;              /* in a row */
    int open;                  /* and half open while a probe is under way */
    int probing;               /* the probe is under way */
    apr_time_t open_to;        /* when a probe may go */
};

apr_status_t cloudep_breaker_create(cloudep_breaker_t **out, apr_pool_t *pool, const cloudep_breaker_limits_t *limits)
{
    const cloudep_semaphore_limits_t bound = {.permits = limits->calls, .queue = limits->queue, .wait = limits->wait};
    cloudep_breaker_t *breaker = apr_pcalloc(pool, sizeof(*breaker));
    apr_status_t rv = apr_thread_mutex_create(&breaker->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = cloudep_semaphore_create(&breaker->semaphore, pool, &bound);
    }
    breaker->limits = *limits;
    *out = rv == APR_SUCCESS ? breaker : NULL;
    return rv;
}

/* Under the mutex: whether a call may go as far as failures are concerned. */
static int lets_through(const cloudep_breaker_t *breaker)
{
    return !breaker->open || (!breaker->probing && cloudep_monotonic_now() >= breaker->open_to);
}

static apr_status_t look(cloudep_breaker_t *breaker)
{
    apr_status_t rv;

    apr_thread_mutex_lock(breaker->mutex);
    rv = lets_through(breaker) ? APR_SUCCESS : CLOUDEP_EPROVIDER;
    apr_thread_mutex_unlock(breaker->mutex);
    return rv;
}

/* With a permit: the call begins, if nothing has changed since the look before. */
static apr_status_t begin(int *probe, cloudep_breaker_t *breaker)
{
    apr_status_t rv = CLOUDEP_EPROVIDER;

    apr_thread_mutex_lock(breaker->mutex);
    if (lets_through(breaker)) {
        *probe = breaker->open;
        breaker->probing = breaker->open;
        rv = APR_SUCCESS;
    }
    apr_thread_mutex_unlock(breaker->mutex);
    return rv;
}

apr_status_t cloudep_breaker_enter(int *probe, cloudep_breaker_t *breaker)
{
    apr_status_t rv = look(breaker);

    *probe = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_semaphore_acquire(breaker->semaphore);
    if (rv != APR_SUCCESS) {
        /* It may have opened meanwhile, which ends all waits. */
        return look(breaker) == APR_SUCCESS ? rv : CLOUDEP_EPROVIDER;
    }
    rv = begin(probe, breaker);
    if (rv != APR_SUCCESS) {
        cloudep_semaphore_release(breaker->semaphore);
    }
    return rv;
}

int cloudep_breaker_is_open(cloudep_breaker_t *breaker)
{
    int open;

    apr_thread_mutex_lock(breaker->mutex);
    open = breaker->open && cloudep_monotonic_now() < breaker->open_to;
    apr_thread_mutex_unlock(breaker->mutex);
    return open;
}

/* Under the mutex: one more failure. Calls that began before it opened change nothing when they fail after. */
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
    breaker->open_to = cloudep_monotonic_now() + breaker->limits.pause;
    return probe ? CLOUDEP_BREAKER_AS_BEFORE : CLOUDEP_BREAKER_OPENED;
}

cloudep_breaker_change_e cloudep_breaker_leave(cloudep_breaker_t *breaker, int probe, cloudep_breaker_end_e end)
{
    cloudep_breaker_change_e change = CLOUDEP_BREAKER_AS_BEFORE;

    apr_thread_mutex_lock(breaker->mutex);
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
    apr_thread_mutex_unlock(breaker->mutex);
    if (change == CLOUDEP_BREAKER_OPENED) {
        cloudep_semaphore_dismiss(breaker->semaphore);
    }
    cloudep_semaphore_release(breaker->semaphore);
    return change;
}
