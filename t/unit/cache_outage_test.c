/*
 * cache_outage_test.c - the cache on a memcached that is restarted, killed and stopped under it, that talks nonsense,
 * and on one of two that is lost: never a miss for an outage, never without an end, and back by itself.
 */
#include "cache.h"

static cloudep_cache_key_t near_key(int tag, int number, apr_pool_t *pool)
{
    const char *near = apr_psprintf(pool, "tag%d", tag);

    return cloudep_cache_key_near(near, "test", CLOUDEP_KEY_PARTS(near, apr_psprintf(pool, "%d", number)));
}

/* Read the same value until that fails, or is found missing. */
static void get_until(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;
    apr_pool_t *pool;
    char *value;

    apr_pool_create(&pool, NULL);
    do {
        apr_pool_clear(pool);
        crowd->rv[i] = cloudep_cache_get(&value, NULL, crowd->cache, crowd->key, pool);
    } while (crowd->rv[i] == APR_SUCCESS);
    apr_pool_destroy(pool);
}

/* Open many connections: the server is stopped until all threads wait in one of their own. */
static void *continue_later(void *pid)
{
    usleep(200000);
    kill(*(pid_t *)pid, SIGCONT);
    return NULL;
}

static void many_connections(cloudep_cache_t *cache, pid_t pid)
{
    crowd_t crowd = {.cache = cache, .key = key("many")};
    pthread_t helper;

    memcached_stop(pid);
    pthread_create(&helper, NULL, continue_later, &pid);
    in_threads(32, do_set, &crowd);
    pthread_join(helper, NULL);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 32, "32 operations on 32 connections");
}

static void test_restart(cloudep_cache_t *cache, int port, pid_t *pid, apr_pool_t *pool)
{
    crowd_t crowd = {.cache = cache, .key = key("after")};
    apr_uint32_t number = 0;

    many_connections(cache, *pid);
    memcached_end(*pid);
    *pid = memcached_start(port);
    is_int(cloudep_cache_incr(&number, cache, key("count"), 60), APR_SUCCESS, "incr right after a restart");
    is_int(number, 1, "is right");
    many_connections(cache, *pid);
    memcached_end(*pid);
    *pid = memcached_start(port);
    is_int(get(cache, "word", pool), APR_NOTFOUND, "get right after a restart");
    is_int(cloudep_cache_delete(cache, key("word")), APR_NOTFOUND, "delete right after that");
    many_connections(cache, *pid);
    memcached_end(*pid);
    *pid = memcached_start(port);
    in_threads(32, do_add, &crowd);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 1, "one of 32 adds right after a restart wins");
    is_int(count_of(crowd.rv, 32, APR_EEXIST), 31, "and no other fails");
    is_int(set(cache, "word", "x"), APR_SUCCESS, "set after a restart");
    is_int(get(cache, "word", pool), APR_SUCCESS, "get after a restart");
}

static void test_back(cloudep_cache_t *cache, apr_pool_t *pool)
{
    const apr_time_t start = apr_time_now();

    while (get(cache, "word", pool) == CLOUDEP_ECACHE && since(start) < 5000) {
        apr_sleep(SECOND / 100);
    }
    ok(since(start) < 2000, "it is back within 2 s (%d ms)", since(start));
}

static void test_outage(cloudep_cache_t *cache, int port, pid_t *pid, apr_pool_t *pool)
{
    crowd_t crowd = {.cache = cache, .key = key("outage")};
    apr_uint32_t number = 1;
    apr_time_t start = apr_time_now();
    int i;
    int wrong = 0;

    memcached_end(*pid);
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "get without a server");
    is_int(set(cache, "word", "x"), CLOUDEP_ECACHE, "set without a server");
    is_int(cloudep_cache_add(cache, key("word"), "x", 1, 60), CLOUDEP_ECACHE, "add without a server");
    is_int(cloudep_cache_delete(cache, key("word")), CLOUDEP_ECACHE, "delete without a server");
    is_int(cloudep_cache_incr(&number, cache, key("word"), 60), CLOUDEP_ECACHE, "incr without a server");
    for (i = 0; i < 1000; i++) {
        wrong += get(cache, "word", pool) != CLOUDEP_ECACHE;
    }
    is_int(wrong, 0, "1000 more all say so");
    ok(since(start) < 1000, "without waiting");
    apr_sleep(SECOND + SECOND / 10);
    in_threads(32, do_delete, &crowd);
    is_int(count_of(crowd.rv, 32, CLOUDEP_ECACHE), 32, "32 at once, when one may try again, all say so");
    *pid = memcached_start(port);
    test_back(cache, pool);
    in_threads(32, do_delete, &crowd);
    is_int(count_of(crowd.rv, 32, APR_NOTFOUND), 32, "for everybody");
}

static void test_stopped(cloudep_cache_t *cache, pid_t pid, apr_pool_t *pool)
{
    crowd_t crowd = {.cache = cache, .key = key("stopped")};
    apr_time_t start;

    memcached_stop(pid);
    start = apr_time_now();
    in_threads(32, do_incr, &crowd);
    is_int(count_of(crowd.rv, 32, CLOUDEP_ECACHE), 32, "32 operations on a stopped server");
    ok(since(start) < 2000, "end in time (%d ms)", since(start));
    start = apr_time_now();
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "the next one is refused");
    ok(since(start) < 500, "at once (%d ms)", since(start));
    apr_sleep(SECOND + SECOND / 10);
    start = apr_time_now();
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "the one that tries again");
    ok(since(start) < 2000, "ends in time (%d ms)", since(start));
    kill(pid, SIGCONT);
    test_back(cache, pool);
    in_threads(32, do_set, &crowd);
    is_int(count_of(crowd.rv, 32, APR_SUCCESS), 32, "for everybody");
}

static void test_two(apr_pool_t *pool)
{
    const int port1 = free_port();
    const int port2 = free_port();
    pid_t pid1 = memcached_start(port1);
    const pid_t pid2 = memcached_start(port2);
    cloudep_cache_t *cache = make(pool, port1, port2, SECOND);
    int found = 0;
    int lost = 0;
    int failed = 0;
    int i;

    for (i = 0; i < 200; i++) {
        failed += set(cache, apr_psprintf(pool, "two%d", i), "x") != APR_SUCCESS;
    }
    is_int(failed, 0, "200 values on two servers");
    memcached_end(pid1);
    for (i = 0; i < 200; i++) {
        const apr_status_t rv = get(cache, apr_psprintf(pool, "two%d", i), pool);

        found += rv == APR_SUCCESS;
        lost += rv == APR_NOTFOUND;
        failed += rv != APR_SUCCESS && rv != APR_NOTFOUND;
    }
    ok(failed == 0 && found > 50 && lost > 50, "with one dead, %d are found, %d lost, %d failed", found, lost, failed);
    for (i = 0; i < 200; i++) {
        failed += set(cache, apr_psprintf(pool, "two%d", i), "x") != APR_SUCCESS;
        failed += get(cache, apr_psprintf(pool, "two%d", i), pool) != APR_SUCCESS;
    }
    is_int(failed, 0, "every key can be used on the other");
    pid1 = memcached_start(port1);
    apr_sleep(SECOND + SECOND / 10);
    for (i = 0; i < 200; i++) {
        failed += set(cache, apr_psprintf(pool, "two%d", i), "x") != APR_SUCCESS;
    }
    memcached_end(pid2);
    for (found = 0, i = 0; i < 200; i++) {
        found += get(cache, apr_psprintf(pool, "two%d", i), pool) == APR_SUCCESS;
    }
    ok(failed == 0 && found > 50, "the first one took its keys again (%d)", found);
    memcached_end(pid1);
    is_int(get(cache, "two1", pool), CLOUDEP_ECACHE, "both dead is an outage");
}

/* Three keys near a tag are there together or lost together, whichever server goes. */
static void test_near(apr_pool_t *pool)
{
    const int port[] = {free_port(), free_port()};
    pid_t pid[] = {memcached_start(port[0]), memcached_start(port[1])};
    cloudep_cache_t *cache = make(pool, port[0], port[1], SECOND);
    int together[2] = {0, 0};
    int apart = 0;
    int failed = 0;

    for (int gone = 0; gone < 2; gone++) {
        for (int i = 0; i < 300; i++) {
            failed += cloudep_cache_set(cache, near_key(i / 3, i % 3, pool), "x", 1, 60) != APR_SUCCESS;
        }
        memcached_end(pid[gone]);
        for (int tag = 0; tag < 100; tag++) {
            int found = 0;

            for (int i = 0; i < 3; i++) {
                char *value;

                found += cloudep_cache_get(&value, NULL, cache, near_key(tag, i, pool), pool) == APR_SUCCESS;
            }
            together[gone] += found == 3;
            apart += found == 1 || found == 2;
        }
        pid[gone] = memcached_start(port[gone]);
        apr_sleep(SECOND + SECOND / 10);
    }
    is_int(failed, 0, "300 values near 100 tags on two servers");
    is_int(apart, 0, "no tag is on both");
    is_int(together[0] + together[1], 100, "each is on one");
    ok(together[0] > 20 && together[1] > 20, "%d on the one, %d on the other", together[1], together[0]);
    is_str(near_key(1, 2, pool).text, cloudep_cache_key("test", CLOUDEP_KEY_PARTS("tag1", "2")).text,
           "a tag does not change what goes over the wire");
    memcached_end(pid[0]);
    memcached_end(pid[1]);
}

static void *kill_later(void *pid)
{
    usleep(20000);
    memcached_end(*(pid_t *)pid);
    return NULL;
}

static void test_killed_under_load(apr_pool_t *pool)
{
    const int port = free_port();
    crowd_t crowd = {.cache = make(pool, port, 0, SECOND), .key = key("load")};
    int misses = 0;
    int round;

    for (round = 0; round < 3; round++) {
        pid_t pid = memcached_start(port);
        pthread_t helper;

        while (cloudep_cache_set(crowd.cache, crowd.key, "x", 1, 60) != APR_SUCCESS) {
            apr_sleep(SECOND / 20);
        }
        pthread_create(&helper, NULL, kill_later, &pid);
        in_threads(32, get_until, &crowd);
        pthread_join(helper, NULL);
        misses += 32 - count_of(crowd.rv, 32, CLOUDEP_ECACHE);
    }
    is_int(misses, 0, "a server killed under load is never a miss");
}

static void test_few_connections(int port, pid_t pid, apr_pool_t *pool)
{
    apr_array_header_t *servers = apr_array_make(pool, 1, sizeof(cloudep_cache_server_t));
    crowd_t crowd = {.key = key("few")};
    apr_time_t start;

    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"localhost", (apr_port_t)port};
    is_int(cloudep_cache_create(&crowd.cache, pool, servers, 2, SECOND / 2), APR_SUCCESS, "a cache of two connections");
    in_threads(TEST_THREADS, do_incr, &crowd);
    is_int(count_of(crowd.rv, TEST_THREADS, APR_SUCCESS), TEST_THREADS, "serves 64 threads, by the server's name");
    memcached_stop(pid);
    start = apr_time_now();
    in_threads(TEST_THREADS, do_incr, &crowd);
    is_int(count_of(crowd.rv, TEST_THREADS, CLOUDEP_ECACHE), TEST_THREADS, "64 threads on two that hang");
    ok(since(start) < 2000, "end in time (%d ms)", since(start));
    kill(pid, SIGCONT);
    is_int(cloudep_cache_create(&crowd.cache, pool, servers, 0, SECOND), APR_EINVAL, "no connections are refused");
    is_int(cloudep_cache_create(&crowd.cache, pool, servers, 2, 0), APR_EINVAL, "no limit is refused");
    apr_array_clear(servers);
    is_int(cloudep_cache_create(&crowd.cache, pool, servers, 2, SECOND), APR_EINVAL, "no server is refused");
}

static void *get_once(void *crowd_)
{
    get_until(0, crowd_);
    return NULL;
}

static void test_closed(int port, pid_t pid, apr_pool_t *pool)
{
    crowd_t crowd = {.key = key("closed")};
    apr_pool_t *sub;
    apr_time_t start;
    pthread_t thread;

    apr_pool_create(&sub, pool);
    crowd.cache = make(sub, port, 0, SECOND / 2);
    memcached_stop(pid);
    pthread_create(&thread, NULL, get_once, &crowd);
    apr_sleep(SECOND / 10);
    start = apr_time_now();
    apr_pool_destroy(sub);
    ok(since(start) > 200 && since(start) < 2000, "the pool waits for who still waits for an answer (%d ms)",
       since(start));
    pthread_join(thread, NULL);
    is_int(crowd.rv[0], CLOUDEP_ECACHE, "who does not get one");
    kill(pid, SIGCONT);
}

/* A server that answers every connection with the same words and hangs up. */
typedef struct fake_t {
    int listener;
    const char *words;
} fake_t;

static void *fake_server(void *fake_)
{
    const fake_t *fake = fake_;
    char buffer[512];
    int fd;

    while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
        if (recv(fd, buffer, sizeof(buffer), 0) > 0 && fake->words[0]) {
            send(fd, fake->words, strlen(fake->words), MSG_NOSIGNAL);
        }
        close(fd);
    }
    return NULL;
}

static void test_nonsense(const char *words, const char *name, apr_pool_t *pool)
{
    fake_t fake = {.listener = loopback(0, 1), .words = words};
    cloudep_cache_t *cache = make(pool, port_of(fake.listener), 0, SECOND);
    apr_uint32_t number = 0;
    pthread_t thread;
    int wrong = 0;

    pthread_create(&thread, NULL, fake_server, &fake);
    wrong += get(cache, "word", pool) != CLOUDEP_ECACHE;
    wrong += set(cache, "word", "x") != CLOUDEP_ECACHE;
    wrong += cloudep_cache_add(cache, key("word"), "x", 1, 60) != CLOUDEP_ECACHE;
    wrong += cloudep_cache_delete(cache, key("word")) != CLOUDEP_ECACHE;
    wrong += cloudep_cache_incr(&number, cache, key("word"), 60) != CLOUDEP_ECACHE;
    is_int(wrong, 0, name);
    shutdown(fake.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fake.listener);
}

int main(void)
{
    apr_pool_t *pool;
    apr_pool_t *sub;
    cloudep_cache_t *cache;
    const int port = free_port();
    pid_t pid;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    signal(SIGPIPE, SIG_IGN);
    pid = memcached_start(port);

    apr_pool_create(&sub, pool);
    cache = make(sub, port, 0, SECOND);
    is_int(set(cache, "word", "word"), APR_SUCCESS, "a word is stored");
    test_restart(cache, port, &pid, pool);
    test_outage(cache, port, &pid, pool);
    test_stopped(cache, pid, pool);
    apr_pool_destroy(sub);
    test_killed_under_load(pool);
    test_few_connections(port, pid, pool);
    test_closed(port, pid, pool);
    test_two(pool);
    test_near(pool);
    test_nonsense("", "a server that hangs up is an outage", pool);
    test_nonsense("ERROR\r\n", "a server that says ERROR is an outage", pool);
    test_nonsense("SERVER_ERROR out of memory\r\n", "a server that says SERVER_ERROR is an outage", pool);
    test_nonsense("VALUE cloudep:", "a server that hangs up in the middle is an outage", pool);

    memcached_end(pid);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
