/*
 * cache.c - see cache.h: keys, the choice of the server, and what an answer is worth.
 *
 * An answer that cannot be (apr_memcache takes the empty line of a hung-up connection for one) means that
 * the server was restarted or is gone, so the operation is tried again on new connections. That is
 * safe: what memcached did just before it died is lost with it, and in the rare other case (a connection
 * cut between command and reply) the second try errs towards APR_EEXIST or APR_NOTFOUND.
 */
#include "base/cache/cache_peer.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/un.h>
#include "base/metrics.h"

#define DEFAULT_PORT 11211
#define KEY_PREFIX "cloudep:"
#define MAX_SERVERS 64
#define NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_" /* what a host is written with */
#define ADDRESS6 "ABCDEFabcdef0123456789.:"
/* How long apr_memcache waits for a connection to be made. */
#define CONNECT_LIMIT APR_USEC_PER_SEC

struct cloudep_cache_t {
    cloudep_cache_peer_t **peers;
    apr_uint32_t count;
    apr_interval_time_t limit;
    atomic_int busy; /* operations under way */
    atomic_int closed;
};

typedef enum { GET, SET, ADD, INCR, DELETE } verb_t;

/* One operation; a member that its verb does not need is zero. */
typedef struct request_t {
    verb_t verb;
    const cloudep_cache_key_t *key;
    union {
        const char *in;
        char *apr; /* apr_memcache only reads it, but does not say so */
    } data;
    apr_size_t length;
    apr_uint32_t ttl;
    apr_pool_t *pool;
    char *value;
    apr_uint32_t number;
} request_t;

static apr_status_t ask(apr_memcache_t *client, request_t *r)
{
    switch (r->verb) {
    case GET:
        return apr_memcache_getp(client, r->pool, r->key->text, &r->value, &r->length, NULL);
    case SET:
        return apr_memcache_set(client, r->key->text, r->data.apr, r->length, r->ttl, 0);
    case ADD:
        return apr_memcache_add(client, r->key->text, r->data.apr, r->length, r->ttl, 0);
    case INCR:
        return apr_memcache_incr(client, r->key->text, 1, &r->number);
    case DELETE:
        return apr_memcache_delete(client, r->key->text, 0);
    }
    return APR_ENOTIMPL;
}

static cloudep_peer_verdict_t judge(const request_t *r, apr_status_t rv, int again)
{
    switch (rv) {
    case APR_SUCCESS:
        if (r->verb != INCR || r->number > 0) {
            return CLOUDEP_PEER_ANSWERED;
        }
        return CLOUDEP_PEER_BROKEN; /* so apr_memcache_incr reads CLIENT_ERROR, and nothing at all */
    case APR_EGENERAL:
        return CLOUDEP_PEER_BROKEN; /* hung up, or ERROR, SERVER_ERROR: there is a server */
    case APR_NOTFOUND:
        if (r->verb == GET || r->verb == INCR || r->verb == DELETE) {
            return CLOUDEP_PEER_ANSWERED;
        }
        break;
    case APR_EEXIST:
        if (r->verb == ADD) {
            return CLOUDEP_PEER_ANSWERED;
        }
        break;
    case APR_TIMEUP:
        return CLOUDEP_PEER_BUSY; /* connecting never fails with this one */
    default:
        break;
    }
    return APR_STATUS_IS_EAGAIN(rv) || again ? CLOUDEP_PEER_SICK : CLOUDEP_PEER_BROKEN;
}

static apr_status_t try_servers(const cloudep_cache_t *cache, request_t *r)
{
    apr_uint32_t at = r->key->place;
    apr_uint32_t skipped = 0;
    apr_uint32_t failures = 0;

    /* A server that was restarted costs one try, one that is gone two; then the next has the key. */
    while (skipped < cache->count && failures <= cache->count) {
        cloudep_peer_verdict_t verdict;
        cloudep_peer_lease_t lease;
        apr_status_t rv;

        if (cloudep_cache_peer_enter(&lease, cache->peers[at % cache->count]) != APR_SUCCESS) {
            skipped++;
            at++;
            continue;
        }
        r->number = 0;
        rv = ask(lease.client, r);
        verdict = judge(r, rv, failures > 0);
        cloudep_cache_peer_leave(&lease, verdict, rv);
        if (verdict == CLOUDEP_PEER_ANSWERED) {
            return rv;
        }
        if (verdict == CLOUDEP_PEER_BUSY || APR_STATUS_IS_EAGAIN(rv)) {
            break; /* it has waited long enough */
        }
        failures++;
    }
    return CLOUDEP_ECACHE;
}

static const char *result_of(apr_status_t rv)
{
    return rv == APR_SUCCESS ? "done" : rv == APR_NOTFOUND ? "miss" : rv == APR_EEXIST ? "exists" : "failed";
}

static apr_status_t run(cloudep_cache_t *cache, request_t *r)
{
    static const char *const verbs[] = {"get", "set", "add", "incr", "delete"};
    apr_status_t rv = CLOUDEP_ECACHE;

    atomic_fetch_add(&cache->busy, 1);
    if (r->key->text[0] && !atomic_load(&cache->closed)) {
        rv = try_servers(cache, r);
    }
    atomic_fetch_sub(&cache->busy, 1);
    cloudep_count(CLOUDEP_METRIC_CACHE, verbs[r->verb], result_of(rv), 1);
    return rv;
}

static apr_status_t store(cloudep_cache_t *cache, verb_t verb, const cloudep_cache_key_t *key, const char *value,
                          apr_size_t length, apr_uint32_t ttl)
{
    request_t r = {.verb = verb, .key = key, .data = {.in = value}, .length = length, .ttl = ttl};

    if (length > CLOUDEP_CACHE_MAX_VALUE || ttl == 0 || ttl > CLOUDEP_CACHE_MAX_TTL) {
        return CLOUDEP_ECACHE;
    }
    return run(cache, &r);
}

/*
 * A pre-cleanup. On a hard stop httpd lets the pool go while workers may still run: nothing new may start, and
 * what is under way, whose waits are bounded, gets the time to end.
 */
static apr_status_t close_cache(void *cache_)
{
    cloudep_cache_t *cache = cache_;
    const apr_time_t end = apr_time_now() + 2 * (cache->limit + CONNECT_LIMIT);

    atomic_store(&cache->closed, 1);
    while (atomic_load(&cache->busy) > 0 && apr_time_now() < end) {
        apr_sleep(apr_time_from_msec(5));
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_cache_parse_server(cloudep_cache_server_t *server, const char *text, apr_pool_t *pool)
{
    char *host = NULL;
    char *scope = NULL;
    apr_port_t port = 0;

    memset(server, 0, sizeof(*server));
    if (text[0] == '/') {
        if (strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
            return CLOUDEP_EMALFORMED;
        }
        server->host = apr_pstrdup(pool, text);
        return APR_SUCCESS;
    }
    if (apr_parse_addr_port(&host, &scope, &port, text, pool) != APR_SUCCESS || !host || scope) {
        return CLOUDEP_EMALFORMED;
    }
    /* "127.0.0.1:abc" is all host to that function. */
    if (!*host || host[strspn(host, text[0] == '[' ? ADDRESS6 : NAME)]) {
        return CLOUDEP_EMALFORMED;
    }
    server->host = host;
    server->port = port ? port : DEFAULT_PORT;
    return APR_SUCCESS;
}

apr_status_t cloudep_cache_create(cloudep_cache_t **created, apr_pool_t *parent, const apr_array_header_t *servers,
                                  int connections, apr_interval_time_t limit)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *lock;
    cloudep_cache_t *cache;
    apr_pool_t *pool;
    apr_status_t rv;
    int i;

    *created = NULL;
    if (servers->nelts < 1 || servers->nelts > MAX_SERVERS || connections < 1 || limit < apr_time_from_msec(1)) {
        return APR_EINVAL;
    }
    if ((rv = apr_allocator_create(&allocator)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = apr_pool_create_ex(&pool, parent, NULL, allocator)) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, pool);
    if ((rv = apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pool)) != APR_SUCCESS) {
        goto leave;
    }
    apr_allocator_mutex_set(allocator, lock);
    cache = apr_pcalloc(pool, sizeof(*cache));
    cache->count = (apr_uint32_t)servers->nelts;
    cache->limit = limit;
    cache->peers = apr_pcalloc(pool, cache->count * sizeof(*cache->peers));
    for (i = 0; i < servers->nelts; i++) {
        const cloudep_cache_server_t *at = &APR_ARRAY_IDX(servers, i, const cloudep_cache_server_t);

        if ((rv = cloudep_cache_peer_create(&cache->peers[i], pool, at, connections, limit)) != APR_SUCCESS) {
            goto leave;
        }
    }
    apr_pool_pre_cleanup_register(pool, cache, close_cache);
    *created = cache;
leave:
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
    }
    return rv;
}

void cloudep_cache_tell(cloudep_cache_t *cache, cloudep_cache_told_fn told, void *baton)
{
    for (apr_uint32_t i = 0; i < cache->count; i++) {
        cloudep_cache_peer_tell(cache->peers[i], told, baton);
    }
}

/* Its remainder is the first server to ask: the one that apr_memcache_find_server_hash_default() would take. */
static apr_uint32_t place_of(const char *text)
{
    const apr_uint32_t hash = apr_memcache_hash_default(NULL, text, strlen(text));

    return hash ? hash : 1;
}

cloudep_cache_key_t cloudep_cache_key(const char *space, const char *const *parts, apr_size_t count)
{
    cloudep_cache_key_t key = {KEY_PREFIX};
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    apr_size_t i;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) && EVP_DigestUpdate(ctx, space, strlen(space) + 1);

    for (i = 0; good && i < count; i++) {
        /* 0xff is in no UTF-8 text: no string looks like an absent one. */
        const char *part = parts[i] ? parts[i] : "\xff";

        good = EVP_DigestUpdate(ctx, part, strlen(part) + 1);
    }
    if (!good || !EVP_DigestFinal_ex(ctx, hash, &size) ||
        apr_escape_hex(key.text + sizeof(KEY_PREFIX) - 1, hash, size, 0, NULL) != APR_SUCCESS) {
        key.text[0] = '\0';
    }
    EVP_MD_CTX_free(ctx);
    key.place = place_of(key.text);
    return key;
}

cloudep_cache_key_t cloudep_cache_key_near(const char *tag, const char *space, const char *const *parts,
                                           apr_size_t count)
{
    cloudep_cache_key_t key = cloudep_cache_key(space, parts, count);

    if (tag) {
        key.place = place_of(tag);
    }
    return key;
}

apr_status_t cloudep_cache_get(char **value, apr_size_t *length, cloudep_cache_t *cache, cloudep_cache_key_t key,
                               apr_pool_t *pool)
{
    request_t r = {.verb = GET, .key = &key, .pool = pool};
    const apr_status_t rv = run(cache, &r);

    *value = rv == APR_SUCCESS ? r.value : NULL;
    if (length) {
        *length = rv == APR_SUCCESS ? r.length : 0;
    }
    return rv;
}

apr_status_t cloudep_cache_set(cloudep_cache_t *cache, cloudep_cache_key_t key, const char *value, apr_size_t length,
                               apr_uint32_t ttl)
{
    return store(cache, SET, &key, value, length, ttl);
}

apr_status_t cloudep_cache_add(cloudep_cache_t *cache, cloudep_cache_key_t key, const char *value, apr_size_t length,
                               apr_uint32_t ttl)
{
    return store(cache, ADD, &key, value, length, ttl);
}

apr_status_t cloudep_cache_incr(apr_uint32_t *number, cloudep_cache_t *cache, cloudep_cache_key_t key, apr_uint32_t ttl)
{
    request_t r = {.verb = INCR, .key = &key};
    apr_status_t rv = run(cache, &r);
    int tries;

    /* It may end or be evicted between our add and our incr, hardly twice. */
    for (tries = 0; rv == APR_NOTFOUND && ttl && tries < 2; tries++) {
        rv = store(cache, ADD, &key, "0", 1, ttl);
        if (rv == APR_SUCCESS || rv == APR_EEXIST) {
            rv = run(cache, &r);
        }
    }
    *number = rv == APR_SUCCESS ? r.number : 0;
    return rv == APR_NOTFOUND && ttl ? CLOUDEP_ECACHE : rv;
}

apr_status_t cloudep_cache_delete(cloudep_cache_t *cache, cloudep_cache_key_t key)
{
    request_t r = {.verb = DELETE, .key = &key};

    return run(cache, &r);
}

/* One server; it may have been restarted, which costs a try. */
static int answers(cloudep_cache_peer_t *peer, request_t *r)
{
    cloudep_peer_verdict_t verdict = CLOUDEP_PEER_BROKEN;

    for (int tries = 0; tries < 2 && verdict == CLOUDEP_PEER_BROKEN; tries++) {
        cloudep_peer_lease_t lease;
        apr_status_t rv;

        if (cloudep_cache_peer_enter(&lease, peer) != APR_SUCCESS) {
            return 0;
        }
        rv = ask(lease.client, r);
        verdict = judge(r, rv, tries);
        cloudep_cache_peer_leave(&lease, verdict, rv);
    }
    return verdict == CLOUDEP_PEER_ANSWERED || verdict == CLOUDEP_PEER_BUSY;
}

void cloudep_cache_health(cloudep_cache_t *cache, int *servers, int *answering, apr_pool_t *pool)
{
    const cloudep_cache_key_t key = cloudep_cache_key("health", CLOUDEP_KEY_PARTS("nobody"));
    request_t r = {.verb = GET, .key = &key, .pool = pool};

    *servers = (int)cache->count;
    *answering = 0;
    atomic_fetch_add(&cache->busy, 1);
    for (apr_uint32_t i = 0; i < cache->count && !atomic_load(&cache->closed); i++) {
        *answering += answers(cache->peers[i], &r);
    }
    atomic_fetch_sub(&cache->busy, 1);
}
