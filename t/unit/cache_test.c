/*
 * cache_test.c - the cache on a memcached that is well: keys, values and lifetimes, one winner among many threads, a
 * Unix socket. What happens when one is not well is in cache_outage_test.c.
 */
#include <sys/stat.h>
#include <sys/un.h>

#include "cache.h"
#include "counted.h"

static void test_keys(apr_pool_t *pool)
{
    const char *const both[] = {"a", "b"};
    const char *const joined[] = {"ab"};
    const char *const empty[] = {"ab", ""};
    const char *const absent[] = {"ab", NULL};
    const char *const last[] = {"b"};
    const char *keys[7];
    int i;
    int j;
    int same = 0;

    keys[0] = apr_pstrdup(pool, cloudep_cache_key("s", both, 2).text);
    keys[1] = apr_pstrdup(pool, cloudep_cache_key("s", joined, 1).text);
    keys[2] = apr_pstrdup(pool, cloudep_cache_key("s", empty, 2).text);
    keys[3] = apr_pstrdup(pool, cloudep_cache_key("s", absent, 2).text);
    keys[4] = apr_pstrdup(pool, cloudep_cache_key("sa", joined + 0, 1).text);
    keys[5] = apr_pstrdup(pool, cloudep_cache_key("s", both, 0).text);
    keys[6] = apr_pstrdup(pool, cloudep_cache_key("sa", last, 1).text);
    for (i = 0; i < 7; i++) {
        for (j = 0; j < i; j++) {
            same += strcmp(keys[i], keys[j]) == 0;
        }
    }
    is_int(same, 0, "different parts never give the same key");
    is_str(cloudep_cache_key("s", both, 2).text, keys[0], "the same parts give the same key");
    /* Of coreutils' sha256sum; other nodes, and processes of another version, have the same values there. */
    is_str(keys[0], "cloudep:dd4bcdda775b6bb5b3d4c0e5dba1e23c6763efd23eafeb7e1866fcf823d835cd",
           "a key is a prefix and a hash");
    ok(cloudep_cache_key_near(NULL, "s", both, 2).place == cloudep_cache_key("s", both, 2).place,
       "without a tag a key is where its hash leads");
}

static void test_servers(apr_pool_t *pool)
{
    static const struct {
        const char *text, *host; /* NULL: it is refused */
        int port;
    } cases[] = {
        {"cache.example:1234", "cache.example", 1234},
        {"127.0.0.1", "127.0.0.1", 11211},
        {"my_cache-1:1", "my_cache-1", 1},
        {"a:65535", "a", 65535},
        {"[::1]:99", "::1", 99},
        {"[2001:db8::1]", "2001:db8::1", 11211},
        {"/run/memcached.sock", "/run/memcached.sock", 0},
        {"11211", NULL, 0},
        {"", NULL, 0},
        {":11211", NULL, 0},
        {"a:0", NULL, 0},
        {"a:99999", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:", NULL, 0},
        {"127.0.0.1:abc", NULL, 0},
        {"a b", NULL, 0},
        {"a,b", NULL, 0},
        {"memcached://localhost", NULL, 0},
        {"::1", NULL, 0},
        {"[name]:1", NULL, 0},
        {"[fe80::1%lo]:1", NULL, 0},
    };
    const apr_size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    cloudep_cache_server_t server;
    char *path = apr_palloc(pool, most + 2);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const apr_status_t rv = cloudep_cache_parse_server(&server, cases[i].text, pool);

        is_int(rv, cases[i].host ? APR_SUCCESS : CLOUDEP_EMALFORMED,
               apr_psprintf(pool, "'%s' is %s server", cases[i].text, cases[i].host ? "a" : "no"));
        is_str(server.host, cases[i].host, "with its host");
        is_int(server.port, cases[i].port, "and its port");
    }
    memset(path, 'x', most + 1);
    path[0] = '/';
    path[most + 1] = '\0';
    is_int(cloudep_cache_parse_server(&server, path, pool), CLOUDEP_EMALFORMED, "a path too long for a socket");
    path[most] = '\0';
    is_int(cloudep_cache_parse_server(&server, path, pool), APR_SUCCESS, "the longest path of a socket");
}

static void test_limits(apr_pool_t *pool)
{
    const cloudep_cache_server_t server = {"127.0.0.1", 11211};
    apr_array_header_t *servers = apr_array_make(pool, 65, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache = NULL;

    for (int i = 0; i < 64; i++) {
        APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = server;
    }
    is_int(cloudep_cache_create(&cache, pool, servers, 1, SECOND / 1000), APR_SUCCESS,
           "64 servers, one connection and a millisecond");
    is_int(cloudep_cache_create(&cache, pool, servers, 1, SECOND / 1000 - 1), APR_EINVAL, "less than a millisecond");
    ok(cache == NULL, "is no cache");
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = server;
    is_int(cloudep_cache_create(&cache, pool, servers, 1, SECOND), APR_EINVAL, "65 servers are too many");
}

static void test_values(cloudep_cache_t *cache, apr_pool_t *pool)
{
    char *big = apr_pcalloc(pool, CLOUDEP_CACHE_MAX_VALUE + 1);
    const char *evil = "a\r\nset cloudep:evil 0 0 1\r\nx\r\n";
    char *value = big;
    apr_size_t length = 1;
    apr_uint32_t number;
    int i;

    is_int(cloudep_cache_get(&value, &length, cache, key("none"), pool), APR_NOTFOUND, "a miss");
    ok(value == NULL && length == 0, "a miss gives no value");
    for (i = 0; i < CLOUDEP_CACHE_MAX_VALUE; i++) {
        big[i] = (char)(i * 7);
    }
    memcpy(big, "\r\nEND\r\n\0", 8);
    is_int(cloudep_cache_set(cache, key("big"), big, CLOUDEP_CACHE_MAX_VALUE, 60), APR_SUCCESS,
           "the biggest value, any bytes");
    is_int(cloudep_cache_get(&value, &length, cache, key("big"), pool), APR_SUCCESS, "a hit");
    ok(length == CLOUDEP_CACHE_MAX_VALUE && memcmp(value, big, length) == 0 && value[length] == '\0',
       "the same bytes come back");
    is_int(cloudep_cache_set(cache, key("big"), big, CLOUDEP_CACHE_MAX_VALUE + 1, 60), CLOUDEP_ECACHE,
           "too big a value is refused");
    is_int(cloudep_cache_set(cache, key("empty"), "", 0, 60), APR_SUCCESS, "an empty value");
    ok(cloudep_cache_get(&value, &length, cache, key("empty"), pool) == APR_SUCCESS && length == 0 && value[0] == '\0',
       "an empty value is not a miss");
    is_int(cloudep_cache_set(cache, key("x"), "x", 1, 0), CLOUDEP_ECACHE, "a lifetime of 0 is refused");
    is_int(cloudep_cache_set(cache, key("x"), "x", 1, CLOUDEP_CACHE_MAX_TTL + 1), CLOUDEP_ECACHE,
           "a lifetime over 30 days is refused");
    is_int(cloudep_cache_set(cache, key("x"), "x", 1, CLOUDEP_CACHE_MAX_TTL), APR_SUCCESS, "a lifetime of 30 days");
    is_int(get(cache, "x", pool), APR_SUCCESS, "is no date in the past");
    is_int(CLOUDEP_CACHE_MAX_TTL, 2592000, "and is in seconds");

    memset(big, 'k', 300);
    big[300] = '\0';
    is_int(set(cache, big, "long"), APR_SUCCESS, "a name of 300 bytes is stored");
    is_int(get(cache, big, pool), APR_SUCCESS, "a name of 300 bytes is found");
    is_int(set(cache, evil, "evil"), APR_SUCCESS, "a name with CR LF is stored");
    is_int(get(cache, evil, pool), APR_SUCCESS, "a name with CR LF is found");
    is_int(get(cache, "a", pool), APR_NOTFOUND, "a name with CR LF stores nothing else");

    is_int(set(cache, "word", "word"), APR_SUCCESS, "a word is stored");
    number = 7;
    is_int(cloudep_cache_incr(&number, cache, key("word"), 60), CLOUDEP_ECACHE, "a word cannot be counted up");
    is_int(number, 0, "a failed count gives no number");
    is_int(get(cache, "word", pool), APR_SUCCESS, "the connection works after a failed count");
    is_int(cloudep_cache_incr(&number, cache, key("counter"), 0), APR_NOTFOUND, "a counter is not made unasked");
    ok(cloudep_cache_incr(&number, cache, key("counter"), 1) == APR_SUCCESS && number == 1, "a counter starts at 1");
    ok(cloudep_cache_incr(&number, cache, key("counter"), 0) == APR_SUCCESS && number == 2, "a counter goes on with 2");
    is_int(cloudep_cache_set(cache, key("short"), "x", 1, 1), APR_SUCCESS, "a value for one second");
    apr_sleep(2 * SECOND + SECOND / 10);
    is_int(get(cache, "short", pool), APR_NOTFOUND, "a value for one second is gone after two");
    is_int(cloudep_cache_incr(&number, cache, key("counter"), 0), APR_NOTFOUND,
           "a counter for one second is gone after two");
}

/* Each operation is counted by what came of it. */
static void test_counted(cloudep_cache_t *cache, apr_pool_t *pool)
{
    static const struct {
        const char *verb, *result;
        int times;
    } cases[] = {
        {"get", "miss", 2},  {"get", "done", 1},    {"get", "failed", 1},  {"set", "done", 1},
        {"add", "done", 2},  {"add", "exists", 1},  {"incr", "failed", 1}, {"incr", "miss", 2},
        {"incr", "done", 1}, {"delete", "done", 1}, {"delete", "miss", 1},
    };
    cloudep_cache_key_t none = key("none");
    apr_uint32_t number;
    char *value;

    (void)count_in(64);
    none.text[0] = '\0';
    (void)get(cache, "counted", pool);
    (void)set(cache, "counted", "x");
    (void)get(cache, "counted", pool);
    (void)cloudep_cache_add(cache, key("counted"), "x", 1, 60);
    (void)cloudep_cache_incr(&number, cache, key("counted"), 60);
    (void)cloudep_cache_delete(cache, key("counted"));
    (void)cloudep_cache_delete(cache, key("counted"));
    (void)cloudep_cache_add(cache, key("counted"), "x", 1, 60);
    (void)cloudep_cache_incr(&number, cache, key("number"), 0);
    (void)cloudep_cache_incr(&number, cache, key("number"), 60);
    (void)get(cache, "none", pool);
    is_int(cloudep_cache_get(&value, NULL, cache, none, pool), CLOUDEP_ECACHE, "an empty key is refused");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(counted(CLOUDEP_METRIC_CACHE, cases[i].verb, cases[i].result), cases[i].times,
               apr_psprintf(pool, "%s: %s is counted", cases[i].verb, cases[i].result));
    }
    cloudep_share_cells(NULL);
}

static void test_races(cloudep_cache_t *cache)
{
    crowd_t crowd = {.cache = cache, .key = key("race")};
    int seen[33] = {0};
    int distinct = 0;
    int i;

    in_threads(32, do_add, &crowd);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 1, "one of 32 adds wins");
    is_int(count_of(crowd.rv, 32, APR_EEXIST), 31, "the other 31 adds are told so");
    in_threads(32, do_delete, &crowd);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 1, "one of 32 deletes wins");
    is_int(count_of(crowd.rv, 32, APR_NOTFOUND), 31, "the other 31 deletes are told so");
    in_threads(32, do_incr, &crowd);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 32, "32 count up a new counter");
    for (i = 0; i < 32; i++) {
        distinct += crowd.number[i] >= 1 && crowd.number[i] <= 32 && !seen[crowd.number[i]]++;
    }
    is_int(distinct, 32, "each gets another number, 1 to 32");
}

static void test_socket(apr_pool_t *pool)
{
    apr_array_header_t *servers = apr_array_make(pool, 1, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache = NULL;
    char folder[] = "/tmp/cloudep-cache-XXXXXX";
    const char *path;
    apr_time_t start;
    pid_t pid;

    if (!mkdtemp(folder) || chmod(folder, 0777) != 0) {
        printf("Bail out! no folder\n");
        exit(1);
    }
    path = apr_pstrcat(pool, folder, "/socket", NULL);
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){path, 0};
    pid = memcached_start_at(path);
    is_int(cloudep_cache_create(&cache, pool, servers, 4, SECOND), APR_SUCCESS, "a cache behind a Unix socket");
    is_int(set(cache, "word", "x"), APR_SUCCESS, "a cache behind a Unix socket stores");
    is_int(get(cache, "word", pool), APR_SUCCESS, "a cache behind a Unix socket finds");
    memcached_stop(pid);
    start = apr_time_now();
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "a stopped server behind a Unix socket is an outage");
    ok(since(start) < 2000, "ends in time (%d ms)", since(start));
    memcached_end(pid);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    apr_pool_t *pool;
    cloudep_cache_t *cache;
    const int port = free_port();
    pid_t pid;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    signal(SIGPIPE, SIG_IGN);
    pid = memcached_start(port);

    test_keys(pool);
    test_servers(pool);
    test_limits(pool);
    cache = make(pool, port, 0, SECOND);
    test_values(cache, pool);
    test_counted(cache, pool);
    test_races(cache);
    test_socket(pool);

    memcached_end(pid);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
