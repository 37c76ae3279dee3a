/*
 * memcached.h - a private memcached for the unit tests: on loopback, on a free port, dead with the test.
 */
#ifndef CLOUDEP_TEST_MEMCACHED_H
#define CLOUDEP_TEST_MEMCACHED_H

#include <apr_time.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_THREADS 64
#define TEST_MOST_THREADS 256

static inline int loopback(int port, int listening)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && (listening ? bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 64) == 0
                              : connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)) {
        return fd;
    }
    close(fd);
    return -1;
}

/* A connection to a Unix socket; its file is there before anybody listens. */
static inline int local(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

/* The port of a listening socket. */
static inline int port_of(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t size = sizeof(at);

    return getsockname(fd, (struct sockaddr *)&at, &size) == 0 ? ntohs(at.sin_port) : 0;
}

/*
 * A port that is this program's until it ends: bound without listening, so that memcached, whose sockets have
 * SO_REUSEADDR, can listen on it and come back to it, while nobody else is given it.
 */
static inline int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0) {
        printf("Bail out! no port\n");
        exit(1);
    }
    return port_of(fd);
}

/*
 * Start memcached and wait until it answers; it is killed should the test die. at: a port, or the path of
 * a socket. Gives up with exit().
 */
static inline pid_t memcached_start_at(const char *at)
{
    const pid_t pid = fork();
    int tries;
    int fd;

    if (pid == 0) {
        /* memcached will not run as root, and its own -u would undo the next line but one. */
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(126);
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (at[0] == '/') {
            execlp("memcached", "memcached", "-s", at, "-m", "16", "-t", "1", (char *)NULL);
        }
        else {
            execlp("memcached", "memcached", "-l", "127.0.0.1", "-p", at, "-U", "0", "-m", "16", "-t", "1",
                   (char *)NULL);
        }
        _exit(127);
    }
    for (tries = 0; tries < 500; tries++) {
        usleep(10000);
        fd = at[0] == '/' ? local(at) : loopback(atoi(at), 0);
        if (fd >= 0) {
            close(fd);
            return pid;
        }
    }
    printf("Bail out! no memcached at %s\n", at);
    exit(1);
}

static inline pid_t memcached_start(int port)
{
    char at[16];

    snprintf(at, sizeof(at), "%d", port);
    return memcached_start_at(at);
}

static inline void memcached_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Stop it, and come back when it is stopped; SIGCONT lets it go on. */
static inline void memcached_stop(pid_t pid)
{
    kill(pid, SIGSTOP);
    waitpid(pid, NULL, WUNTRACED);
}

/* How many reads, writes, counts and deletions it was ever asked for. */
static inline int memcached_calls(int port)
{
    static const char *const counted[] = {"cmd_get ",       "cmd_set ",   "delete_hits ",
                                          "delete_misses ", "incr_hits ", "incr_misses "};
    char answer[16384] = "";
    size_t length = 0;
    ssize_t got = 1;
    int calls = 0;
    const int fd = loopback(port, 0);

    if (fd < 0 || write(fd, "stats\r\n", 7) != 7) {
        printf("Bail out! no statistics of memcached\n");
        exit(1);
    }
    while (got > 0 && length < sizeof(answer) - 1 && !strstr(answer, "END\r\n")) {
        got = read(fd, answer + length, sizeof(answer) - 1 - length);
        length += got > 0 ? (size_t)got : 0;
        answer[length] = '\0';
    }
    close(fd);
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        const char *at = strstr(answer, counted[i]);

        calls += at ? atoi(at + strlen(counted[i])) : 0;
    }
    return calls;
}

/* How many seconds a key has to live; -1: for ever, -2: it is not there. */
static inline int memcached_life(int port, const char *key)
{
    char text[256];
    const int fd = loopback(port, 0);
    const int length = snprintf(text, sizeof(text), "mg %s t\r\n", key);
    ssize_t got = 0;

    if (fd < 0 || write(fd, text, (size_t)length) != length || (got = read(fd, text, sizeof(text) - 1)) <= 0) {
        printf("Bail out! memcached was asked for a key's life in vain\n");
        exit(1);
    }
    close(fd);
    text[got] = '\0';
    return strncmp(text, "HD t", 4) ? -2 : atoi(text + 4);
}

/* Run @a body in @a count (at most TEST_MOST_THREADS) threads at once, each with its number, and wait for all. */
struct thread_start {
    void (*body)(int number, void *baton);
    void *baton;
    pthread_barrier_t *barrier;
    int number;
};

static inline void *thread_body(void *start_)
{
    struct thread_start *start = start_;

    pthread_barrier_wait(start->barrier);
    start->body(start->number, start->baton);
    return NULL;
}

static inline void in_threads(int count, void (*body)(int number, void *baton), void *baton)
{
    pthread_t threads[TEST_MOST_THREADS];
    struct thread_start starts[TEST_MOST_THREADS];
    pthread_barrier_t barrier;
    int i;

    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    for (i = 0; i < count; i++) {
        starts[i] = (struct thread_start){body, baton, &barrier, i};
        if (pthread_create(&threads[i], NULL, thread_body, &starts[i]) != 0) {
            printf("Bail out! no thread\n");
            exit(1);
        }
    }
    for (i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&barrier);
}

static inline int count_of(const apr_status_t *got, int count, apr_status_t want)
{
    int i;
    int n = 0;

    for (i = 0; i < count; i++) {
        n += got[i] == want;
    }
    return n;
}

/* Milliseconds since an apr_time_now(). */
static inline int since(apr_time_t start)
{
    return (int)apr_time_as_msec(apr_time_now() - start);
}

#endif
