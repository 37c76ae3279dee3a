/*
 * hammer.h - the same from eight threads at once, again and again for a moment.
 */
#ifndef CLOUDEP_TEST_HAMMER_H
#define CLOUDEP_TEST_HAMMER_H

#include <apr_pools.h>

#include "tap.h"
#include "memcached.h"

#define HAMMER_THREADS 8
#define HAMMER_TIME apr_time_from_msec(400)

/* One thread's own. */
typedef struct hammer_t {
    int number;       /* of the thread, from 0 on */
    int round;        /* from 0 on */
    apr_pool_t *pool; /* of this round */
    int wrong;        /* the body counts what should not be */
    int count;        /* and anything it wants to */
} hammer_t;

/* What all threads did together. */
typedef struct hammered_t {
    int rounds;
    int count;
} hammered_t;

struct hammer_crowd {
    void (*body)(hammer_t *hammer, void *baton);
    void *baton;
    hammer_t threads[HAMMER_THREADS];
};

static inline void hammer_thread(int number, void *crowd_)
{
    struct hammer_crowd *crowd = crowd_;
    hammer_t *hammer = &crowd->threads[number];
    const apr_time_t end = apr_time_now() + HAMMER_TIME;

    hammer->number = number;
    if (apr_pool_create_unmanaged_ex(&hammer->pool, NULL, NULL) != APR_SUCCESS) {
        hammer->wrong++;
        return;
    }
    for (; !hammer->round || apr_time_now() < end; hammer->round++) {
        crowd->body(hammer, crowd->baton);
        apr_pool_clear(hammer->pool);
    }
    apr_pool_destroy(hammer->pool);
}

/* Calls @a body over and over from all threads, for HAMMER_TIME; fails when one of them counted something wrong. */
static inline hammered_t hammer(const char *name, void (*body)(hammer_t *hammer, void *baton), void *baton)
{
    struct hammer_crowd crowd = {.body = body, .baton = baton};
    hammered_t all = {0, 0};
    int wrong = 0;

    in_threads(HAMMER_THREADS, hammer_thread, &crowd);
    for (int i = 0; i < HAMMER_THREADS; i++) {
        all.rounds += crowd.threads[i].round;
        all.count += crowd.threads[i].count;
        wrong += crowd.threads[i].wrong;
    }
    ok(!wrong, "%s: %d rounds of %d threads, %d wrong", name, all.rounds, HAMMER_THREADS, wrong);
    return all;
}

#endif
