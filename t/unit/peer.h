/*
 * peer.h - another server for the unit tests: HTTP on loopback, in threads of the test. It answers as the test has told
 * it to, and remembers what it was asked.
 *
 *     peer_start(&peer);                                       peer.url: http://127.0.0.1:PORT
 *     peer_answers(&peer, "POST /token", 200, "{}");           until it is told another answer
 *     peer_answers_once(&peer, "POST /token", 503, "");        before that; several come in turn
 *     peer_asked(&peer, "POST /token");                        how often, since peer_forgets()
 *     peer_request(&peer, "POST /token");                      the last such request, header and body
 *
 * What it was told nothing about it answers with 404. Connections are kept.
 */
#ifndef CLOUDEP_TEST_PEER_H
#define CLOUDEP_TEST_PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memcached.h"

#define PEER_ROUTES 32
#define PEER_TURNS 8

/* In place of a status. */
enum {
    PEER_BREAKS = 0,  /* the connection ends without an answer */
    PEER_SILENT = -1, /* there is no answer as long as the client waits */
    PEER_LATE = 1000, /* plus a status: the answer comes after 300 ms */
};

typedef struct peer_answer_t {
    int status;
    char *body;
} peer_answer_t;

typedef struct peer_route_t {
    char name[128]; /* method and path; "": a free place */
    peer_answer_t always;
    peer_answer_t once[PEER_TURNS];
    int turns, asked;
    char *request;
} peer_route_t;

typedef struct peer_t {
    int listener;
    char url[64];
    pthread_mutex_t mutex; /* of what follows */
    peer_route_t routes[PEER_ROUTES];
} peer_t;

typedef struct peer_connection_t {
    peer_t *peer;
    int fd;
} peer_connection_t;

/* Under the mutex: the place of a route. */
static inline peer_route_t *peer_route(peer_t *peer, const char *name)
{
    for (int i = 0; i < PEER_ROUTES; i++) {
        peer_route_t *route = &peer->routes[i];

        if (!*route->name) {
            (void)snprintf(route->name, sizeof(route->name), "%s", name);
            route->always = (peer_answer_t){404, strdup("{}")};
        }
        if (!strcmp(route->name, name)) {
            return route;
        }
    }
    printf("Bail out! too many routes\n");
    exit(1); /* NOLINT(concurrency-mt-unsafe) */
}

/* Notes a request. The body of the answer is the caller's. */
static inline peer_answer_t peer_take(peer_t *peer, const char *request)
{
    const size_t method = strcspn(request, " ");
    char name[128];
    peer_route_t *route;
    peer_answer_t answer;

    (void)snprintf(name, sizeof(name), "%.*s", (int)(method + 1 + strcspn(request + method + 1, " ")), request);
    (void)pthread_mutex_lock(&peer->mutex);
    route = peer_route(peer, name);
    route->asked++;
    free(route->request);
    route->request = strdup(request);
    if (route->turns) {
        answer = route->once[0];
        memmove(route->once, route->once + 1, (size_t)--route->turns * sizeof(route->once[0]));
    }
    else {
        answer = (peer_answer_t){route->always.status, strdup(route->always.body)};
    }
    (void)pthread_mutex_unlock(&peer->mutex);
    return answer;
}

/* Reads one request whole: up to its empty line, and as much as it says. 0: the connection ends. */
static inline int peer_read(int fd, char *request, size_t size)
{
    size_t have = 0;
    ssize_t n;

    while (have + 1 < size && (n = read(fd, request + have, size - have - 1)) > 0) {
        const char *end, *length;

        have += (size_t)n;
        request[have] = '\0';
        end = strstr(request, "\r\n\r\n");
        length = end ? strstr(request, "Content-Length: ") : NULL;
        if (end && strlen(end + 4) >= (length ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0)) {
            return 1;
        }
    }
    return 0;
}

static inline void *peer_serve(void *connectionv)
{
    peer_connection_t connection = *(peer_connection_t *)connectionv;
    char request[16384];
    int goes_on = 1;

    free(connectionv);
    while (goes_on && peer_read(connection.fd, request, sizeof(request))) {
        peer_answer_t answer = peer_take(connection.peer, request);

        if (answer.status > PEER_LATE) {
            answer.status -= PEER_LATE;
            (void)usleep(300000);
        }
        if (answer.status > 0) {
            goes_on = dprintf(connection.fd,
                              "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                              answer.status, (int)strlen(answer.body), answer.body) > 0;
        }
        else {
            goes_on = answer.status == PEER_SILENT; /* and reads on, until the client leaves */
        }
        free(answer.body);
    }
    close(connection.fd);
    return NULL;
}

static inline void *peer_accept(void *peerv)
{
    peer_t *peer = peerv;
    pthread_t thread;
    int fd;

    while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
        peer_connection_t *connection = malloc(sizeof(*connection));

        *connection = (peer_connection_t){peer, fd};
        if (pthread_create(&thread, NULL, peer_serve, connection) != 0 || pthread_detach(thread) != 0) {
            break;
        }
    }
    return NULL;
}

static inline void peer_start(peer_t *peer)
{
    pthread_t thread;

    (void)pthread_mutex_init(&peer->mutex, NULL);
    peer->listener = loopback(0, 1);
    (void)snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", port_of(peer->listener));
    if (peer->listener < 0 || pthread_create(&thread, NULL, peer_accept, peer) != 0 || pthread_detach(thread) != 0) {
        printf("Bail out! no peer\n");
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
}

static inline void peer_answers(peer_t *peer, const char *name, int status, const char *body)
{
    peer_route_t *route;

    (void)pthread_mutex_lock(&peer->mutex);
    route = peer_route(peer, name);
    free(route->always.body);
    route->always = (peer_answer_t){status, strdup(body)};
    (void)pthread_mutex_unlock(&peer->mutex);
}

static inline void peer_answers_once(peer_t *peer, const char *name, int status, const char *body)
{
    peer_route_t *route;

    (void)pthread_mutex_lock(&peer->mutex);
    route = peer_route(peer, name);
    if (route->turns < PEER_TURNS) {
        route->once[route->turns++] = (peer_answer_t){status, strdup(body)};
    }
    (void)pthread_mutex_unlock(&peer->mutex);
}

static inline int peer_asked(peer_t *peer, const char *name)
{
    int asked;

    (void)pthread_mutex_lock(&peer->mutex);
    asked = peer_route(peer, name)->asked;
    (void)pthread_mutex_unlock(&peer->mutex);
    return asked;
}

/* Forgets what it was asked. */
static inline void peer_forgets(peer_t *peer)
{
    (void)pthread_mutex_lock(&peer->mutex);
    for (int i = 0; i < PEER_ROUTES; i++) {
        peer->routes[i].asked = 0;
        free(peer->routes[i].request);
        peer->routes[i].request = NULL;
    }
    (void)pthread_mutex_unlock(&peer->mutex);
}

/* "": there was none. Good until the next request of that kind. */
static inline const char *peer_request(peer_t *peer, const char *name)
{
    const char *request;

    (void)pthread_mutex_lock(&peer->mutex);
    request = peer_route(peer, name)->request;
    (void)pthread_mutex_unlock(&peer->mutex);
    return request ? request : "";
}

#endif
