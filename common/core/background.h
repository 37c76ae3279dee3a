/*
 * background.h - work of a child that no request waits for: a thread that has its turn every so often, or when woken.
 */
#ifndef CLOUDEP_BACKGROUND_H
#define CLOUDEP_BACKGROUND_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct cloudep_background_t cloudep_background_t;

/** One turn, on the thread. p is cleared after it; last: the child ends, and what is left undone now stays so. */
typedef void (*cloudep_turn_fn)(void *baton, apr_pool_t *p, int last);

/**
 * Starts a thread; its first turn comes after the first interval. Call it in child_init.
 * @param background lives as long as @a pchild, in a pre-cleanup of which the last turn is had and waited for
 */
apr_status_t cloudep_background_start(cloudep_background_t **background, apr_pool_t *pchild,
                                      apr_interval_time_t interval, cloudep_turn_fn turn, void *baton);

/** Has the next turn now, or right after the one that is under way. Any thread may call it. */
void cloudep_background_wake(cloudep_background_t *background);

#endif
