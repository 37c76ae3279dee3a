/*
 * cache_peer_test.c - the cache on servers that answer as the test tells them to: what each answer is worth, how often
 * and on how many connections a server is asked, what is told of it, and how long an operation waits.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>

#include "cache.h"

#define SERVERS 32
#define ANSWERS 24
#define MISS "END\r\n"

/* In place of an answer. */
static const char hangs_up[] = "(hangs up)";
static const char resets[] = "(resets the connection)";
static const char silent[] = "(says nothing)";
static const char dribbles[] = "(a value, byte by byte, until it is released)";

typedef struct server_t {
    int listener;
    pthread_mutex_t mutex; /* of what follows */
    const char *answers[ANSWERS];
    int turn;     /* of the next answer; the last is for all that follow */
    int asked;    /* commands */
    int accepted; /* connections */
    int released;
    char last[256]; /* command */
} server_t;

static server_t servers[SERVERS];
static int server_count;

static void give(server_t *server, const char *const *answers)
{
    int i;

    (void)pthread_mutex_lock(&server->mutex);
    for (i = 0; i < ANSWERS - 1 && answers[i]; i++) {
        server->answers[i] = answers[i];
    }
    server->answers[i] = NULL;
    server->turn = 0;
    (void)pthread_mutex_unlock(&server->mutex);
}

#define GIVE(server, ...) give(server, (const char *const[]){__VA_ARGS__, NULL})

static int number_of(server_t *server, const int *number)
{
    int value;

    (void)pthread_mutex_lock(&server->mutex);
    value = *number;
    (void)pthread_mutex_unlock(&server->mutex);
    return value;
}

static int asked(server_t *server)
{
    return number_of(server, &server->asked);
}

/* Waits until it has read so many commands: one that it does not answer may be read later than it is given up. */
static int asked_at_least(server_t *server, int times)
{
    for (int i = 0; i < 1000 && asked(server) < times; i++) {
        apr_sleep(SECOND / 100);
    }
    return asked(server);
}

static void release(server_t *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->released = 1;
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Notes a command and returns what it is answered with. */
static const char *take(server_t *server, const char *command)
{
    const char *answer;

    (void)pthread_mutex_lock(&server->mutex);
    server->asked++;
    (void)snprintf(server->last, sizeof(server->last), "%s", command);
    answer = server->answers[server->turn];
    server->turn += server->answers[server->turn + 1] != NULL;
    (void)pthread_mutex_unlock(&server->mutex);
    return answer;
}

static void say(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void dribble(int fd, server_t *server)
{
    int left = 2000;

    say(fd, "VALUE key 0 2000\r\n");
    for (; left > 1 && !number_of(server, &server->released); left--) {
        say(fd, "x");
        usleep(20000);
    }
    while (left-- > 0) {
        say(fd, "x");
    }
    say(fd, "\r\nEND\r\n");
}

typedef struct connection_t {
    server_t *server;
    int fd;
} connection_t;

static void *serve(void *connection_)
{
    const connection_t connection = *(connection_t *)connection_;
    const struct linger at_once = {1, 0};
    FILE *in = fdopen(connection.fd, "r");
    char line[256], data[16];

    free(connection_);
    while (fgets(line, sizeof(line), in)) {
        const char *answer;

        if (strncmp(line, "quit", 4) == 0) {
            break;
        }
        if (strncmp(line, "set ", 4) == 0 || strncmp(line, "add ", 4) == 0) {
            (void)!fgets(data, sizeof(data), in); /* one short line */
        }
        answer = take(connection.server, line);
        if (answer == resets) {
            (void)setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        if (answer == resets || answer == hangs_up) {
            break;
        }
        if (answer == dribbles) {
            dribble(connection.fd, connection.server);
        }
        else if (answer != silent) {
            say(connection.fd, answer);
        }
    }
    (void)fclose(in);
    return NULL;
}

static void *listen_for(void *server_)
{
    server_t *server = server_;
    pthread_t thread;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        connection_t *connection = malloc(sizeof(*connection));

        (void)pthread_mutex_lock(&server->mutex);
        server->accepted++;
        (void)pthread_mutex_unlock(&server->mutex);
        *connection = (connection_t){server, fd};
        if (pthread_create(&thread, NULL, serve, connection) != 0 || pthread_detach(thread) != 0) {
            break;
        }
    }
    return NULL;
}

static server_t *start_at(int listener)
{
    server_t *server = &servers[server_count++];
    pthread_t thread;

    (void)pthread_mutex_init(&server->mutex, NULL);
    server->listener = listener;
    GIVE(server, MISS);
    if (server_count > SERVERS || listener < 0 || pthread_create(&thread, NULL, listen_for, server) != 0 ||
        pthread_detach(thread) != 0) {
        printf("Bail out! no server\n");
        exit(1);
    }
    return server;
}

static server_t *start(void)
{
    return start_at(loopback(0, 1));
}

/* What was told of servers. */
typedef struct told_t {
    int times;
    char server[300];
    apr_status_t cause;
} told_t;

static void tell(void *told_, const char *server, apr_status_t cause)
{
    told_t *told = told_;

    told->times++;
    told->cause = cause;
    (void)snprintf(told->server, sizeof(told->server), "%s", server);
}

static cloudep_cache_t *cache_at(apr_pool_t *pool, const char *host, int port, int connections, int milliseconds,
                                 told_t *told)
{
    apr_array_header_t *at = apr_array_make(pool, 1, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache = NULL;

    APR_ARRAY_PUSH(at, cloudep_cache_server_t) = (cloudep_cache_server_t){host, (apr_port_t)port};
    if (cloudep_cache_create(&cache, pool, at, connections, apr_time_from_msec(milliseconds)) != APR_SUCCESS) {
        printf("Bail out! no cache\n");
        exit(1);
    }
    if (told) {
        cloudep_cache_tell(cache, tell, told);
    }
    return cache;
}

static cloudep_cache_t *cache_of(apr_pool_t *pool, const server_t *server, int connections, int milliseconds,
                                 told_t *told)
{
    return cache_at(pool, "127.0.0.1", port_of(server->listener), connections, milliseconds, told);
}

/* How many connections of this process lead to a port of that address. */
static int connections_to(in_addr_t address, int port, struct timeval *in, struct timeval *out)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_in at = {0};
        socklen_t size = sizeof(at);
        socklen_t in_size = sizeof(*in);
        socklen_t out_size = sizeof(*out);

        if (getpeername(fd, (struct sockaddr *)&at, &size) == 0 && at.sin_family == AF_INET &&
            at.sin_addr.s_addr == htonl(address) && ntohs(at.sin_port) == port) {
            count++;
            (void)getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, in, &in_size);
            (void)getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, out, &out_size);
        }
    }
    return count;
}

/* ---- what an answer is worth */

static apr_status_t ask(cloudep_cache_t *cache, const char *verb, apr_pool_t *pool)
{
    apr_uint32_t number;

    return strcmp(verb, "get") == 0    ? get(cache, "word", pool)
           : strcmp(verb, "set") == 0  ? set(cache, "word", "x")
           : strcmp(verb, "add") == 0  ? cloudep_cache_add(cache, key("word"), "x", 1, 60)
           : strcmp(verb, "incr") == 0 ? cloudep_cache_incr(&number, cache, key("word"), 0)
                                       : cloudep_cache_delete(cache, key("word"));
}

static void test_answers(apr_pool_t *parent)
{
    static const struct {
        const char *verb, *answer;
        apr_status_t rv;
        int asked;
    } cases[] = {
        {"get", "VALUE key 0 1\r\nx\r\nEND\r\n", APR_SUCCESS, 1},
        {"get", MISS, APR_NOTFOUND, 1},
        {"get", "SERVER_ERROR out of memory\r\n", CLOUDEP_ECACHE, 2},
        {"set", "STORED\r\n", APR_SUCCESS, 1},
        {"set", "NOT_STORED\r\n", CLOUDEP_ECACHE, 2},
        {"set", "SERVER_ERROR out of memory storing object\r\n", CLOUDEP_ECACHE, 2},
        {"add", "STORED\r\n", APR_SUCCESS, 1},
        {"add", "NOT_STORED\r\n", APR_EEXIST, 1},
        {"add", "ERROR\r\n", CLOUDEP_ECACHE, 2},
        {"incr", "2\r\n", APR_SUCCESS, 1},
        {"incr", "NOT_FOUND\r\n", APR_NOTFOUND, 1},
        {"incr", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", CLOUDEP_ECACHE, 2},
        {"delete", "DELETED\r\n", APR_SUCCESS, 1},
        {"delete", "NOT_FOUND\r\n", APR_NOTFOUND, 1},
        {"delete", hangs_up, CLOUDEP_ECACHE, 2},
    };
    server_t *server = start();
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int before = asked(server);
        cloudep_cache_t *cache = cache_of(pool, server, 2, 5000, NULL);

        GIVE(server, cases[i].answer);
        is_int(ask(cache, cases[i].verb, pool), cases[i].rv,
               apr_psprintf(pool, "%s is answered with %.20s", cases[i].verb, cases[i].answer));
        is_int(asked(server) - before, cases[i].asked, "and the server is asked no oftener than that takes");
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
}

static void test_empty_key(apr_pool_t *pool)
{
    server_t *server = start();
    cloudep_cache_t *cache = cache_of(pool, server, 2, 5000, NULL);
    cloudep_cache_key_t none = key("word");
    char *value;

    none.text[0] = '\0';
    is_int(cloudep_cache_get(&value, NULL, cache, none, pool), CLOUDEP_ECACHE, "an empty key is refused");
    is_int(asked(server), 0, "and no server is asked for it");
}

/* A counter that is away again and again between the two commands that make it. */
static void test_counter(apr_pool_t *pool)
{
    server_t *server = start();
    cloudep_cache_t *cache = cache_of(pool, server, 2, 5000, NULL);
    apr_uint32_t number = 0;
    int before;

    GIVE(server, "NOT_FOUND\r\n", "STORED\r\n", "NOT_FOUND\r\n", "STORED\r\n", "7\r\n");
    is_int(cloudep_cache_incr(&number, cache, key("count"), 60), APR_SUCCESS,
           "a counter that was evicted once is made");
    is_int(number, 7, "the number is the server's");
    GIVE(server, "NOT_FOUND\r\n", "NOT_STORED\r\n", "4\r\n");
    is_int(cloudep_cache_incr(&number, cache, key("count"), 60), APR_SUCCESS, "a counter that others make is used");
    is_int(number, 4, "the number is that of the counter of others");
    before = asked(server);
    GIVE(server, "NOT_FOUND\r\n", "STORED\r\n", "NOT_FOUND\r\n", "STORED\r\n", "NOT_FOUND\r\n", "STORED\r\n");
    is_int(cloudep_cache_incr(&number, cache, key("count"), 60), CLOUDEP_ECACHE,
           "a counter that can never be kept is an outage, not a miss");
    is_int(number, 0, "without a number");
    is_int(asked(server) - before, 5, "and that is said after two tries to make it");
    GIVE(server, "NOT_FOUND\r\n", "STORED\r\n", "1\r\n");
    is_int(cloudep_cache_incr(&number, cache, key("count"), 90), APR_SUCCESS, "a new counter");
    GIVE(server, "NOT_FOUND\r\n", "SERVER_ERROR\r\n");
    is_int(cloudep_cache_incr(&number, cache, key("count"), 90), CLOUDEP_ECACHE, "a counter that cannot be made");
    is_str(server->last, apr_psprintf(pool, "add %s 0 90 1 \r\n", key("count").text),
           "a new counter lives as it is told");
}

/* ---- what is told, and how long a server is left alone */

/* The server is not asked oftener than once a second, whatever time the machine takes. */
static void rests(server_t *server, cloudep_cache_t *cache, int before, apr_time_t start, apr_pool_t *pool)
{
    int wrong = 0;

    for (int i = 0; i < 20; i++) {
        wrong += get(cache, "word", pool) != CLOUDEP_ECACHE;
        apr_sleep(SECOND / 100);
    }
    is_int(wrong, 0, "while a server rests every operation fails");
    ok(asked(server) - before <= since(start) / 1000, "and it is left alone (asked %d times more)",
       asked(server) - before);
}

static void is_told(const told_t *told, int times, apr_status_t cause, const char *name)
{
    is_int(told->times, times, name);
    is_int(told->cause, cause, "with its cause");
}

/* A server without an address, or without a listener. */
static void test_unreachable(apr_pool_t *pool)
{
    const int port = free_port();
    told_t told = {0};
    cloudep_cache_t *cache = cache_at(pool, "127.0.0.1", port, 2, 5000, &told);

    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "a server that refuses connections");
    is_told(&told, 1, ECONNREFUSED, "that a server refuses connections is told once");
    is_str(told.server, apr_psprintf(pool, "127.0.0.1:%d", port), "it is named with its port");
    told = (told_t){0};
    cache = cache_at(pool, "/nowhere/memcached.sock", 0, 2, 5000, &told);
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "a socket that is not there");
    is_told(&told, 1, ENOENT, "that a socket is not there is told once");
    is_str(told.server, "/nowhere/memcached.sock", "a socket is named by its path");
    told = (told_t){0};
    cache = cache_at(pool, "no.such.host.invalid", 11211, 2, 5000, &told);
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "a name without an address");
    ok(told.times == 1 && told.cause != APR_SUCCESS && told.cause != ECONNREFUSED,
       "that a name has no address is told once, with the resolver's word (%d)", told.cause);
    is_int(get(cache, "word", pool), CLOUDEP_ECACHE, "a name without an address, again");
    is_int(told.times, 1, "it is not told again");
}

static void test_told(apr_pool_t *pool)
{
    server_t *broken = start(), *mute = start(), *wrong = start();
    told_t broken_told = {0}, mute_told = {0}, wrong_told = {0};
    cloudep_cache_t *broken_cache = cache_of(pool, broken, 2, 5000, &broken_told);
    cloudep_cache_t *wrong_cache = cache_of(pool, wrong, 2, 5000, &wrong_told);
    crowd_t crowd = {.cache = cache_of(pool, mute, 32, 100, &mute_told), .key = key("word")};
    apr_uint32_t number;
    apr_time_t start_time, trial_time;
    int tried;

    is_int(get(broken_cache, "word", pool), APR_NOTFOUND, "a server that answers");
    is_int(broken_told.times, 0, "that a server answers from the first on is not told");
    GIVE(wrong, resets);
    is_int(get(wrong_cache, "word", pool), CLOUDEP_ECACHE,
           "a server that resets the connection before it talks nonsense");
    is_told(&wrong_told, 1, ECONNRESET, "that it did so is told once");
    GIVE(broken, resets);
    start_time = apr_time_now();
    is_int(get(broken_cache, "word", pool), CLOUDEP_ECACHE, "a server that resets connections");
    is_told(&broken_told, 1, ECONNRESET, "that it does so is told once");
    GIVE(mute, silent);
    is_int(get(crowd.cache, "word", pool), CLOUDEP_ECACHE, "a server that says nothing");
    ok(mute_told.times == 1 && APR_STATUS_IS_EAGAIN(mute_told.cause), "that it says nothing is told once");
    is_int(asked_at_least(mute, 1), 1, "who has waited for an answer in vain does not ask again");

    rests(broken, broken_cache, asked(broken), start_time, pool);
    apr_sleep(SECOND);
    trial_time = apr_time_now();
    in_threads(32, do_delete, &crowd);
    is_int(count_of(crowd.rv, 32, CLOUDEP_ECACHE), 32, "32 at once find a server that still says nothing");
    tried = asked_at_least(mute, 2);
    ok(tried >= 2 && tried <= 1 + since(start_time) / 1000, "and one of them asks it, a second later (%d)", tried);
    is_int(mute_told.times, 1, "that it still says nothing is not told again");
    rests(mute, crowd.cache, asked(mute), trial_time, pool);

    GIVE(wrong, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    is_int(cloudep_cache_incr(&number, wrong_cache, key("word"), 60), CLOUDEP_ECACHE,
           "nonsense of a server that was away");
    is_told(&wrong_told, 1, ECONNRESET, "nonsense does not say that it answers again");

    GIVE(broken, MISS);
    while (get(broken_cache, "word", pool) != APR_NOTFOUND && since(start_time) < 8000) {
        apr_sleep(SECOND / 100);
    }
    is_told(&broken_told, 2, APR_SUCCESS, "that it answers again is told once, and soon");
    is_int(get(broken_cache, "word", pool), APR_NOTFOUND, "and so it does");
    is_int(broken_told.times, 2, "of a server that answers nothing is told");
}

/* ---- two servers */

static void test_next(apr_pool_t *pool)
{
    server_t *other = start(), *own = start();
    told_t told = {0};
    cloudep_cache_t *cache = make(pool, port_of(other->listener), port_of(own->listener), SECOND / 10);
    const char *name = "word";
    apr_status_t rv = CLOUDEP_ECACHE;

    while (key(name).place % 2 == 0) {
        name = apr_pstrcat(pool, name, "s", NULL);
    }
    cloudep_cache_tell(cache, tell, &told);
    GIVE(own, hangs_up, MISS);
    is_int(get(cache, name, pool), APR_NOTFOUND, "a server that was restarted is asked again");
    is_int(asked(own), 2, "before the next one");
    is_int(asked(other), 0, "which does not have the key");
    is_int(told.times, 0, "that it was restarted is not told");
    GIVE(own, silent);
    is_int(get(cache, name, pool), CLOUDEP_ECACHE, "who has waited for one server does not wait for the next");
    is_int(asked(other), 0, "nor ask it");
    is_str(told.server, apr_psprintf(pool, "127.0.0.1:%d", port_of(own->listener)), "the one that is away is named");
    for (int i = 0; i < 20 && rv == CLOUDEP_ECACHE; i++) {
        rv = get(cache, name, pool);
    }
    is_int(rv, APR_NOTFOUND, "the next operation has the other server");
    is_int(asked(other), 1, "which is asked once");
}

static void health(cloudep_cache_t *cache, int servers_wanted, int answering_wanted, const char *name, apr_pool_t *pool)
{
    int all = -1, answering = -1;

    cloudep_cache_health(cache, &all, &answering, pool);
    is_int(answering, answering_wanted, name);
    is_int(all, servers_wanted, "of so many");
}

static void test_health(apr_pool_t *pool)
{
    server_t *both[] = {start(), start()};
    cloudep_cache_t *cache = make(pool, port_of(both[0]->listener), port_of(both[1]->listener), 5 * SECOND);

    health(cache, 2, 2, "both servers answer", pool);
    GIVE(both[0], hangs_up, MISS);
    GIVE(both[1], hangs_up, MISS);
    health(cache, 2, 2, "servers that were restarted answer", pool);
    GIVE(both[1], hangs_up);
    health(cache, 2, 1, "a server that hangs up does not", pool);
    GIVE(both[1], resets);
    health(cache, 2, 1, "nor does one that resets connections", pool);
    health(cache, 2, 1, "nor does it while it rests", pool);
    GIVE(both[0], "VALUE key 0 1\r\nx\r\nEND\r\n");
    health(cache, 2, 1, "a value is an answer as well", pool);
}

/* ---- connections */

static void do_get(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;
    apr_pool_t *pool;
    char *value;

    apr_pool_create(&pool, NULL);
    crowd->rv[i] = cloudep_cache_get(&value, NULL, crowd->cache, crowd->key, pool);
    apr_pool_destroy(pool);
}

static void *get_once(void *crowd_)
{
    do_get(0, crowd_);
    return NULL;
}

static void test_connections(apr_pool_t *pool)
{
    server_t *server = start();
    const int port = port_of(server->listener);
    crowd_t crowd = {.cache = cache_of(pool, server, 2, 20000, NULL), .key = key("word")};
    struct timeval in = {0}, out = {0};
    const char *const answers[] = {hangs_up, MISS, hangs_up, MISS, hangs_up, MISS, NULL};

    in_threads(32, do_get, &crowd);
    is_int(count_of(crowd.rv, 32, APR_NOTFOUND), 32, "32 threads on two connections");
    ok(number_of(server, &server->accepted) <= 2, "there are no more than that (%d)", server->accepted);
    give(server, answers);
    for (int i = 0; i < 3; i++) {
        is_int(get(crowd.cache, "word", pool), APR_NOTFOUND, "a connection that was cut is made again");
    }
    is_int(connections_to(INADDR_LOOPBACK, port, &in, &out), 1, "and those that were cut are closed");
}

/* A socket at an address of loopback: 127.0.0.1 and the next ones. */
static int bound_to(int number, int port, int listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)number - 1);
    if (listening ? bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0
                  : connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        printf("Bail out! no socket at 127.0.0.%d:%d\n", number, port);
        exit(1);
    }
    return fd;
}

/* Both directions of a connection have the limit, and no connection of others. */
static void test_limit(apr_pool_t *pool)
{
    server_t *server = start();
    const int port = port_of(server->listener);
    cloudep_cache_t *cache = cache_of(pool, server, 2, 1500, NULL);
    const int elsewhere = bound_to(2, port, 1), beside = bound_to(1, 0, 1);
    const int same_port = bound_to(2, port, 0), same_address = bound_to(1, port_of(beside), 0);
    struct timeval in = {0}, out = {0};

    is_int(get(cache, "word", pool), APR_NOTFOUND, "a server is asked");
    is_int(connections_to(INADDR_LOOPBACK, port, &in, &out), 1, "on one connection");
    ok(in.tv_sec == 1 && in.tv_usec == 500000, "which waits for an answer as long as the limit is");
    ok(out.tv_sec == 1 && out.tv_usec == 500000, "and as long until it takes a command");
    is_int(connections_to(INADDR_LOOPBACK, port_of(beside), &in, &out), 1, "a connection to another port");
    ok(in.tv_sec == 0 && in.tv_usec == 0, "waits as long as its owner likes");
    is_int(connections_to(INADDR_LOOPBACK + 1, port, &in, &out), 1, "a connection to another address");
    ok(in.tv_sec == 0 && in.tv_usec == 0, "does so too");
    close(same_port);
    close(same_address);
    close(elsewhere);
    close(beside);
}

/* In a process of its own, as behind ChrootDir: 0: it works, and waits no longer than the limit. */
static int behind_chroot(const server_t *server, const char *folder)
{
    struct timeval in = {0}, out = {0};
    apr_pool_t *pool;

    if ((chroot(folder) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(folder) != 0)) || chdir("/") != 0) {
        return 2;
    }
    apr_pool_create(&pool, NULL);
    return get(cache_of(pool, server, 2, 1500, NULL), "word", pool) != APR_NOTFOUND ||
           connections_to(INADDR_LOOPBACK, port_of(server->listener), &in, &out) != 1 || in.tv_sec != 1 ||
           in.tv_usec != 500000 || out.tv_sec != 1;
}

/* There is no list of descriptors then. */
static void test_chroot(void)
{
    const server_t *server = start();
    char folder[] = "/tmp/cloudep-chroot-XXXXXX";
    int status = 0;
    pid_t pid;

    if (!mkdtemp(folder)) {
        printf("Bail out! no folder\n");
        exit(1);
    }
    pid = fork();
    if (pid == 0) {
        _exit(behind_chroot(server, folder));
    }
    (void)waitpid(pid, &status, 0);
    (void)rmdir(folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        ok(1, "without /proc a connection has the limit as well # SKIP this account may not change its root");
        return;
    }
    is_int(status, 0, "without /proc a connection has the limit as well");
}

/* An answer that takes its time on the only connection. */
static void test_busy(apr_pool_t *pool)
{
    server_t *server = start();
    told_t told = {0};
    crowd_t crowd = {.cache = cache_of(pool, server, 1, 500, &told), .key = key("word")};
    apr_time_t start_time;
    pthread_t thread;

    GIVE(server, dribbles, MISS);
    (void)pthread_create(&thread, NULL, get_once, &crowd);
    while (!asked(server)) {
        apr_sleep(SECOND / 100);
    }
    start_time = apr_time_now();
    is_int(get(crowd.cache, "word", pool), CLOUDEP_ECACHE, "who gets no connection in time");
    ok(since(start_time) < 1000 || asked(server) > 1, "does not wait twice (%d ms)", since(start_time));
    health(crowd.cache, 1, 1, "a server that is busy answers", pool);
    release(server);
    (void)pthread_join(thread, NULL);
    is_int(crowd.rv[0], APR_SUCCESS, "who has the connection gets the whole answer");
    is_int(get(crowd.cache, "word", pool), APR_NOTFOUND, "a server that was busy does not rest");
    is_int(told.times, 0, "nor is it told of");
    is_int(number_of(server, &server->accepted), 1, "nor is its connection cut");
}

static void *destroy(void *pool)
{
    apr_pool_destroy(pool);
    return NULL;
}

/* While the pool waits for the one who is in the middle of an answer, nobody else begins. */
static void test_closed(apr_pool_t *parent)
{
    server_t *server = start();
    crowd_t crowd = {.key = key("word")};
    apr_pool_t *closed;
    apr_status_t rv = APR_NOTFOUND;
    pthread_t reader, closer;

    apr_pool_create(&closed, NULL);
    crowd.cache = cache_of(closed, server, 2, 5000, NULL);
    GIVE(server, dribbles, MISS);
    (void)pthread_create(&reader, NULL, get_once, &crowd);
    while (!asked(server)) {
        apr_sleep(SECOND / 100);
    }
    (void)pthread_create(&closer, NULL, destroy, closed);
    for (int i = 0; i < 200 && rv == APR_NOTFOUND; i++) {
        apr_sleep(SECOND / 100);
        rv = get(crowd.cache, "word", parent);
    }
    is_int(rv, CLOUDEP_ECACHE, "while the cache is closed no operation begins");
    release(server);
    (void)pthread_join(reader, NULL);
    (void)pthread_join(closer, NULL);
    is_int(crowd.rv[0], APR_SUCCESS, "whoever has begun gets the answer");
}

/* With a limit of 20 s the pool would wait for 42 s. */
static void test_ended(apr_pool_t *parent)
{
    server_t *server = start();
    apr_pool_t *pool;
    cloudep_cache_t *cache;
    apr_time_t start_time;

    apr_pool_create(&pool, parent);
    cache = cache_of(pool, server, 2, 20000, NULL);
    is_int(get(cache, "word", pool), APR_NOTFOUND, "an operation ends");
    health(cache, 1, 1, "and the question whether servers answer", pool);
    start_time = apr_time_now();
    apr_pool_destroy(pool);
    ok(since(start_time) < 20000, "so that the pool waits for nobody");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    signal(SIGPIPE, SIG_IGN);
    test_answers(pool);
    test_empty_key(pool);
    test_counter(pool);
    test_unreachable(pool);
    test_told(pool);
    test_next(pool);
    test_health(pool);
    test_connections(pool);
    test_limit(pool);
    test_chroot();
    test_busy(pool);
    test_closed(pool);
    test_ended(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
