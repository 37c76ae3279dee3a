/*
 * http.h - requests to other servers with libcurl.
 *
 * A child keeps the handles it has used, and with them their connections. Certificates are verified, redirects
 * are not followed, every transfer has its bound in time and bytes. Hold no database connection meanwhile.
 */
#ifndef CLOUDEP_HTTP_H
#define CLOUDEP_HTTP_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <curl/curl.h>
#include "base/status.h"

/* The handles of one child process. */
typedef struct cloudep_http_t cloudep_http_t;

typedef struct cloudep_http_request_t {
    const char *method;                /* NULL: GET, or POST with a body */
    const char *url;                   /* https; http only to loopback or with plain */
    const apr_array_header_t *headers; /* of const char *: "Name: value"; or NULL */
    const char *body;                  /* or NULL */
    apr_size_t body_len;
    const char *user; /* Basic authentication, or NULL */
    const char *password;
    const char *ca_file;  /* PEM; NULL: the system's */
    int plain;            /* http is allowed to any host */
    int connect_timeout;  /* ms; 0: 2000 */
    int total_timeout;    /* ms; 0: 5000 */
    apr_size_t max_bytes; /* of the answer's body; 0: 1 MiB */
    int once;             /* never sent twice: not even when a kept connection is lost under it */
    apr_uint32_t *stop;   /* atomic; the transfer ends soon after it becomes non-zero; or NULL */
} cloudep_http_request_t;

typedef struct cloudep_http_response_t {
    int status;
    const char *body; /* a zero byte behind it */
    apr_size_t len;
    const apr_table_t *headers; /* of the last answer */
} cloudep_http_response_t;

/** Initialises libcurl for this process and its children. Call in check_config, before anything that owns handles. */
apr_status_t cloudep_http_startup(apr_pool_t *pconf);

/** Makes a child's (empty) store of handles; call in child_init, never before the fork. Freed with pchild. */
apr_status_t cloudep_http_create(cloudep_http_t **http, apr_pool_t *pchild);

/**
 * One exchange, as part of the trace that the pool is of (core/trace.h). response lives in pool. Any HTTP status is a
 * success. APR_TIMEUP: too slow. APR_ECONNREFUSED: could not resolve or connect. APR_EINTR: stop was set.
 * CLOUDEP_EFORGED: the server's certificate is not trusted. CLOUDEP_EMALFORMED: answer larger than max_bytes, or not
 * HTTP. CLOUDEP_EREFUSED: a URL of another scheme, or a header with a control character. CLOUDEP_EUNSET: http is NULL.
 * APR_EGENERAL: anything else.
 */
apr_status_t cloudep_http_exchange(cloudep_http_response_t **response, cloudep_http_t *http, apr_pool_t *pool,
                                   const cloudep_http_request_t *request);

/* For other protocols with libcurl: */

/**
 * A new handle with what holds for every transfer of ours: no signals, certificates verified, times in ms, ended
 * by stop (may be NULL), connections to loopback without a proxy. The caller's to clean up. NULL: out of memory.
 */
CURL *cloudep_http_handle(cloudep_http_t *http, const char *ca_file, int connect_timeout, int total_timeout,
                          apr_uint32_t *stop);

/* Bytes that libcurl reads, for CURLOPT_READDATA. */
typedef struct cloudep_http_source_t {
    const char *bytes;
    apr_size_t left;
} cloudep_http_source_t;

/** CURLOPT_READFUNCTION for a cloudep_http_source_t. It cannot be rewound, so nothing is sent twice. */
size_t cloudep_http_give(char *to, size_t size, size_t count, void *source);

/** What a CURLcode is as a status, with the values above. */
apr_status_t cloudep_http_status(CURLcode code);

/** Scheme (lower case) and host of a URL; CLOUDEP_EMALFORMED: not a URL, or one with a user or password in it. */
apr_status_t cloudep_http_split(const char **scheme, const char **host, apr_pool_t *pool, const char *url);

/** Whether a host names this machine without leaving it: localhost, 127.x.y.z, [::1]. */
int cloudep_http_is_loopback(const char *host);

#endif
