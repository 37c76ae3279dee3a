/*
 * breaker.h - what keeps a slow or broken peer from taking all threads of a process.
 *
 * So many calls at once and so many in line, the rest are turned away; and after some failures in a row nobody
 * calls at all for a while, until one call, the probe, has shown that the peer works again.
 */
#ifndef CLOUDEP_BREAKER_H
#define CLOUDEP_BREAKER_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/status.h"

typedef struct cloudep_breaker_t cloudep_breaker_t;

typedef struct cloudep_breaker_limits_t {
    int calls;                 /* at once, at least 1 */
    int queue;                 /* that may wait until one of those ends */
    apr_interval_time_t wait;  /* how long they do */
    int failures;              /* in a row, which open it; 0: it never opens */
    apr_interval_time_t pause; /* how long it is open before a probe */
} cloudep_breaker_limits_t;

/* How a call ended. */
typedef enum {
    CLOUDEP_BREAKER_WORKED,
    CLOUDEP_BREAKER_FAILED,
    CLOUDEP_BREAKER_NEITHER /* says nothing about the peer's health; failures stay counted */
} cloudep_breaker_end_e;

/* What the end of a call made of the breaker. */
typedef enum { CLOUDEP_BREAKER_AS_BEFORE, CLOUDEP_BREAKER_OPENED, CLOUDEP_BREAKER_CLOSED } cloudep_breaker_change_e;

/** Makes one that lives as long as pool. For any number of threads. */
apr_status_t cloudep_breaker_create(cloudep_breaker_t **breaker, apr_pool_t *pool,
                                    const cloudep_breaker_limits_t *limits);

/**
 * Asks for a call, and waits in line if need be. After APR_SUCCESS cloudep_breaker_leave() must follow.
 * @param probe  to be handed to cloudep_breaker_leave()
 * @return CLOUDEP_EPROVIDER: it is open; CLOUDEP_EOVERLOAD: the line is full, or no call ended in time
 */
apr_status_t cloudep_breaker_enter(int *probe, cloudep_breaker_t *breaker);

/** Whether it turns calls away now; not while a probe is due or under way, as that one may end it. For any thread. */
int cloudep_breaker_is_open(cloudep_breaker_t *breaker);

/** Ends a call. */
cloudep_breaker_change_e cloudep_breaker_leave(cloudep_breaker_t *breaker, int probe, cloudep_breaker_end_e end);

#endif
