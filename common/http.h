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
    const char *ca_file;               /* PEM; NULL: the system's */
    int plain;                         /* http is allowed to any host */
    int connect_timeout;               /* ms; 0: 2000 */
    int total_timeout;                 /* ms; 0: 5000 */
    apr_size_t max_bytes;              /* of the answer's body; 0: 1 MiB */
    const volatile apr_uint32_t *stop; /* the transfer ends soon after this becomes non-zero; or NULL */
} cloudep_http_request_t;

typedef struct cloudep_http_response_t {
    int status;
    const char *body; /* a zero byte behind it */
    apr_size_t len;
    const char *content_type;   /* or NULL */
    const apr_table_t *headers; /* of the last answer */
} cloudep_http_response_t;

/** Initialises libcurl for this process and its children. Call in post_config, before anything that owns handles. */
apr_status_t cloudep_http_startup(apr_pool_t *pconf);

/** Makes a child's (empty) store of handles; call in child_init, never before the fork. Freed with pchild. */
apr_status_t cloudep_http_create(cloudep_http_t **http, apr_pool_t *pchild);

/**
 * One exchange. response lives in pool. Any HTTP status is a success.
 * APR_TIMEUP: too slow. APR_ECONNREFUSED: could not connect or resolve. APR_EINTR: stop was set.
 * CLOUDEP_EMALFORMED: answer larger than max_bytes, or not HTTP. CLOUDEP_EREFUSED: the server's certificate is not
 * trusted. CLOUDEP_EUNSET: http is NULL. APR_EGENERAL: anything else, or a URL of another scheme.
 */
apr_status_t cloudep_http_exchange(cloudep_http_response_t **response, cloudep_http_t *http, apr_pool_t *pool,
                                   const cloudep_http_request_t *request);

/** What a CURLcode is as a status, with the values above; used by everything that transfers with libcurl. */
apr_status_t cloudep_http_status(CURLcode code);

/** A libcurl handle with what holds for every transfer of ours: no signals, verification, no redirects. NULL: no
 * memory. */
CURL *cloudep_http_handle(cloudep_http_t *http);

#endif
