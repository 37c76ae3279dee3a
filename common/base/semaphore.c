/*
 * semaphore.c - see semaphore.h.
 */
#include "base/semaphore.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <time.h>

struct cloudep_semaphore_t {
    cloudep_semaphore_limits_t limits;
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_thread_cond_t *changed;
    int free;
    int waiting;
    unsigned dismissals;
};

apr_time_t cloudep_monotonic_now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return apr_time_make(time.tv_sec, time.tv_nsec / 1000);
}

apr_status_t cloudep_semaphore_create(cloudep_semaphore_t **created, apr_pool_t *pool,
                                      const cloudep_semaphore_limits_t *limits)
{
    cloudep_semaphore_t *semaphore = apr_pcalloc(pool, sizeof(*semaphore));
    apr_status_t rv = apr_thread_mutex_create(&semaphore->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&semaphore->changed, pool);
    }
    semaphore->limits = *limits;
    semaphore->free = limits->permits;
    *created = rv == APR_SUCCESS ? semaphore : NULL;
    return rv;
}

/* Under the mutex: waits until a permit is free. */
static apr_status_t wait_in_line(cloudep_semaphore_t *semaphore)
{
    const apr_time_t deadline = cloudep_monotonic_now() + semaphore->limits.wait;
    const unsigned dismissals = semaphore->dismissals;
    apr_interval_time_t left;

    while (semaphore->free == 0) {
        if (semaphore->dismissals != dismissals || (left = deadline - cloudep_monotonic_now()) <= 0) {
            return CLOUDEP_EOVERLOAD;
        }
        (void)apr_thread_cond_timedwait(semaphore->changed, semaphore->mutex, left);
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_semaphore_acquire(cloudep_semaphore_t *semaphore)
{
    apr_status_t rv = CLOUDEP_EOVERLOAD;

    apr_thread_mutex_lock(semaphore->mutex);
    if (semaphore->free > 0) {
        rv = APR_SUCCESS;
    }
    else if (semaphore->waiting < semaphore->limits.queue) {
        semaphore->waiting++;
        rv = wait_in_line(semaphore);
        semaphore->waiting--;
    }
    if (rv == APR_SUCCESS) {
        semaphore->free--;
    }
    apr_thread_mutex_unlock(semaphore->mutex);
    return rv;
}

void cloudep_semaphore_release(cloudep_semaphore_t *semaphore)
{
    apr_thread_mutex_lock(semaphore->mutex);
    semaphore->free++;
    apr_thread_cond_signal(semaphore->changed);
    apr_thread_mutex_unlock(semaphore->mutex);
}

void cloudep_semaphore_dismiss(cloudep_semaphore_t *semaphore)
{
    apr_thread_mutex_lock(semaphore->mutex);
    semaphore->dismissals++;
    apr_thread_cond_broadcast(semaphore->changed);
    apr_thread_mutex_unlock(semaphore->mutex);
}
