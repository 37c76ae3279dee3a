/*
 * cache_peer.h - one memcached server as cache.c sees it: its connections, and whether it is worth asking.
 *
 * Private to the cache. Every operation takes a lease: enter, ask lease.client, leave with the verdict.
 */
#ifndef CLOUDEP_CACHE_PEER_H
#define CLOUDEP_CACHE_PEER_H

#include <apr_memcache.h>

#include "base/cache/cache.h"

/** A server and its connections. Thread-safe. */
typedef struct cloudep_cache_peer_t cloudep_cache_peer_t;

/** What came of asking. */
typedef enum {
    CLOUDEP_PEER_ANSWERED,
    CLOUDEP_PEER_BUSY,   /* no connection came free in time */
    CLOUDEP_PEER_BROKEN, /* no connection, or an answer that cannot be: all connections are dropped */
    CLOUDEP_PEER_SICK    /* no answer in time, or broken again: it also rests for a second */
} cloudep_peer_verdict_t;

/** One operation's hold on the connections. */
typedef struct cloudep_peer_lease_t {
    apr_memcache_t *client;                       /* has this server only; its "not found" is the server's own word */
    struct cloudep_peer_generation_t *generation; /* private */
    int trial;                                    /* private: finds out whether the server is back */
} cloudep_peer_lease_t;

/**
 * @param pool a pool whose allocator has a lock: it is used from any thread, when connections are made
 * @param at where it is; not resolved here
 * @param connections at most so many
 * @param limit longest wait for a reply and for a free connection
 */
apr_status_t cloudep_cache_peer_create(cloudep_cache_peer_t **peer, apr_pool_t *pool, const cloudep_cache_server_t *at,
                                       int connections, apr_interval_time_t limit);

/** Begin a lease. APR_SUCCESS; or CLOUDEP_ECACHE at once while the server rests: then do not leave. */
apr_status_t cloudep_cache_peer_enter(cloudep_peer_lease_t *lease, cloudep_cache_peer_t *peer);

/** End a lease. rv: what came of asking, which is the cause where the server did not answer. */
void cloudep_cache_peer_leave(const cloudep_peer_lease_t *lease, cloudep_peer_verdict_t verdict, apr_status_t rv);

/** As cloudep_cache_tell(), for one server. */
void cloudep_cache_peer_tell(cloudep_cache_peer_t *peer, cloudep_cache_told_fn told, void *baton);

#endif
