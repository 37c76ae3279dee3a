/*
 * pools_test.c - what the threads of a child share of the core and what needs no httpd: verified tokens, turns in the
 * background, the watchdog's slots, libcurl's handles. Eight threads use each at once; t/threads.t runs the same under
 * ThreadSanitizer.
 */
#include <apr_atomic.h>
#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <signal.h>
#include <sys/wait.h>

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

/* Two tokens of one place of the table whose digests differ in the last byte alone. */
static void test_token_keys(apr_pool_t *pool)
{
    cloudep_token_cache_t *cache = cloudep_token_cache_create(pool);
    unsigned char one[CLOUDEP_TOKEN_KEY] = {0}, other[CLOUDEP_TOKEN_KEY] = {0};
    cloudep_access_t access = {.expires = 1};

    other[CLOUDEP_TOKEN_KEY - 1] = 1;
    cloudep_token_cache_put(cache, one, &access);
    is_int(cloudep_token_cache_get(cache, other, &access), APR_NOTFOUND, "a token is found by all of its digest");
    is_int(cloudep_token_cache_get(cache, one, &access), APR_SUCCESS, "and so found");
    for (int i = 0; i < 8; i++) {
        cloudep_token_cache_put(cache, i < 2 ? other : one, &access);
    }
    ok(cloudep_token_cache_get(cache, one, &access) == APR_SUCCESS &&
           cloudep_token_cache_get(cache, other, &access) == APR_SUCCESS,
       "one that is used again and again takes no other's place");
}

/* A few hundred sessions in use at a time is little: none of them may cost another one its place all the time. */
static void test_token_places(apr_pool_t *pool)
{
    cloudep_token_cache_t *cache = cloudep_token_cache_create(pool);
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access = {.expires = 1};
    const unsigned char zeros[CLOUDEP_TOKEN_KEY] = {0};
    int found = 0;

    is_int(cloudep_token_cache_get(cache, zeros, &access), APR_NOTFOUND, "an empty place is no token");
    for (int n = 0; n < 400; n++) {
        (void)cloudep_token_key(key, cache, apr_itoa(pool, n % 200));
        found += cloudep_token_cache_get(cache, key, &access) == APR_SUCCESS;
        cloudep_token_cache_put(cache, key, &access);
    }
    ok(found == 200, "200 tokens are remembered side by side: %d", found);
}

/* ---- turns in the background ----------------------------------------------------------------------------- */

typedef struct work_t {
    cloudep_background_t *background;
    apr_uint32_t turns; /* all but the last */
    apr_uint32_t last;
    apr_uint32_t cleaned;     /* turns whose pool was cleared */
    apr_interval_time_t next; /* not 0: what a turn asks for */
    int once;                 /* only the first one does */
    int slow;                 /* the last turn takes a moment */
    int hangs;                /* turns end when the child does */
    int masked;               /* no turn was open to a signal for the process */
} work_t;

static int signals_are_blocked(void)
{
    sigset_t mask;

    return pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM) == 1 &&
           sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGHUP) == 1;
}

static apr_status_t count_cleaned(void *workv)
{
    (void)apr_atomic_inc32(&((work_t *)workv)->cleaned);
    return APR_SUCCESS;
}

static void take_turn(void *workv, apr_pool_t *p, int last)
{
    work_t *work = workv;

    apr_pool_cleanup_register(p, work, count_cleaned, apr_pool_cleanup_null);
    work->masked &= signals_are_blocked();
    if (work->next && !last && !(work->once && apr_atomic_read32(&work->turns))) {
        cloudep_background_next(work->background, work->next);
    }
    if (work->slow && last) {
        apr_sleep(apr_time_from_msec(100));
    }
    (void)apr_atomic_inc32(last ? &work->last : &work->turns);
    while (work->hangs && !last && !apr_atomic_read32(cloudep_background_stop(work->background))) {
        apr_sleep(1000);
    }
}

static void wake(hammer_t *h, void *workv)
{
    const work_t *work = workv;

    (void)h;
    cloudep_background_wake(work->background);
}

static void start_work(work_t *work, apr_pool_t *pool, apr_interval_time_t interval, const char *what)
{
    work->masked = 1;
    is_int(cloudep_background_start(&work->background, pool, interval, take_turn, work), APR_SUCCESS, what);
}

/* Whether so many turns were had, within a minute. */
static int had(work_t *work, apr_uint32_t turns)
{
    for (int i = 0; i < 60000 && apr_atomic_read32(&work->turns) < turns; i++) {
        apr_sleep(1000);
    }
    return apr_atomic_read32(&work->turns) >= turns;
}

static void test_background(apr_pool_t *parent)
{
    apr_pool_t *pool;
    work_t often = {.turns = 0};
    work_t seldom = {.turns = 0};
    work_t asking = {.next = 1000};
    work_t once = {.next = 1000, .once = 1};
    work_t hanging = {.hangs = 1};
    apr_uint32_t turns;

    apr_pool_create(&pool, parent);
    start_work(&often, pool, 1000, "a thread that has a turn every millisecond");
    start_work(&seldom, pool, apr_time_from_sec(3600), "one that has one every hour");
    start_work(&asking, pool, apr_time_from_sec(3600), "one whose turns ask for the next one");
    start_work(&once, pool, apr_time_from_sec(3600), "one whose first turn does");
    start_work(&hanging, pool, 1000, "one whose turn goes on until the child ends");
    ok(had(&often, 3), "turns come by themselves");
    is_int((int)apr_atomic_read32(&seldom.turns), 0, "no turn comes before its time");
    (void)hammer("wakes", wake, &seldom);
    ok(had(&seldom, 1), "a wake brings a turn before its time");
    cloudep_background_wake(asking.background);
    ok(had(&asking, 3), "a turn brings the next one before its time");
    cloudep_background_wake(once.background);
    ok(had(&once, 2), "the next one after the first");
    turns = apr_atomic_read32(&seldom.turns);
    ok(had(&often, apr_atomic_read32(&often.turns) + 50), "while others go on");
    is_int((int)apr_atomic_read32(&once.turns), 2, "the turn after that comes in its own time");
    is_int((int)apr_atomic_read32(&seldom.turns), (int)turns, "one wake brings one turn");
    ok(apr_atomic_read32(&often.cleaned) >= 50, "what a turn took of its pool goes with it");
    ok(had(&hanging, 1), "a turn is under way");
    apr_pool_destroy(pool);
    is_int((int)often.last, 1, "at the end of the child there is one last turn");
    is_int((int)seldom.last, 1, "which does not wait for its time");
    is_int((int)asking.last, 1, "whatever was asked for");
    is_int((int)hanging.last, 1, "nor for a turn that watches for the end");
    ok(often.masked && seldom.masked && asking.masked && hanging.masked, "signals are left to other threads");
}

/* A turn that does not end before it is let go. Not in the pool: it outlives that. */
typedef struct stuck_t {
    apr_uint32_t began;
    apr_uint32_t let_go;
    apr_uint32_t ended;
} stuck_t;

static void be_stuck(void *stuckv, apr_pool_t *p, int last)
{
    stuck_t *stuck = stuckv;

    (void)p;
    (void)last;
    apr_atomic_set32(&stuck->began, 1);
    while (!apr_atomic_read32(&stuck->let_go)) {
        apr_sleep(1000);
    }
    apr_atomic_set32(&stuck->ended, 1);
}

/* In a process of its own, as one that leaves a thread behind is about to exit. */
static int leave_behind(void)
{
    static stuck_t stuck;
    cloudep_background_t *background;
    apr_pool_t *pool;
    work_t other = {.slow = 1};

    apr_pool_create(&pool, NULL);
    start_work(&other, pool, apr_time_from_sec(3600), "a thread");
    is_int(cloudep_background_start(&background, pool, 1000, be_stuck, &stuck), APR_SUCCESS, "one that will hang");
    while (!apr_atomic_read32(&stuck.began)) {
        apr_sleep(1000);
    }
    apr_pool_clear(pool);
    is_int((int)apr_atomic_read32(&stuck.ended), 0, "the child does not wait for a thread that hangs");
    is_int((int)apr_atomic_read32(&other.last), 1, "and the others have had their last turn");
    (void)fflush(stdout);
    _exit(done_testing());
}

static void test_left_behind(void)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* what it says is no test of ours */
        (void)execl("/proc/self/exe", "pools_test", "hang", NULL);
        _exit(127);
    }
    ok(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a thread that hangs is left behind");
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

/* Begins a wait for an answer that does not come. */
static void begin_wait(cloudep_watchdog_t *watchdog, int number, int pair[2])
{
    const struct timeval most = {.tv_sec = 30};

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) != 0) {
        printf("Bail out! no sockets\n");
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
    is_int(cloudep_watchdog_begin(watchdog, number, pair[0]), APR_SUCCESS, "a wait");
}

static void close_both(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* Each slot is watched, and none is cut off before its time. */
static void test_limits(apr_pool_t *pool)
{
    cloudep_watchdog_t *soon = NULL, *late = NULL;
    int patient[2], pair[2];
    char byte;

    (void)cloudep_watchdog_create(&soon, pool, 3, 100);
    (void)cloudep_watchdog_create(&late, pool, 1, apr_time_from_sec(3600));
    begin_wait(late, 0, patient);
    for (int i = 2; i >= 0; i--) {
        begin_wait(soon, i, pair);
        is_int(recv(pair[1], &byte, 1, 0), 0, "that takes too long is cut off");
        is_int(cloudep_watchdog_end(soon, i), 1, "which whoever waits hears of");
        close_both(pair);
    }
    is_int(cloudep_watchdog_end(late, 0), 0, "meanwhile one that may take an hour is not");
    ok(recv(patient[1], &byte, 1, MSG_DONTWAIT) == -1, "and its socket is as it was");
    close_both(patient);
}

static int count_open_files(apr_pool_t *pool)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    int count = 0;

    if (apr_dir_open(&dir, "/proc/self/fd", pool) != APR_SUCCESS) {
        return -1;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        count++;
    }
    (void)apr_dir_close(dir);
    return count;
}

static void test_watchdog(apr_pool_t *parent)
{
    int files;
    cloudep_watchdog_t *watchdog = NULL;
    apr_pool_t *pool;
    hammered_t all;

    apr_pool_create(&pool, parent);
    files = count_open_files(pool);
    is_int(cloudep_watchdog_create(&watchdog, pool, HAMMER_THREADS, 100), APR_SUCCESS, "a watchdog");
    all = hammer("watched sockets", use_watchdog, watchdog);
    ok(all.count > 0 && all.count < all.rounds, "%d of %d were cut off", all.count, all.rounds);
    test_limits(pool);
    is_int(count_open_files(pool), files, "no descriptor is left open");
    apr_pool_destroy(pool);
}

/* ---- libcurl's handles ----------------------------------------------------------------------------------- */

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* A server with a thread for each connection, which answers whatever comes, three times at most. */
typedef struct server_t {
    int listener;
    apr_uint32_t connections;
    apr_uint32_t serving;
} server_t;

typedef struct connection_t {
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

typedef struct client_t {
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

/* The server answers three times on a connection. */
static void test_kept_handle(apr_pool_t *pool, server_t *server, const char *url)
{
    const cloudep_http_request_t request = {.url = url};
    const apr_uint32_t before = apr_atomic_read32(&server->connections);
    cloudep_http_response_t *response;
    cloudep_http_t *http = NULL;

    is_int(cloudep_http_create(&http, pool), APR_SUCCESS, "a store of handles");
    for (int i = 0; i < 3; i++) {
        is_int(cloudep_http_exchange(&response, http, pool, &request), APR_SUCCESS, "an exchange");
    }
    is_int((int)(apr_atomic_read32(&server->connections) - before), 1,
           "exchanges one after the other take one connection");
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
    test_kept_handle(pool, &server, client.url);
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

int main(int argc, char **argv)
{
    apr_pool_t *pool;

    apr_initialize();
    if (argc > 1 && !strcmp(argv[1], "hang")) {
        return leave_behind();
    }
    apr_pool_create(&pool, NULL);
    test_tokens(pool);
    test_token_keys(pool);
    test_token_places(pool);
    test_background(pool);
    test_left_behind();
    test_watchdog(pool);
    test_http(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
