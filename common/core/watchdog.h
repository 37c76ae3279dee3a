/*
 * watchdog.h - ends waits on sockets that no longer answer, for libraries that have no timeout of their own.
 */
#ifndef CLOUDEP_WATCHDOG_H
#define CLOUDEP_WATCHDOG_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct cloudep_watchdog_t cloudep_watchdog_t;

/**
 * Starts one, with a thread of its own. Call it in child_init.
 * @param watchdog lives as long as @a pool; its thread ends in a pre-cleanup of that. Waits that end later are watched
 *        by nobody
 * @param slots how many waits there may be at once; each has a number from 0 on, which its user chooses
 * @param limit the longest wait; it is cut off up to a quarter of a second later
 */
apr_status_t cloudep_watchdog_create(cloudep_watchdog_t **watchdog, apr_pool_t *pool, int slots,
                                     apr_interval_time_t limit);

/**
 * A wait on this socket begins. One thread at a time may use a slot.
 * @return APR_SUCCESS; else it is not watched (no descriptor is left) and cloudep_watchdog_end() must not follow
 */
apr_status_t cloudep_watchdog_begin(cloudep_watchdog_t *watchdog, int slot, int socket);

/** The wait is over; the socket may be closed by now. @return whether it was cut off: the socket is shut down then */
int cloudep_watchdog_end(cloudep_watchdog_t *watchdog, int slot);

#endif
