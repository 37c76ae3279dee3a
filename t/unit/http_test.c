/*
 * http_test.c - outgoing HTTP against a server of this program: which addresses and headers are refused, what goes out,
 * and what becomes of answers that are too large, too late or lead elsewhere.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"
#include "core/http.h"
#include "core/trace.h"
#include "memcached.h"
#include "tap.h"

#define MIB (1024 * 1024)
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static apr_pool_t *p;
static cloudep_http_t *http;
static int port;

/* ---- the server ---- */

static apr_uint32_t requests; /* that it was sent; atomic */

/* A head, and the body behind it; -1: the client has gone. */
static int read_request(int fd, char *head, size_t size)
{
    static char body[2 * MIB];
    const char *length;
    size_t got = 0, left;
    ssize_t n = 0;
    char *end = NULL;

    while (!end && got < size - 1 && (n = recv(fd, head + got, size - 1 - got, 0)) > 0) {
        got += (size_t)n;
        head[got] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    if (!end) {
        return -1;
    }
    length = strstr(head, "Content-Length: ");
    left = length ? strtoul(length + 16, NULL, 10) - (got - (size_t)(end + 4 - head)) : 0;
    end[2] = '\0';
    while (left && (n = recv(fd, body, left < sizeof(body) ? left : sizeof(body), 0)) > 0) {
        left -= (size_t)n;
    }
    return 0;
}

static void send_all(int fd, const char *text, size_t length)
{
    ssize_t n = 0;

    while (length && (n = send(fd, text, length, MSG_NOSIGNAL)) > 0) {
        text += n;
        length -= (size_t)n;
    }
}

/* A body in which no two parts are alike. */
static void fill(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (char)('!' + i % 89);
    }
}

static void answer(int fd, const char *more, const char *body, size_t length)
{
    char head[512];
    const int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", length, more);

    send_all(fd, head, (size_t)n);
    send_all(fd, body, length);
}

/* One connection, by what is asked for: /echo, /SIZE, /redirect, /slow, /strange; /keep stays open for one more, which
 * it does not answer. */
static void serve(int fd)
{
    static char head[65536], bytes[2 * MIB];

    while (read_request(fd, head, sizeof(head)) == 0) {
        const char *path = strchr(head, '/');

        apr_atomic_inc32(&requests);
        if (!strncmp(path, "/echo", 5)) {
            answer(fd, "Connection: close\r\nX-Answer: yes\r\n", head, strlen(head));
        }
        else if (!strncmp(path, "/redirect", 9)) {
            static const char to[] =
                "HTTP/1.1 302 Found\r\nLocation: /3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

            send_all(fd, to, sizeof(to) - 1);
        }
        else if (!strncmp(path, "/slow", 5)) {
            const struct timeval most = {.tv_sec = 2};

            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
            (void)recv(fd, bytes, 1, 0); /* until the client gives up */
            answer(fd, "Connection: close\r\n", "late", 4);
        }
        else if (!strncmp(path, "/strange", 8)) {
            send_all(fd, "220 mail ready\r\n", 16);
        }
        else if (!strncmp(path, "/keep", 5)) {
            answer(fd, "", "kept", 4);
            if (read_request(fd, head, sizeof(head)) == 0) {
                apr_atomic_inc32(&requests);
            }
        }
        else {
            fill(bytes, sizeof(bytes));
            answer(fd, "Connection: close\r\n", bytes, strtoul(path + 1, NULL, 10));
        }
        return;
    }
}

static void *serve_all(void *listener)
{
    int fd;

    while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
        serve(fd);
        close(fd);
    }
    return NULL;
}

/* ---- what is asked ---- */

static const char *url(const char *path)
{
    return apr_psprintf(p, "http://127.0.0.1:%d/%s", port, path);
}

static apr_status_t ask(const cloudep_http_request_t *request, cloudep_http_response_t **response)
{
    *response = NULL;
    return cloudep_http_exchange(response, http, p, request);
}

/* The head that a request has when it arrives. */
static const char *sent(const cloudep_http_request_t *request)
{
    cloudep_http_response_t *response;

    return ask(request, &response) == APR_SUCCESS ? response->body : "";
}

static void test_loopback(void)
{
    static const char *const here[] = {"localhost", "LocalHost", "[::1]", "127.0.0.1", "127.8.9.10"};
    static const char *const elsewhere[] = {"127.0.0.1.example", "127.example", "localhost.example", "128.0.0.1",
                                            "0.0.0.0",           "::1",         "1127.0.0.1",        ""};

    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        ok(cloudep_http_is_loopback(here[i]), "%s is this machine", here[i]);
    }
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        ok(!cloudep_http_is_loopback(elsewhere[i]), "\"%s\" is not", elsewhere[i]);
    }
}

static void test_split(void)
{
    const char *scheme, *host;

    is_int(cloudep_http_split(&scheme, &host, p, "HTTPS://id.example:8443/x?y#z"), APR_SUCCESS, "a URL");
    is_str(scheme, "https", "its scheme is in lower case");
    is_str(host, "id.example", "its host has no port");
    is_int(cloudep_http_split(&scheme, &host, p, "https://user@id.example/"), CLOUDEP_EMALFORMED, "one with a user");
    is_int(cloudep_http_split(&scheme, &host, p, "https://user:word@id.example/"), CLOUDEP_EMALFORMED,
           "one with a password");
    is_int(cloudep_http_split(&scheme, &host, p, "id.example"), CLOUDEP_EMALFORMED, "no URL");
}

static apr_status_t status_of(const char *address, int plain, const char *header)
{
    apr_array_header_t *headers = apr_array_make(p, 1, sizeof(const char *));
    const cloudep_http_request_t request = {.url = address, .plain = plain, .headers = header ? headers : NULL};
    cloudep_http_response_t *response;

    APR_ARRAY_PUSH(headers, const char *) = header;
    return ask(&request, &response);
}

static void test_refused(void)
{
    const char *any_host = apr_psprintf(p, "http://0.0.0.0:%d/3", port);
    const apr_uint32_t before = apr_atomic_read32(&requests);

    is_int(status_of(any_host, 0, NULL), CLOUDEP_EREFUSED, "http to another host is refused");
    is_int(status_of(apr_psprintf(p, "ftp://127.0.0.1:%d/3", port), 0, NULL), CLOUDEP_EREFUSED, "ftp, too");
    is_int(status_of(apr_psprintf(p, "ftp://127.0.0.1:%d/3", port), 1, NULL), CLOUDEP_EREFUSED,
           "whatever else is allowed");
    is_int(status_of(apr_psprintf(p, "http://u:w@127.0.0.1:%d/3", port), 0, NULL), CLOUDEP_EREFUSED,
           "an address with a password in it");
    is_int(status_of(url("3"), 0, "X-A: b\r\nX-C: d"), CLOUDEP_EREFUSED, "a header with another one in it");
    is_int(status_of(url("3"), 0, "X-A: b\x7f"), CLOUDEP_EREFUSED, "a header with a control character");
    is_int((int)apr_atomic_read32(&requests), (int)before, "nothing of that was sent");
    is_int(status_of(any_host, 1, NULL), APR_SUCCESS, "http to another host, where it is allowed");
    is_int(status_of(url("3"), 0, "X-A: b"), APR_SUCCESS, "http to this machine is");
    is_int(
        cloudep_http_exchange(&(cloudep_http_response_t *){NULL}, NULL, p, &(cloudep_http_request_t){.url = url("")}),
        CLOUDEP_EUNSET, "without a client nothing is sent");
}

static void test_sent(void)
{
    apr_array_header_t *headers = apr_array_make(p, 1, sizeof(const char *));
    static char large[MIB + 1];
    const char *head;

    APR_ARRAY_PUSH(headers, const char *) = "X-Own: value";
    memset(large, 'x', sizeof(large));
    head = sent(&(cloudep_http_request_t){.url = url("echo"), .method = "PATCH", .headers = headers, .user = "me"});
    ok(!strncmp(head, "PATCH /echo HTTP/1.1\r\n", 22), "the method goes out");
    ok(strstr(head, "X-Own: value\r\n") != NULL, "the headers, too");
    ok(strstr(head, "Authorization: Basic bWU6\r\n") != NULL, "a user without a password has an empty one");
    ok(strstr(head, "User-Agent: CloudEP\r\n") != NULL, "and who asks");
    ok(!strstr(head, "traceparent"), "without a trace no traceparent");
    cloudep_trace_set(p, TRACE);
    head = sent(&(cloudep_http_request_t){.url = url("echo")});
    ok(!strncmp(head, "GET /echo ", 10) && !strstr(head, "X-Own") && !strstr(head, "Authorization"),
       "nothing of it is left for the next request");
    ok(strstr(head, "traceparent: " TRACE "\r\n") != NULL, "a trace goes on");
    cloudep_trace_set(p, NULL);
    head = sent(&(cloudep_http_request_t){.url = url("echo"), .body = "a=b", .body_len = 3});
    ok(!strncmp(head, "POST ", 5) && strstr(head, "Content-Length: 3\r\n"), "a body is sent by POST");
    head = sent(&(cloudep_http_request_t){.url = url("echo"), .body = large, .body_len = sizeof(large), .once = 1});
    ok(!strncmp(head, "POST ", 5) && !strstr(head, "Expect:"), "a large one does not wait to be asked for");
}

/* In memory that was used before. */
static void is_ended(void)
{
    const cloudep_http_request_t request = {.url = url("20")};
    cloudep_http_response_t *response = NULL;
    apr_pool_t *used;

    (void)apr_pool_create(&used, p);
    memset(apr_palloc(used, 65536), 'x', 65536);
    memset(apr_palloc(used, 4096), 'x', 4096);
    apr_pool_clear(used);
    is_int(cloudep_http_exchange(&response, http, used, &request), APR_SUCCESS, "a short body");
    is_int((long long)strlen(response->body), 20, "has its end");
    apr_pool_destroy(used);
}

static void test_answers(void)
{
    static char whole[MIB];
    cloudep_http_response_t *response;

    is_int(ask(&(cloudep_http_request_t){.url = url("echo")}, &response), APR_SUCCESS, "an answer");
    is_str(apr_table_get(response->headers, "x-answer"), "yes", "has its headers");
    is_int(ask(&(cloudep_http_request_t){.url = url("redirect")}, &response), APR_SUCCESS, "a redirect is an answer");
    is_int(response->status, 302, "which nobody follows");
    is_str(response->body, "", "no body is an empty one");
    is_int(ask(&(cloudep_http_request_t){.url = url("100"), .max_bytes = 100}, &response), APR_SUCCESS,
           "as many bytes as are allowed");
    is_int((int)response->len, 100, "are there");
    is_int(ask(&(cloudep_http_request_t){.url = url("101"), .max_bytes = 100}, &response), CLOUDEP_EMALFORMED,
           "one more is too many");
    is_int(ask(&(cloudep_http_request_t){.url = url("1048576")}, &response), APR_SUCCESS, "1 MiB is usual");
    fill(whole, MIB);
    ok(response->len == MIB && !memcmp(response->body, whole, MIB), "all of it is there, in its order");
    is_ended();
    is_int(ask(&(cloudep_http_request_t){.url = url("1048577")}, &response), CLOUDEP_EMALFORMED, "and no more");
    is_int(ask(&(cloudep_http_request_t){.url = url("strange")}, &response), CLOUDEP_EMALFORMED, "what is not HTTP");
    is_int(ask(&(cloudep_http_request_t){.url = url("slow"), .total_timeout = 300}, &response), APR_TIMEUP,
           "no answer in time");
    is_int(ask(&(cloudep_http_request_t){.url = "http://127.0.0.1:1/"}, &response), APR_ECONNREFUSED, "nobody there");
    is_int(ask(&(cloudep_http_request_t){.url = url("50"), .method = "HEAD"}, &response), APR_SUCCESS, "a HEAD");
    is_int((int)response->len, 0, "waits for no body");
}

/* A kept connection that is lost under a request. */
static void test_once(void)
{
    cloudep_http_request_t request = {.url = url("3"), .body = "x", .body_len = 1};
    cloudep_http_response_t *response;
    apr_uint32_t before;

    (void)ask(&(cloudep_http_request_t){.url = url("keep")}, &response);
    before = apr_atomic_read32(&requests);
    is_int(ask(&request, &response), APR_SUCCESS, "what may be sent twice is, when its connection is lost");
    is_int((int)(apr_atomic_read32(&requests) - before), 2, "it came twice");
    (void)ask(&(cloudep_http_request_t){.url = url("keep")}, &response);
    before = apr_atomic_read32(&requests);
    request.once = 1;
    ok(ask(&request, &response) != APR_SUCCESS, "what must not be sent twice fails");
    is_int((int)(apr_atomic_read32(&requests) - before), 1, "it came once");
}

static void test_statuses(void)
{
    static const struct {
        CURLcode code;
        apr_status_t status;
        const char *name;
    } codes[] = {
        {CURLE_OK, APR_SUCCESS, "done"},
        {CURLE_OPERATION_TIMEDOUT, APR_TIMEUP, "too slow"},
        {CURLE_COULDNT_RESOLVE_HOST, APR_ECONNREFUSED, "no such host"},
        {CURLE_COULDNT_RESOLVE_PROXY, APR_ECONNREFUSED, "no such proxy"},
        {CURLE_COULDNT_CONNECT, APR_ECONNREFUSED, "nobody listens"},
        {CURLE_ABORTED_BY_CALLBACK, APR_EINTR, "stopped"},
        {CURLE_PEER_FAILED_VERIFICATION, CLOUDEP_EFORGED, "a certificate of another"},
        {CURLE_SSL_CACERT_BADFILE, CLOUDEP_EFORGED, "no CA certificates"},
        {CURLE_SSL_ISSUER_ERROR, CLOUDEP_EFORGED, "a certificate of another issuer"},
        {CURLE_WRITE_ERROR, CLOUDEP_EMALFORMED, "too large"},
        {CURLE_WEIRD_SERVER_REPLY, CLOUDEP_EMALFORMED, "a strange answer"},
        {CURLE_UNSUPPORTED_PROTOCOL, CLOUDEP_EMALFORMED, "another protocol"},
        {CURLE_BAD_CONTENT_ENCODING, CLOUDEP_EMALFORMED, "a strange encoding"},
        {CURLE_OUT_OF_MEMORY, APR_ENOMEM, "no memory"},
        {CURLE_SSL_CONNECT_ERROR, APR_EGENERAL, "anything else"},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        is_int(cloudep_http_status(codes[i].code), codes[i].status, codes[i].name);
    }
}

int main(void)
{
    int listener = loopback(0, 1);
    pthread_t thread;

    port = port_of(listener);
    (void)unsetenv("http_proxy"); /* NOLINT(concurrency-mt-unsafe): nobody reads it yet */
    (void)unsetenv("all_proxy");  /* NOLINT(concurrency-mt-unsafe) */
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    if (pthread_create(&thread, NULL, serve_all, &listener) || cloudep_http_startup(p) != APR_SUCCESS ||
        cloudep_http_create(&http, p) != APR_SUCCESS) {
        return 1;
    }
    test_loopback();
    test_split();
    test_statuses();
    test_refused();
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1); /* NOLINT(concurrency-mt-unsafe) */
    test_sent();
    test_answers();
    test_once();
    apr_pool_destroy(p);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    return done_testing();
}
