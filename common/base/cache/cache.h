/*
 * cache.h - memcached through apr_memcache, with answers that can be trusted.
 *
 * What this adds to apr_memcache: a miss and an outage are told apart; every wait is bounded; idle
 * connections that died with a memcached restart are noticed and replaced; keys are hashes, so that
 * no input can name another key or break the protocol.
 *
 * Results of every operation: APR_SUCCESS; APR_NOTFOUND, a true miss; APR_EEXIST, only from add;
 * CLOUDEP_ECACHE, memcached could not be asked or could not do it. After CLOUDEP_ECACHE it is unknown
 * whether a write was carried out, and out parameters are zero.
 */
#ifndef CLOUDEP_CACHE_H
#define CLOUDEP_CACHE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_network_io.h>

#include "base/export.h"
#include "base/status.h"

#define CLOUDEP_CACHE_MAX_VALUE 65536          /* bytes */
#define CLOUDEP_CACHE_MAX_TTL (30 * 24 * 3600) /* seconds; memcached reads more as a date */

/** The connections of one process to its memcached servers. Opaque, thread-safe. */
typedef struct cloudep_cache_t cloudep_cache_t;

/** One server, as cloudep_cache_parse_server() reads it. */
typedef struct cloudep_cache_server_t {
    const char *host; /* name or address; or the path of a Unix socket, starting with '/' */
    apr_port_t port;  /* 0 with a Unix socket */
} cloudep_cache_server_t;

/** A key. Made by cloudep_cache_key() and cloudep_cache_key_near() only; passed by value. */
typedef struct cloudep_cache_key_t {
    char text[80];      /* as it goes over the wire */
    apr_uint32_t place; /* private: which server has it */
} cloudep_cache_key_t;

/**
 * Read "host", "host:port", "[::1]:port" or "/path/of/socket" (default port 11211).
 * @param server filled in; its host is from @a pool
 * @return APR_SUCCESS, or CLOUDEP_EMALFORMED; whether a name can be resolved is not asked
 */
apr_status_t cloudep_cache_parse_server(cloudep_cache_server_t *server, const char *text, apr_pool_t *pool);

/**
 * Prepare the connections. Call it in child_init, after the fork: nothing is connected here, but
 * what is created must not be shared between processes. Connections are made when they are needed.
 * @param cache lives as long as @a pool; end every thread that uses it before @a pool goes. The process
 *        must ignore SIGPIPE, as httpd does
 * @param servers of cloudep_cache_server_t, at least one. Keys, or their tags, are spread over them by
 *        apr_memcache's own hash; while one is down, its keys go to the next one, and when it is
 *        back it has again what it had: what must not come back belongs in the database. The order
 *        must be the same on every node
 * @param connections most connections to one server; with less than one for each thread some
 *        operations wait for one
 * @param limit the longest wait for a reply and for a free connection, at least one millisecond;
 *        connecting takes at most one second (fixed in APR). When a server has failed it is left
 *        alone for one second; operations then answer at once
 * @return APR_SUCCESS; APR_EINVAL for parameters out of range; or APR's failure
 */
apr_status_t cloudep_cache_create(cloudep_cache_t **cache, apr_pool_t *pool, const apr_array_header_t *servers,
                                  int connections, apr_interval_time_t limit);

/**
 * Told once when a server stops answering, and once when it answers again; from any thread, with a lock held, so it
 * must not use the cache.
 * @param server host:port or path, as it was given
 * @param cause APR's: why it does not answer (the resolver's, that of connecting, APR_EAGAIN: no answer in time,
 *        APR_EGENERAL: it hung up or said what cannot be); APR_SUCCESS: it answers again
 */
typedef void (*cloudep_cache_told_fn)(void *baton, const char *server, apr_status_t cause);

/** Whom to tell. Call it before other threads use the cache. */
void cloudep_cache_tell(cloudep_cache_t *cache, cloudep_cache_told_fn told, void *baton);

/** The parts of a key, for cloudep_cache_key(). */
#define CLOUDEP_KEY_PARTS(...)                                                                                         \
    ((const char *const[]){__VA_ARGS__}), (sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/**
 * "cloudep:" and the SHA-256, in hexadecimal, of the namespace and the parts. Each is hashed with the NUL
 * behind it, so two different lists never give the same bytes. The usual call:
 * cloudep_cache_key("cooldown", CLOUDEP_KEY_PARTS(tenant_id, target)).
 * @param space says what the key is for; a word of its own for each use
 * @param parts strings, NULL allowed (it differs from "")
 * @return the key; an empty one, which every operation refuses with CLOUDEP_ECACHE, if OpenSSL fails
 */
cloudep_cache_key_t cloudep_cache_key(const char *space, const char *const *parts, apr_size_t count);

/**
 * The same key, kept by the server that keeps all keys near that tag, and not where its own hash would lead: what is of
 * use only together is then lost together. Always name it with the same tag.
 * @param tag any text that differs often enough to spread the keys over the servers; NULL: as cloudep_cache_key()
 */
cloudep_cache_key_t cloudep_cache_key_near(const char *tag, const char *space, const char *const *parts,
                                           apr_size_t count);

/**
 * Read a value.
 * @param value from @a pool, with a NUL behind it that @a length does not count; any bytes
 * @param length may be NULL
 */
apr_status_t cloudep_cache_get(char **value, apr_size_t *length, cloudep_cache_t *cache, cloudep_cache_key_t key,
                               apr_pool_t *pool);

/**
 * Write a value, whether there is one or not.
 * @param length at most CLOUDEP_CACHE_MAX_VALUE
 * @param ttl seconds, 1 to CLOUDEP_CACHE_MAX_TTL; memcached may drop the value up to a second early
 * @return APR_SUCCESS or CLOUDEP_ECACHE (also for a length or ttl out of range)
 */
apr_status_t cloudep_cache_set(cloudep_cache_t *cache, cloudep_cache_key_t key, const char *value, apr_size_t length,
                               apr_uint32_t ttl);

/**
 * Write a value if there is none: of all who try, exactly one gets APR_SUCCESS. Parameters as
 * cloudep_cache_set().
 * @return APR_SUCCESS, APR_EEXIST, or CLOUDEP_ECACHE
 */
apr_status_t cloudep_cache_add(cloudep_cache_t *cache, cloudep_cache_key_t key, const char *value, apr_size_t length,
                               apr_uint32_t ttl);

/**
 * Add one to a counter; each caller gets another number.
 * @param number the new value, 1 or more
 * @param ttl seconds a new counter lives from now on (an existing one keeps its end); 0: do not make
 *        one, answer APR_NOTFOUND
 * @return APR_SUCCESS, APR_NOTFOUND (only with ttl 0), or CLOUDEP_ECACHE (also when the value is not a
 *         number)
 */
apr_status_t cloudep_cache_incr(apr_uint32_t *number, cloudep_cache_t *cache, cloudep_cache_key_t key,
                                apr_uint32_t ttl);

/** How many of its servers there are, and how many of those answer now: each is asked for a key that nobody has. */
void cloudep_cache_health(cloudep_cache_t *cache, int *servers, int *answering, apr_pool_t *pool);

/**
 * Remove a value: of all who try, exactly one gets APR_SUCCESS, the others APR_NOTFOUND.
 */
apr_status_t cloudep_cache_delete(cloudep_cache_t *cache, cloudep_cache_key_t key);

#endif
