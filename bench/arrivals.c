/*
 * arrivals.c - sends HTTP requests by a clock: each goes out when its time has come, whatever became of those before
 * it.
 *
 *   arrivals PORT RATE SECONDS AT_ONCE PATIENCE FILE
 *
 * RATE is of arrivals a second, at random moments as of clients that know nothing of each other; 0: closed loop,
 * AT_ONCE requests are always under way. A client takes a connection that another one has left open, or a new one, and
 * leaves after PATIENCE seconds. FILE holds whole requests, each ended by a NUL, which are sent in turns. For each
 * request a line: when it was due, how long its answer took from then on (not from when it was sent), status (0: none),
 * seconds of Retry-After.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 16384
#define ANSWER_SIZE 8192
/* In place of an arrival's descriptor. */
#define WAITS -1
#define ENDED -2

typedef struct arrival_t {
    double due, took;
    int status, retry_after;
    int fd; /* of its connection, or one of those below */
} arrival_t;

typedef struct connection_t {
    long arrival; /* -1: nobody uses it */
    int used;     /* for an earlier request */
    int sent;
    size_t length;
    char answer[ANSWER_SIZE];
} connection_t;

typedef struct run_t {
    struct sockaddr_in address;
    double rate, seconds, patience, began;
    long at_once;
    const char **requests;
    size_t request_count;
    arrival_t *arrivals;
    long count, room;          /* arrivals */
    long oldest;               /* of those that have not ended, or later */
    long next;                 /* that waits */
    long open;                 /* under way */
    connection_t *connections; /* by descriptor */
    int *idle;
    long idle_count;
    int epoll;
} run_t;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(const run_t *run)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9 - run->began;
}

static void end(run_t *run, long number, int status, int retry_after)
{
    arrival_t *arrival = &run->arrivals[number];

    arrival->took = now(run) - arrival->due;
    arrival->status = status;
    arrival->retry_after = retry_after;
    run->open -= arrival->fd != WAITS;
    arrival->fd = ENDED;
}

static void drop(run_t *run, int fd)
{
    for (long i = 0; i < run->idle_count && run->connections[fd].arrival < 0; i++) {
        if (run->idle[i] == fd) {
            run->idle[i] = run->idle[--run->idle_count];
            break;
        }
    }
    close(fd);
}

static int connect_anew(const run_t *run)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || fd >= MOST_CONNECTIONS) {
        die("too many connections");
    }
    event.data.fd = fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
        (connect(fd, (const struct sockaddr *)&run->address, sizeof(run->address)) && errno != EINPROGRESS) ||
        epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event)) {
        die("connect");
    }
    run->connections[fd].used = 0;
    return fd;
}

/* Sends the request once the connection stands; a request is far smaller than a socket's buffer. */
static void send_request(run_t *run, int fd)
{
    connection_t *connection = &run->connections[fd];
    const char *request = run->requests[(size_t)connection->arrival % run->request_count];

    if (!connection->sent && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0) {
        connection->sent = 1;
    }
}

static void begin(run_t *run, long number, int fd)
{
    connection_t *connection = &run->connections[fd];

    connection->arrival = number;
    connection->sent = 0;
    connection->length = 0;
    run->arrivals[number].fd = fd;
    send_request(run, fd);
}

static void arrive(run_t *run, double due)
{
    if (run->count == run->room) {
        die("more requests than expected");
    }
    run->arrivals[run->count].due = due;
    run->arrivals[run->count++].fd = WAITS;
}

/* As many of those that wait as there are clients for them. */
static void begin_waiting(run_t *run)
{
    while (run->next < run->count && run->open < run->at_once) {
        if (run->arrivals[run->next].fd == WAITS) {
            run->open++;
            begin(run, run->next, run->idle_count ? run->idle[--run->idle_count] : connect_anew(run));
        }
        run->next++;
    }
}

/* What follows the name of a header, or NULL. */
static const char *header(const connection_t *connection, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(connection->answer, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, name, length)) {
            return line + 2 + length;
        }
    }
    return NULL;
}

static int is_whole(const connection_t *connection)
{
    const char *body = strstr(connection->answer, "\r\n\r\n");
    const char *length = body ? header(connection, "Content-Length: ") : NULL;

    return length && connection->length >= (size_t)(body + 4 - connection->answer) + strtoul(length, NULL, 10);
}

static void answered(run_t *run, int fd)
{
    connection_t *connection = &run->connections[fd];
    const char *retry_after = header(connection, "Retry-After: ");
    const char *ends = header(connection, "Connection: close");

    end(run, connection->arrival, atoi(connection->answer + strlen("HTTP/1.1 ")), retry_after ? atoi(retry_after) : 0);
    connection->used = 1;
    if (ends) {
        drop(run, fd);
    }
    else {
        connection->arrival = -1;
        run->idle[run->idle_count++] = fd;
    }
}

/* The other side has gone. Who used an old connection and heard nothing cannot know whether it was there: a new one. */
static void lost(run_t *run, int fd)
{
    connection_t *connection = &run->connections[fd];
    long number = connection->arrival;
    int again = number >= 0 && connection->used && !connection->length;

    drop(run, fd);
    if (again) {
        begin(run, number, connect_anew(run));
    }
    else if (number >= 0) {
        end(run, number, 0, 0);
    }
}

static void happened(run_t *run, int fd)
{
    connection_t *connection = &run->connections[fd];

    if (connection->arrival >= 0) {
        send_request(run, fd);
    }
    for (;;) {
        ssize_t n = recv(fd, connection->answer + connection->length, ANSWER_SIZE - 1 - connection->length, 0);

        if (n <= 0) {
            if (n == 0 || (errno != EAGAIN && errno != ENOTCONN)) {
                lost(run, fd);
            }
            return;
        }
        if (connection->arrival < 0) {
            die("an answer that nobody asked for");
        }
        connection->length += (size_t)n;
        connection->answer[connection->length] = '\0';
        if (is_whole(connection)) {
            answered(run, fd);
            return;
        }
    }
}

/* Those who waited long enough leave. */
static void give_up(run_t *run)
{
    double limit = now(run) - run->patience;

    while (run->oldest < run->count &&
           (run->arrivals[run->oldest].fd == ENDED || run->arrivals[run->oldest].due < limit)) {
        int fd = run->arrivals[run->oldest].fd;

        if (fd != ENDED) {
            end(run, run->oldest, 0, 0);
        }
        if (fd >= 0) {
            close(fd);
        }
        run->oldest++;
    }
}

static double after(const run_t *run, double due)
{
    return due - log(1 - drand48()) / run->rate;
}

static void load(run_t *run)
{
    struct epoll_event events[256];
    double due = run->rate > 0 ? after(run, 0) : 0;

    for (;;) {
        double t = now(run);
        double sleep;
        struct timespec wait;

        while (run->rate > 0 && due <= t && due < run->seconds) {
            arrive(run, due);
            due = after(run, due);
        }
        for (long i = run->open; run->rate <= 0 && t < run->seconds && i < run->at_once; i++) {
            arrive(run, t);
        }
        give_up(run);
        begin_waiting(run);
        if (t >= run->seconds && !run->open) {
            return;
        }
        sleep = run->rate > 0 && due < run->seconds ? due - now(run) : 0.05;
        wait = (struct timespec){0, sleep > 0 ? (long)((sleep < 0.05 ? sleep : 0.05) * 1e9) : 0};
        int n = epoll_pwait2(run->epoll, events, sizeof(events) / sizeof(events[0]), &wait, NULL);

        for (int i = 0; i < n; i++) {
            happened(run, events[i].data.fd);
        }
    }
}

static void read_requests(run_t *run, const char *name)
{
    FILE *file = fopen(name, "r");
    char *request = NULL;
    size_t size = 0, room = 0;

    if (!file) {
        die(name);
    }
    while (getdelim(&request, &size, '\0', file) > 0) {
        if (run->request_count == room) {
            room = room ? 2 * room : 1024;
            run->requests = realloc(run->requests, room * sizeof(*run->requests));
        }
        run->requests[run->request_count++] = request;
        request = NULL;
        size = 0;
    }
    free(request);
    fclose(file);
}

static void allow_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        die("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
        die("setrlimit");
    }
}

int main(int argc, char **argv)
{
    static run_t run;

    if (argc != 7) {
        fprintf(stderr, "usage: arrivals PORT RATE SECONDS AT_ONCE PATIENCE FILE\n");
        return 2;
    }
    run.address.sin_family = AF_INET;
    run.address.sin_port = htons((unsigned short)atoi(argv[1]));
    run.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    run.rate = atof(argv[2]);
    run.seconds = atof(argv[3]);
    run.at_once = atol(argv[4]);
    run.patience = atof(argv[5]);
    allow_connections();
    read_requests(&run, argv[6]);
    run.room = (long)((run.rate > 0 ? 1.2 * run.rate : 50000) * run.seconds) + 10000;
    run.arrivals = calloc((size_t)run.room, sizeof(*run.arrivals));
    run.connections = calloc(MOST_CONNECTIONS, sizeof(*run.connections));
    run.idle = calloc(MOST_CONNECTIONS, sizeof(*run.idle));
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!run.request_count || !run.arrivals || !run.connections || !run.idle || run.epoll < 0) {
        die("start");
    }
    run.began = now(&run);
    load(&run);
    for (long i = 0; i < run.count; i++) {
        const arrival_t *a = &run.arrivals[i];

        printf("%.6f %.6f %d %d\n", a->due, a->took, a->status, a->retry_after);
    }
    return 0;
}
