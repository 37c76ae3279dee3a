/*
 * pools_test.c - what the threads of a child share of the core and what needs no httpd: verified tokens, turns in the
 * background, the watchdog's slots, libcurl's handles. Eight threads use each at once; t/threads.t runs the same under
 * ThreadSanitizer.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "core/background.h"
#include "core/http.h"
#include "service/token_cache.h"
#include "core/watchdog.h"
#include "tap.h"
#include "memcached.h"
#include "hammer.h"

/* ---- verified tokens ------------------------------------------------------------------------------------- */

/* Fewer than threads, so that they meet. */
#define TOKENS 5

static void use_tokens(hammer_t *h, void *cachev)
{
    const int number = h->round % TOKENS;
    const char *uid = apr_psprintf(h->pool, "%036d", number);
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access = {.expires = 1 + number};

    h->wrong += cloudep_token_key(key, cachev, uid) != APR_SUCCESS;
    if (h->round % 2 == h->number % 2) {
        apr_cpystrn(access.uid, uid, sizeof(access.uid));
        cloudep_token_cache_put(cachev, key, &access);
    }
    else if (cloudep_token_cache_get(cachev, key, &access) == APR_SUCCESS) {
        h->wrong += strcmp(access.uid, uid) != 0 || access.expires != 1 + number;
        h->count++;
    }
}

static void test_tokens(apr_pool_t *pool)
{
    cloudep_token_cache_t *cache = cloudep_token_cache_create(pool);

    ok(cache != NULL, "a cache of tokens");
    ok(hammer("tokens", use_tokens, cache).count > 0, "tokens are found");
}

/* A few hundred sessions in use at a time is little: none of them may cost another one its place all the time. */
static void test_token_places(apr_pool_t *pool)
{
    cloudep_token_cache_t *cache = cloudep_token_cache_create(pool);
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access = {.expires = 1};
    int found = 0;

    for (int n = 0; n < 400; n++) {
        (void)cloudep_token_key(key, cache, apr_itoa(pool, n % 200));
        found += cloudep_token_cache_get(cache, key, &access) == APR_SUCCESS;
        cloudep_token_cache_put(cache, key, &access);
    }
    ok(found == 200, "200 tokens are remembered side by side: %d", found);
}

/* ---- turns in the background ----------------------------------------------------------------------------- */

typedef struct {
    cloudep_background_t *background;
    apr_uint32_t turns; /* all but the last */
    apr_uint32_t last;
} work_t;

static void take_turn(void *workv, apr_pool_t *p, int last)
{
    work_t *work = workv;

    (void)apr_pstrdup(p, "scratch");
    (void)apr_atomic_inc32(last ? &work->last : &work->turns);
}

static void wake(hammer_t *h, void *workv)
{
    const work_t *work = workv;

    (void)h;
    cloudep_background_wake(work->background);
}

static void start_work(work_t *work, apr_pool_t **pool, apr_pool_t *parent, apr_interval_time_t interval)
{
    memset(work, 0, sizeof(*work));
    apr_pool_create(pool, parent);
    is_int(cloudep_background_start(&work->background, *pool, interval, take_turn, work), APR_SUCCESS, "a thread");
}

/* Whether so many turns were had, within ten seconds. */
static int had(work_t *work, apr_uint32_t turns)
{
    for (int i = 0; i < 10000 && apr_atomic_read32(&work->turns) < turns; i++) {
        apr_sleep(1000);
    }
    return apr_atomic_read32(&work->turns) >= turns;
}

static void test_background(apr_pool_t *parent)
{
    apr_pool_t *pool;
    work_t work;

    start_work(&work, &pool, parent, 1000);
    ok(had(&work, 3), "its turns come by themselves");
    apr_pool_destroy(pool);
    is_int((int)work.last, 1, "and one is the last");

    start_work(&work, &pool, parent, apr_time_from_sec(3600));
    apr_sleep(20000);
    is_int((int)apr_atomic_read32(&work.turns), 0, "no turn comes before its time");
    (void)hammer("wakes", wake, &work);
    ok(had(&work, 1), "but when it is woken");
    apr_pool_destroy(pool);
    is_int((int)work.last, 1, "and the last one without waiting");
}

/* ---- the watchdog ---------------------------------------------------------------------------------------- */

/* A wait of about a millisecond on a socket that nobody writes to; the watchdog's limit is far below. */
static void use_watchdog(hammer_t *h, void *watchdogv)
{
    int pair[2];
    char byte;
    int cut;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        h->wrong++;
        return;
    }
    h->wrong += cloudep_watchdog_begin(watchdogv, h->number, pair[0]) != APR_SUCCESS;
    apr_sleep(1000);
    cut = cloudep_watchdog_end(watchdogv, h->number);
    /* The other end sees whether it was shut down. */
    h->wrong += (recv(pair[1], &byte, 1, MSG_DONTWAIT) == 0) != cut;
    h->count += cut;
    close(pair[0]);
    close(pair[1]);
}

static void test_watchdog(apr_pool_t *parent)
{
    cloudep_watchdog_t *watchdog = NULL;
    apr_pool_t *pool;
    hammered_t all;

    apr_pool_create(&pool, parent);
    is_int(cloudep_watchdog_create(&watchdog, pool, HAMMER_THREADS, 100), APR_SUCCESS, "a watchdog");
    all = hammer("watched sockets", use_watchdog, watchdog);
    ok(all.count > 0 && all.count < all.rounds, "%d of %d were cut off", all.count, all.rounds);
    apr_pool_destroy(pool);
}

/* ---- libcurl's handles ----------------------------------------------------------------------------------- */

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* A server with a thread for each connection, which answers whatever comes, three times at most. */
typedef struct {
    int listener;
    apr_uint32_t connections;
    apr_uint32_t serving;
} server_t;

typedef struct {
    server_t *server;
    int fd;
} connection_t;

static void *serve(void *connectionv)
{
    connection_t *connection = connectionv;
    char request[4096];

    for (int i = 0; i < 3 && recv(connection->fd, request, sizeof(request), 0) > 0; i++) {
        (void)send(connection->fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL);
    }
    close(connection->fd);
    apr_atomic_dec32(&connection->server->serving);
    free(connection);
    return NULL;
}

static void *accept_all(void *serverv)
{
    server_t *server = serverv;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        connection_t *connection = malloc(sizeof(*connection));
        pthread_t thread;

        if (!connection) {
            close(fd);
            continue;
        }
        *connection = (connection_t){server, fd};
        apr_atomic_inc32(&server->connections);
        apr_atomic_inc32(&server->serving);
        if (pthread_create(&thread, NULL, serve, connection) == 0) {
            (void)pthread_detach(thread);
        }
    }
    return NULL;
}

typedef struct {
    cloudep_http_t *http;
    const char *url;
    const char *closed; /* where nobody listens */
    apr_uint32_t stop;
} client_t;

static void use_http(hammer_t *h, void *clientv)
{
    client_t *client = clientv;
    cloudep_http_response_t *response = NULL;
    const int fails = h->round % 5 == 4;
    const cloudep_http_request_t request = {.url = fails ? client->closed : client->url, .stop = &client->stop};
    const apr_status_t rv = cloudep_http_exchange(&response, client->http, h->pool, &request);

    h->wrong += rv != (fails ? APR_ECONNREFUSED : APR_SUCCESS);
    h->wrong += rv == APR_SUCCESS && (response->status != 200 || strcmp(response->body, "hello") != 0);
}

/* Each transfer ends because of stop, as they do when a child ends. */
static void use_stopped_http(hammer_t *h, void *clientv)
{
    client_t *client = clientv;
    cloudep_http_response_t *response = NULL;
    const cloudep_http_request_t request = {.url = client->url, .stop = &client->stop};
    apr_status_t rv;

    if (h->number == 0) {
        __atomic_store_n(&client->stop, h->round % 2 == 0, __ATOMIC_RELAXED); /* where ThreadSanitizer sees it */
    }
    rv = cloudep_http_exchange(&response, client->http, h->pool, &request);
    h->wrong += rv != APR_SUCCESS && rv != APR_EINTR;
    h->count += rv == APR_EINTR;
}

static void test_http(apr_pool_t *parent)
{
    server_t server = {.listener = loopback(0, 1)};
    client_t client = {.closed = "http://127.0.0.1:1/",
                       .url = apr_psprintf(parent, "http://127.0.0.1:%d/", port_of(server.listener))};
    apr_pool_t *pool;
    pthread_t thread;
    hammered_t all;

    apr_pool_create(&pool, parent);
    pthread_create(&thread, NULL, accept_all, &server);
    is_int(cloudep_http_startup(pool), APR_SUCCESS, "libcurl");
    is_int(cloudep_http_create(&client.http, pool), APR_SUCCESS, "a store of handles");
    all = hammer("exchanges", use_http, &client);
    ok((int)apr_atomic_read32(&server.connections) < all.rounds, "%u connections for %d exchanges",
       apr_atomic_read32(&server.connections), all.rounds);
    ok(hammer("exchanges that are stopped", use_stopped_http, &client).count > 0, "some are");
    apr_pool_destroy(pool);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    while (apr_atomic_read32(&server.serving)) {
        apr_sleep(1000);
    }
    close(server.listener);
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_tokens(pool);
    test_token_places(pool);
    test_background(pool);
    test_watchdog(pool);
    test_http(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
