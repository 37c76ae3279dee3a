/*
 * flow_memcached_test.c - the memcached servers of a configuration: which lists are refused at start and with what
 * words, what is logged and counted of one that is away, and what the check says.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <netdb.h>

#include "core/kept_files.h"
#include "core/memcached.h"
#include "core/settings.h"
#include "counted.h"
#include "memcached.h"
#include "tap.h"

#define WRITE "write host, host:port (1 to 65535), [address]:port or the path of a socket"
#define HANG apr_time_from_sec(60) /* a thousand times what an impatient one waits is more */
#define UNKNOWN "no.such.host.invalid"

int flow_logged(const char *text); /* flow_shim.c */

static apr_pool_t *p;
static cloudep_runtime_t run;

/* A configuration with those servers, ended by NULL. */
static cloudep_config_t *config_of(const char *const *servers)
{
    cloudep_config_t *config = apr_pcalloc(p, sizeof(*config));

    config->run = &run;
    config->memcache_timeout = 20000; /* whoever answers may be slow on a busy machine */
    config->memcache_servers = apr_array_make(p, 2, sizeof(const char *));
    for (; *servers; servers++) {
        APR_ARRAY_PUSH(config->memcache_servers, const char *) = *servers;
    }
    return config;
}

#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})

/* For a server that says nothing. */
static cloudep_config_t *impatient(cloudep_config_t *config)
{
    config->memcache_timeout = 100;
    return config;
}

static void prepared(cloudep_config_t *config, apr_status_t rv, const char *error, const char *name)
{
    const char *got = NULL;

    is_int(cloudep_memcached_prepare(NULL, config, p, &got), rv, name);
    is_str(got, error, "with what there is to say of it");
}

static void test_prepare(void)
{
    cloudep_config_t none = {.run = &run};

    ok(!cloudep_memcached_is_on(&none) && cloudep_memcached_is_on(CONFIG("127.0.0.1")), "it is on where it is set");
    prepared(&none, APR_SUCCESS, NULL, "no server");
    prepared(CONFIG("127.0.0.1", "localhost:11212", "/nowhere/socket"), APR_SUCCESS, NULL, "servers of all kinds");
    prepared(CONFIG("127.0.0.1:0"), CLOUDEP_EMALFORMED, "CloudEPMemcacheServer 127.0.0.1:0: " WRITE, "a bad one");
    prepared(CONFIG("127.0.0.1", "b:x", "c:y"), CLOUDEP_EMALFORMED, "CloudEPMemcacheServer b:x: " WRITE,
             "the first bad one of several");
}

/* A name without an address is refused, unless the resolver cannot say so just now, or httpd runs already. */
static void test_names(void)
{
    struct addrinfo *found = NULL;
    const int answer = getaddrinfo(UNKNOWN, NULL, NULL, &found);
    cloudep_kept_t kept = {0};
    const char *error = NULL;
    apr_status_t rv = cloudep_memcached_prepare(NULL, CONFIG("127.0.0.1", UNKNOWN), p, &error);

    if (answer == EAI_AGAIN) {
        is_int(rv, APR_SUCCESS, "a name that cannot be looked up just now is not refused");
    }
    else {
        ok(rv != APR_SUCCESS && error &&
               strstr(error, "CloudEPMemcacheServer " UNKNOWN ": this name leads to no address ("),
           "a name without an address is refused: %s", error ? error : "nothing");
    }
    cloudep_kept_begin(&kept, p);
    cloudep_kept_use(p, 1);
    prepared(CONFIG("127.0.0.1", UNKNOWN), APR_SUCCESS, NULL, "a name that httpd runs with already");
    cloudep_kept_use(p, 0);
}

static apr_status_t get(void)
{
    char *value;

    return cloudep_cache_get(&value, NULL, run.challenges.cache, cloudep_cache_key("test", CLOUDEP_KEY_PARTS("word")),
                             p);
}

static const char *at(int port)
{
    return apr_psprintf(p, "127.0.0.1:%d", port);
}

/* Both ways of being away, and the return. */
static void test_away(void)
{
    const int port = free_port(), mute = loopback(0, 1);
    cloudep_config_t none = {.run = &run};
    apr_time_t start = apr_time_now();
    apr_status_t rv = CLOUDEP_ECACHE;
    pid_t pid;

    (void)count_in(16);
    is_int(cloudep_memcached_child_init(NULL, &none, p), APR_SUCCESS, "without servers");
    ok(run.challenges.cache == NULL, "there is no cache");
    is_int(cloudep_memcached_child_init(NULL, CONFIG(at(port)), p), APR_SUCCESS, "with a server");
    (void)flow_logged("");
    is_int(get(), CLOUDEP_ECACHE, "which is away");
    ok(flow_logged(apr_psprintf(p, "CE1244: memcached %s (CloudEPMemcacheServer) cannot be asked: Connection refused; ",
                                at(port))),
       "that it is away is logged, and why");
    is_int(counted(CLOUDEP_METRIC_CACHE_DOWN, "", ""), 1, "and counted");
    (void)get();
    ok(!flow_logged("CE1244"), "once");
    pid = memcached_start(port);
    while (rv == CLOUDEP_ECACHE && apr_time_now() - start < apr_time_from_sec(20)) {
        apr_sleep(apr_time_from_msec(10));
        rv = get();
    }
    is_int(rv, APR_NOTFOUND, "it is back");
    ok(flow_logged(apr_psprintf(p, "CE1245: memcached %s answers again", at(port))), "that it is back is logged");
    is_int(counted(CLOUDEP_METRIC_CACHE_DOWN, "", ""), 0, "and not counted any more");
    memcached_end(pid);

    is_int(cloudep_memcached_child_init(NULL, impatient(CONFIG(at(port_of(mute)))), p), APR_SUCCESS, "with a server");
    start = apr_time_now();
    is_int(get(), CLOUDEP_ECACHE, "which says nothing");
    ok(apr_time_now() - start < HANG, "it is not waited for longer than CloudEPMemcacheTimeout");
    ok(flow_logged("cannot be asked: no answer within CloudEPMemcacheTimeout; "),
       "that it says nothing is logged with the directive that says how long it may");
    close(mute);
    cloudep_share_cells(NULL);
}

/* Whoever serves something else on that port. */
static void *answer_otherwise(void *listener)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    char request[512];
    int fd;

    while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
        if (read(fd, request, sizeof(request)) > 0) {
            (void)!write(fd, answer, sizeof(answer) - 1);
        }
        close(fd);
    }
    return NULL;
}

static void checked(cloudep_config_t *config, int good, const char *said, const char *name)
{
    const char *got = NULL;

    is_int(cloudep_memcached_check(NULL, config, p, &got) == APR_SUCCESS, good, name);
    is_str(got, said, "and so it is said");
}

static void test_check(void)
{
    const int first = free_port(), second = free_port(), away = free_port();
    int wrong = loopback(0, 1);
    apr_time_t start;
    const pid_t pids[] = {memcached_start(first), memcached_start(second)};
    pthread_t thread;

    checked(CONFIG(at(first), at(second)), 1, "every memcached answers", "two servers answer");
    checked(CONFIG(at(first), at(away)), 0, apr_psprintf(p, "CloudEPMemcacheServer %s: Connection refused", at(away)),
            "the second one is away");
    checked(CONFIG(at(away), at(second)), 0, apr_psprintf(p, "CloudEPMemcacheServer %s: Connection refused", at(away)),
            "the first one is away");
    checked(CONFIG("/nowhere/socket"), 0, "CloudEPMemcacheServer /nowhere/socket: No such file or directory",
            "a socket is not there");
    start = apr_time_now();
    checked(impatient(CONFIG(at(port_of(wrong)))), 0,
            apr_psprintf(p, "CloudEPMemcacheServer %s: no answer within CloudEPMemcacheTimeout", at(port_of(wrong))),
            "one says nothing");
    ok(apr_time_now() - start < HANG, "the check waits no longer than CloudEPMemcacheTimeout, too");
    (void)pthread_create(&thread, NULL, answer_otherwise, &wrong);
    checked(CONFIG(at(port_of(wrong))), 0,
            apr_psprintf(p, "CloudEPMemcacheServer %s: it hung up, or what answers there is no memcached",
                         at(port_of(wrong))),
            "something else answers");
    (void)shutdown(wrong, SHUT_RDWR);
    (void)pthread_join(thread, NULL);
    close(wrong);
    memcached_end(pids[0]);
    memcached_end(pids[1]);
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* as httpd does */
    test_prepare();
    test_names();
    test_away();
    test_check();
    apr_pool_destroy(p);
    apr_terminate();
    return done_testing();
}
