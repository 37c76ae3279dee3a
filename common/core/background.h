/*
 * background.h - work of a child that no request waits for: a thread that runs every so often, or when woken.
 *
 * This is the one way to run a thread. Signals are left to the child's main thread. When the child ends, all its
 * threads are told at once; each runs once more, is joined, and its pool is destroyed. One that does not end within
 * CLOUDEP_BACKGROUND_END is not waited for: the process is about to exit, and a peer that hangs must not keep it.
 * So a last run touches nothing that the thread has not used before, and a long call watches cloudep_background_stop().
 */
#ifndef CLOUDEP_BACKGROUND_H
#define CLOUDEP_BACKGROUND_H

#include <apr_pools.h>
#include <apr_time.h>

/* How long the threads of a child have, together, for their last runs. */
#define CLOUDEP_BACKGROUND_END apr_time_from_sec(4)

typedef struct cloudep_background_t cloudep_background_t;

/** One run, on the thread. p is cleared after it; last: the child ends, and what is left undone now stays so. */
typedef void (*cloudep_work_fn)(void *baton, apr_pool_t *p, int last);

/**
 * Starts a thread; its first run comes after the first interval. Call it in child_init.
 * @param background  set before the first run; lives as long as @a pchild, in a pre-cleanup of which the last run is
 *                    waited for. NULL on failure
 * @param interval    from the end of a run to the start of the next one
 * @param baton       has to live as long as @a pchild
 */
apr_status_t cloudep_background_start(cloudep_background_t **background, apr_pool_t *pchild,
                                      apr_interval_time_t interval, cloudep_work_fn work, void *baton);

/** Starts the next run now, or right after the one that is under way. Any thread may call it, at any time. */
void cloudep_background_wake(cloudep_background_t *background);

/** Within a run: the next one comes after this long, once, in place of the interval. 0: at once. */
void cloudep_background_next(cloudep_background_t *background, apr_interval_time_t wait);

/** Becomes non-zero, atomically, when the child ends: for calls of a run that can be ended (cloudep_http_exchange). */
apr_uint32_t *cloudep_background_stop(cloudep_background_t *background);

#endif
