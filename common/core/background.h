/*
 * background.h - work of a child that no request waits for: a thread that takes a turn every so often, or when woken.
 *
 * This is the one way to run a thread. Signals are left to the child's main thread. When the child ends, all its
 * threads are told at once; each takes one last turn, is joined, and its pool is given back. One that does not end
 * within CLOUDEP_BACKGROUND_END is left behind: the process is about to exit, and a peer that hangs must not keep it.
 * So a last turn touches nothing that it has not used before, and a long call watches cloudep_background_stop().
 */
#ifndef CLOUDEP_BACKGROUND_H
#define CLOUDEP_BACKGROUND_H

#include <apr_pools.h>
#include <apr_time.h>

/* How long the threads of a child have, together, for their last turns. */
#define CLOUDEP_BACKGROUND_END apr_time_from_sec(4)

typedef struct cloudep_background_t cloudep_background_t;

/** One turn, on the thread. p is cleared after it; last: the child ends, and what is left undone now stays so. */
typedef void (*cloudep_turn_fn)(void *baton, apr_pool_t *p, int last);

/**
 * Starts a thread; its first turn comes after the first interval. Call it in child_init.
 * @param background  set before the first turn; lives as long as @a pchild, in a pre-cleanup of which the last turn is
 *                    taken and waited for. NULL on failure
 * @param interval    from the end of a turn to the begin of the next one
 * @param baton       has to live as long as @a pchild
 */
apr_status_t cloudep_background_start(cloudep_background_t **background, apr_pool_t *pchild,
                                      apr_interval_time_t interval, cloudep_turn_fn turn, void *baton);

/** Brings the next turn now, or right after the one that is under way. Any thread may call it, at any time. */
void cloudep_background_wake(cloudep_background_t *background);

/** Within a turn: the next one comes after this long, once, in place of the interval. 0: at once. */
void cloudep_background_next(cloudep_background_t *background, apr_interval_time_t wait);

/** Becomes non-zero, atomically, when the child ends: for calls of a turn that can be ended (cloudep_http_exchange). */
apr_uint32_t *cloudep_background_stop(cloudep_background_t *background);

#endif
