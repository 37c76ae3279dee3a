/*
 * semaphore.h - a counting semaphore whose waiting line is bounded in length and in time.
 *
 * So many may be inside at once and so many wait for their turn; the rest are turned away at once. For any number of
 * threads. Time is monotonic: a clock that is set changes no wait.
 */
#ifndef CLOUDEP_SEMAPHORE_H
#define CLOUDEP_SEMAPHORE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/status.h"

typedef struct cloudep_semaphore_t cloudep_semaphore_t;

typedef struct cloudep_semaphore_limits_t {
    int permits;              /* at once, at least 1 */
    int queue;                /* that may wait until one of those is given back */
    apr_interval_time_t wait; /* how long they do */
} cloudep_semaphore_limits_t;

/** Makes one that lives as long as pool. */
apr_status_t cloudep_semaphore_create(cloudep_semaphore_t **semaphore, apr_pool_t *pool,
                                      const cloudep_semaphore_limits_t *limits);

/**
 * Takes a permit, and waits in line if need be. After APR_SUCCESS cloudep_semaphore_release() must follow.
 * @return CLOUDEP_EOVERLOAD: the line is full, no permit came back in time, or the wait was ended by
 *         cloudep_semaphore_dismiss()
 */
apr_status_t cloudep_semaphore_acquire(cloudep_semaphore_t *semaphore);

/** Gives a permit back. */
void cloudep_semaphore_release(cloudep_semaphore_t *semaphore);

/** Ends the wait of all who are in line now. */
void cloudep_semaphore_dismiss(cloudep_semaphore_t *semaphore);

/** Monotonic time, to compare with itself only. */
apr_time_t cloudep_monotonic_now(void);

#endif
