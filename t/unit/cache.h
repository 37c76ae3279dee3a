/*
 * cache.h - what the programs that test the cache share: one that talks to memcached, keys, and what many threads do
 * with it at once.
 */
#ifndef CLOUDEP_TEST_CACHE_H
#define CLOUDEP_TEST_CACHE_H

#include <apr_general.h>
#include <apr_strings.h>

#include "base/cache/cache.h"
#include "tap.h"
#include "memcached.h"

#define SECOND APR_USEC_PER_SEC

typedef struct crowd_t {
    cloudep_cache_t *cache;
    cloudep_cache_key_t key;
    apr_status_t rv[TEST_THREADS];
    apr_uint32_t number[TEST_THREADS];
} crowd_t;

static inline cloudep_cache_t *make(apr_pool_t *pool, int port1, int port2, apr_interval_time_t limit)
{
    apr_array_header_t *servers = apr_array_make(pool, 2, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache = NULL;

    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)port1};
    if (port2) {
        APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)port2};
    }
    is_int(cloudep_cache_create(&cache, pool, servers, TEST_THREADS, limit), APR_SUCCESS, "a cache is created");
    return cache;
}

static inline cloudep_cache_key_t key(const char *name)
{
    return cloudep_cache_key("test", CLOUDEP_KEY_PARTS(name));
}

static inline apr_status_t set(cloudep_cache_t *cache, const char *name, const char *value)
{
    return cloudep_cache_set(cache, key(name), value, strlen(value), 60);
}

static inline apr_status_t get(cloudep_cache_t *cache, const char *name, apr_pool_t *pool)
{
    char *value;

    return cloudep_cache_get(&value, NULL, cache, key(name), pool);
}

static inline void do_add(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;

    crowd->rv[i] = cloudep_cache_add(crowd->cache, crowd->key, "x", 1, 60);
}

static inline void do_incr(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;

    crowd->rv[i] = cloudep_cache_incr(&crowd->number[i], crowd->cache, crowd->key, 60);
}

static inline void do_delete(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;

    crowd->rv[i] = cloudep_cache_delete(crowd->cache, crowd->key);
}

static inline void do_set(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;

    crowd->rv[i] = cloudep_cache_set(crowd->cache, crowd->key, "x", 1, 60);
}

#endif
