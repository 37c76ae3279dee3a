/*
 * served.h - what of httpd reads requests, in tests without a server, and a request that is served by an API.
 */
#ifndef CLOUDEP_TEST_SERVED_H
#define CLOUDEP_TEST_SERVED_H

#include <http_core.h>
#include <util_filter.h>
#include "access/place.h"
#include "answer.h"
#include "wire/wire.h"

static struct {
    const char *body;    /* what the client sends */
    apr_size_t length;   /* bytes of it */
    apr_size_t piece;    /* the most that are read at once */
    apr_status_t status; /* of reading it */
    int reads;
} client;

AP_DECLARE(apr_status_t)
ap_get_brigade(ap_filter_t *filter, apr_bucket_brigade *bucket, ap_input_mode_t mode, apr_read_type_e block,
               apr_off_t readbytes)
{
    apr_bucket_alloc_t *alloc = bucket->bucket_alloc;
    const apr_size_t n = client.length > client.piece ? client.piece : client.length;

    (void)filter;
    (void)mode;
    (void)block;
    (void)readbytes;
    client.reads++;
    if (client.status != APR_SUCCESS) {
        return client.status;
    }
    APR_BRIGADE_INSERT_TAIL(bucket, apr_bucket_flush_create(alloc));
    if (n) {
        APR_BRIGADE_INSERT_TAIL(bucket, apr_bucket_immortal_create(client.body, n, alloc));
    }
    client.body += n;
    client.length -= n;
    if (!client.length) {
        APR_BRIGADE_INSERT_TAIL(bucket, apr_bucket_eos_create(alloc));
    }
    return APR_SUCCESS;
}

AP_DECLARE(int) ap_map_http_request_error(apr_status_t rv, int status)
{
    return rv == AP_FILTER_ERROR ? AP_FILTER_ERROR : status;
}

AP_DECLARE(int) ap_parse_strict_length(apr_off_t *len, const char *str)
{
    char *end;

    return *str >= '0' && *str <= '9' && apr_strtoff(len, str, &end, 10) == APR_SUCCESS && !*end;
}

AP_DECLARE(char *) ap_getword(apr_pool_t *pool, const char **line, char stop)
{
    const char *end = strchr(*line, stop);
    const apr_size_t length = end ? (apr_size_t)(end - *line) : strlen(*line);
    char *word = apr_pstrmemdup(pool, *line, length);

    *line += length + (end != NULL);
    return word;
}

/* As httpd's: a NUL is no part of any text, and neither is half an escape. */
AP_DECLARE(int) ap_unescape_urlencoded(char *query)
{
    char *out = query;

    for (const char *c = query; *c; c++) {
        if (*c == '%') {
            const char digits[] = {c[1], c[1] ? c[2] : '\0', '\0'};
            char *end;
            const long byte = strtol(digits, &end, 16);

            if (end != digits + 2 || !byte) {
                return HTTP_BAD_REQUEST;
            }
            *out++ = (char)byte;
            c += 2;
        }
        else {
            *out++ = *c == '+' ? ' ' : *c;
        }
    }
    *out = '\0';
    return OK;
}

/* The Location of requests. */
static cloudep_place_t place;
static core_dir_config core;

/**
 * Serves a request.
 * @param address path and query
 * @param body    what the client sends; NULL: nothing. client.length bytes of it, where that is set
 * @return the status of the answer, or what the handler left to httpd
 */
static int serve(request_rec *r, const cloudep_api_t *api, const char *method, const char *address, const char *body)
{
    static void *vector[2];
    static conn_rec connection;
    const char *query = strchr(address, '?');
    int rc;

    vector[0] = &core;
    vector[1] = &place;
    r->per_dir_config = (struct ap_conf_vector_t *)vector;
    connection.bucket_alloc = apr_bucket_alloc_create(p);
    r->connection = &connection;
    r->handler = r->handler ? r->handler : api->handler;
    r->header_only = !strcmp(method, "HEAD");
    r->method = method;
    r->method_number = !strcmp(method, "GET") || r->header_only ? M_GET
                       : !strcmp(method, "POST")                ? M_POST
                       : !strcmp(method, "OPTIONS")             ? M_OPTIONS
                                                                : M_DELETE;
    r->uri = apr_pstrmemdup(p, address, query ? (apr_size_t)(query - address) : strlen(address));
    r->args = query ? apr_pstrdup(p, query + 1) : NULL;
    r->status = HTTP_OK;
    client.body = body;
    client.length = body && !client.length ? strlen(body) : client.length;
    client.piece = client.piece ? client.piece : 8192;
    client.reads = 0;
    forget_answer();
    rc = cloudep_serve(r, api);
    client.length = 0;
    return rc == OK ? r->status : rc;
}

#endif
