/*
 * cache_peer.c - see cache_peer.h: what apr_memcache (apr-util 1.6) does not do about connections.
 *
 * That library is a given: it comes with httpd, as apr_dbd does. What it lacks is made up for here and nowhere else.
 *
 * - It answers "not found" when its servers are dead. Here a client has one server, which our own
 *   server_func always gives it.
 * - It reads without a timeout. Its connection list (a public field) is replaced by ours, whose
 *   constructor sets the kernel's SO_RCVTIMEO and SO_SNDTIMEO on each new connection.
 * - It keeps connections on which the other side has hung up. Here the client and all its connections
 *   are one generation: the first answer that cannot be retires it, the next lease gets a new one, and the
 *   old one goes with its last user.
 */
#include "base/cache/cache_peer.h"

#include <apr_lib.h>
#include <apr_reslist.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <dirent.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* How long a failed server is left alone before one operation may try it. */
#define REST APR_USEC_PER_SEC

/* Where descriptors cannot be listed, those below are looked at: the system gives the lowest one that is free. */
#define DESCRIPTORS_MAX 65536

typedef struct cloudep_peer_generation_t generation_t;

struct cloudep_peer_generation_t {
    cloudep_cache_peer_t *peer;
    apr_pool_t *pool;
    apr_memcache_t *client;
    apr_reslist_t *raw; /* apr_memcache's own list: makes and ends connections, never keeps one */
    const apr_sockaddr_t *addresses;
    int users;
    int retired;
    atomic_int cause; /* why no connection could be made; 0: one could */
    atomic_int ended; /* atomic, as the list's lock is held where it is asked: make no connection any more */
};

struct cloudep_cache_peer_t {
    apr_pool_t *pool;
    cloudep_cache_server_t at;
    apr_uint32_t connections;
    apr_interval_time_t limit;
    apr_thread_mutex_t *lock; /* for everything below and in the generations */
    generation_t *current;    /* NULL: make one */
    int trying;               /* one lease finds out whether the server is back */
    apr_time_t rest_until;    /* 0: healthy */
    int down;                 /* it was told that it does not answer */
    cloudep_cache_told_fn told;
    void *told_baton;
};

/* Call with the lock held. */
static void retire(generation_t *generation)
{
    generation->retired = 1;
    atomic_store(&generation->ended, 1);
    if (generation->peer->current == generation) {
        generation->peer->current = NULL;
    }
}

static int same_address(const apr_sockaddr_t *address, const struct sockaddr_storage *remote)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)remote;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)remote;
    const struct sockaddr_un *un = (const struct sockaddr_un *)remote;

    if (address->family != remote->ss_family) {
        return 0;
    }
    switch (remote->ss_family) {
    case AF_INET:
        return in->sin_port == address->sa.sin.sin_port &&
               memcmp(&in->sin_addr, &address->sa.sin.sin_addr, sizeof(in->sin_addr)) == 0;
    case AF_INET6:
        return in6->sin6_port == address->sa.sin6.sin6_port &&
               memcmp(&in6->sin6_addr, &address->sa.sin6.sin6_addr, sizeof(in6->sin6_addr)) == 0;
    case AF_UNIX:
        return strncmp(un->sun_path, address->sa.unx.sun_path, sizeof(un->sun_path)) == 0;
    default:
        return 0;
    }
}

static int is_ours(const generation_t *generation, int fd)
{
    const apr_sockaddr_t *address;
    struct sockaddr_storage remote;
    socklen_t length = sizeof(remote);

    memset(&remote, 0, sizeof(remote));
    if (getpeername(fd, (struct sockaddr *)&remote, &length) != 0) {
        return 0;
    }
    for (address = generation->addresses; address; address = address->next) {
        if (same_address(address, &remote)) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t limit_wait(const generation_t *generation, int fd)
{
    const apr_interval_time_t limit = generation->peer->limit;
    const struct timeval wait = {.tv_sec = apr_time_sec(limit), .tv_usec = apr_time_usec(limit)};

    if (!is_ours(generation, fd)) {
        return APR_NOTFOUND;
    }
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0
               ? APR_SUCCESS
               : APR_FROM_OS_ERROR(errno);
}

/*
 * apr_memcache keeps its socket to itself, so the new connection is looked up among this process's
 * descriptors by its peer. Another module's sockets to the same server get the limit as well; it does not
 * change how they work unless the server hangs.
 */
static apr_status_t limit_waits(const generation_t *generation)
{
    apr_status_t one = APR_NOTFOUND;
    apr_status_t rv = APR_NOTFOUND;
    const struct dirent *entry;
    DIR *all = opendir("/proc/self/fd");

    if (!all) {
        /* Behind ChrootDir there is no /proc: the long way, though not to a limit of a thousand million. */
        const long limit = sysconf(_SC_OPEN_MAX);

        for (int fd = limit > 0 && limit < DESCRIPTORS_MAX ? (int)limit - 1 : DESCRIPTORS_MAX - 1; fd >= 0; fd--) {
            one = limit_wait(generation, fd);
            rv = one == APR_NOTFOUND ? rv : one;
        }
        return rv;
    }
    while ((entry = readdir(all)) != NULL) {
        if (apr_isdigit(entry->d_name[0])) {
            one = limit_wait(generation, (int)apr_atoi64(entry->d_name));
            rv = one == APR_NOTFOUND ? rv : one;
        }
    }
    closedir(all);
    return rv;
}

/* An apr_reslist_constructor; the list's lock is held, so others wait here while we connect. */
static apr_status_t connect_one(void **connection, void *generationv, apr_pool_t *pool)
{
    generation_t *generation = generationv;
    apr_status_t rv;

    (void)pool;
    if (atomic_load(&generation->ended)) {
        /* The one before us could not connect: each of us waiting a second in turn helps nobody. */
        return APR_ECONNREFUSED;
    }
    rv = apr_reslist_acquire(generation->raw, connection);
    if (rv == APR_SUCCESS) {
        rv = limit_waits(generation);
        if (rv == APR_SUCCESS) {
            return APR_SUCCESS;
        }
        apr_reslist_invalidate(generation->raw, *connection);
    }
    atomic_store(&generation->cause, rv);
    atomic_store(&generation->ended, 1);
    return APR_ECONNREFUSED;
}

/* An apr_reslist_destructor. */
static apr_status_t disconnect_one(void *connection, void *generationv, apr_pool_t *pool)
{
    generation_t *generation = generationv;

    (void)pool;
    return apr_reslist_invalidate(generation->raw, connection);
}

/* An apr_memcache_server_func. */
static apr_memcache_server_t *only_server(void *baton, apr_memcache_t *client, const apr_uint32_t hash)
{
    (void)baton;
    (void)hash;
    return client->live_servers[0];
}

static apr_status_t generation_create(generation_t **created, cloudep_cache_peer_t *peer)
{
    const apr_uint32_t connections = peer->connections;
    apr_sockaddr_t *addresses = NULL;
    apr_memcache_server_t *mine = NULL;
    apr_pool_t *pool;
    generation_t *generation;
    apr_status_t rv = apr_pool_create(&pool, peer->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    generation = apr_pcalloc(pool, sizeof(*generation));
    generation->peer = peer;
    generation->pool = pool;
    if ((rv = apr_sockaddr_info_get(&addresses, peer->at.host, peer->at.host[0] == '/' ? APR_UNIX : APR_UNSPEC,
                                    peer->at.port, 0, pool)) != APR_SUCCESS ||
        (rv = apr_memcache_create(pool, 1, 0, &generation->client)) != APR_SUCCESS ||
        (rv = apr_memcache_server_create(pool, peer->at.host, peer->at.port, 0, connections, connections, 0, &mine)) !=
            APR_SUCCESS ||
        (rv = apr_memcache_add_server(generation->client, mine)) != APR_SUCCESS) {
        goto leave;
    }
    generation->addresses = addresses;
    generation->client->server_func = only_server;
    generation->raw = mine->conns;
    if ((rv = apr_reslist_create(&mine->conns, 0, (int)connections, (int)connections, 0, connect_one, disconnect_one,
                                 generation, pool)) != APR_SUCCESS) {
        goto leave;
    }
    apr_reslist_timeout_set(mine->conns, peer->limit);
    /* Before the sub-pools go, as the connections live in one. */
    apr_reslist_cleanup_order_set(mine->conns, APR_RESLIST_CLEANUP_FIRST);
    *created = generation;
leave:
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
    }
    return rv;
}

apr_status_t cloudep_cache_peer_create(cloudep_cache_peer_t **peer, apr_pool_t *pool, const cloudep_cache_server_t *at,
                                       int connections, apr_interval_time_t limit)
{
    cloudep_cache_peer_t *made = apr_pcalloc(pool, sizeof(*made));

    made->pool = pool;
    made->at = (cloudep_cache_server_t){apr_pstrdup(pool, at->host), at->port};
    made->connections = (apr_uint32_t)connections;
    made->limit = limit;
    *peer = made;
    return apr_thread_mutex_create(&made->lock, APR_THREAD_MUTEX_DEFAULT, pool);
}

void cloudep_cache_peer_tell(cloudep_cache_peer_t *peer, cloudep_cache_told_fn told, void *baton)
{
    peer->told = told;
    peer->told_baton = baton;
}

/* Call with the lock held. cause APR_SUCCESS: it answers. */
static void note_change(cloudep_cache_peer_t *peer, apr_status_t cause)
{
    const int down = cause != APR_SUCCESS;
    char name[APRMAXHOSTLEN + 16];

    if (down == peer->down) {
        return;
    }
    peer->down = down;
    if (peer->told) {
        (void)apr_snprintf(name, sizeof(name), peer->at.port ? "%s:%d" : "%s", peer->at.host, (int)peer->at.port);
        peer->told(peer->told_baton, name, cause);
    }
}

/* Call with the lock held. */
static void rest(cloudep_cache_peer_t *peer, apr_status_t cause)
{
    peer->rest_until = apr_time_now() + REST;
    note_change(peer, cause == APR_SUCCESS ? APR_EGENERAL : cause);
}

apr_status_t cloudep_cache_peer_enter(cloudep_peer_lease_t *lease, cloudep_cache_peer_t *peer)
{
    apr_status_t rv;

    *lease = (cloudep_peer_lease_t){NULL, NULL, 0};
    apr_thread_mutex_lock(peer->lock);
    if (peer->rest_until) {
        if (peer->trying || apr_time_now() < peer->rest_until) {
            goto leave;
        }
        lease->trial = 1;
    }
    if (!peer->current && (rv = generation_create(&peer->current, peer)) != APR_SUCCESS) {
        rest(peer, rv);
        goto leave;
    }
    if (lease->trial) {
        peer->trying = 1;
    }
    lease->generation = peer->current;
    lease->client = lease->generation->client;
    lease->generation->users++;
leave:
    apr_thread_mutex_unlock(peer->lock);
    return lease->generation ? APR_SUCCESS : CLOUDEP_ECACHE;
}

void cloudep_cache_peer_leave(const cloudep_peer_lease_t *lease, cloudep_peer_verdict_t verdict, apr_status_t rv)
{
    generation_t *generation = lease->generation;
    cloudep_cache_peer_t *peer = generation->peer;
    apr_pool_t *over = NULL;

    apr_thread_mutex_lock(peer->lock);
    if (lease->trial) {
        peer->trying = 0;
        if (verdict == CLOUDEP_PEER_ANSWERED) {
            peer->rest_until = 0;
        }
    }
    if (verdict == CLOUDEP_PEER_ANSWERED && !generation->retired) {
        note_change(peer, APR_SUCCESS);
    }
    if (verdict == CLOUDEP_PEER_BROKEN || verdict == CLOUDEP_PEER_SICK) {
        /* Ended but not retired: no connection could be made. */
        const int sick = verdict == CLOUDEP_PEER_SICK || atomic_load(&generation->ended);

        /* Who comes late, from a generation that others have retired, knows nothing about the present one. */
        if (lease->trial || (sick && !generation->retired)) {
            const apr_status_t cause = atomic_load(&generation->cause);

            rest(peer, cause ? cause : rv);
        }
        retire(generation);
    }
    if (--generation->users == 0 && generation->retired) {
        over = generation->pool;
    }
    apr_thread_mutex_unlock(peer->lock);
    if (over) {
        apr_pool_destroy(over);
    }
}
