/*
 * body.c - from the bytes of a request's body to a JSON object or a form.
 *
 * The cap is our own and below httpd's LimitRequestBody: a body over ours gets an answer in the API's style; for one
 * over httpd's the input filter has answered before the handler reads.
 */
#include "wire/wire.h"

#include <http_protocol.h>
#include <util_script.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "base/text/json.h"
#include "core/config.h"

static int takes_body(const cloudep_operation_t *operation)
{
    return operation->fields && !(operation->flags & CLOUDEP_OPERATION_QUERY);
}

/* The media type without parameters, compared as RFC 9110 8.3.1 says. */
static int is_of_type(const char *type, const char *expected)
{
    apr_size_t length = strlen(expected);

    return type && !strncasecmp(type, expected, length) &&
           (!type[length] || type[length] == ';' || apr_isspace(type[length]));
}

cloudep_outcome_t cloudep_check_body_headers(cloudep_call_t *call)
{
    const char *declared = apr_table_get(call->r->headers_in, "Content-Length");
    apr_off_t length = 0;

    if (!takes_body(call->operation)) {
        return cloudep_done();
    }
    if (!is_of_type(apr_table_get(call->r->headers_in, "Content-Type"), call->operation->flags & CLOUDEP_OPERATION_FORM
                                                                            ? "application/x-www-form-urlencoded"
                                                                            : "application/json")) {
        return cloudep_refuse(CLOUDEP_MEDIA_TYPE_UNSUPPORTED);
    }
    /* Refused before "100 Continue" is sent. */
    if (declared && ap_parse_strict_length(&length, declared) && length > call->ctx->config->body_limit) {
        return cloudep_refuse(CLOUDEP_BODY_TOO_LARGE);
    }
    return cloudep_done();
}

/* As many bytes as the client says there are, else as many as are allowed; and one more, to notice a body with more. */
static apr_size_t room_for(const cloudep_call_t *call)
{
    const char *declared = apr_table_get(call->r->headers_in, "Content-Length");
    const apr_off_t limit = call->ctx->config->body_limit;
    apr_off_t length = limit;

    if (declared && (!ap_parse_strict_length(&length, declared) || length > limit)) {
        length = limit;
    }
    return (apr_size_t)length + 1;
}

/* Appends one bucket's bytes to the buffer, as far as there is room. */
static apr_status_t append(char *buffer, apr_size_t *length, apr_size_t room, apr_bucket *bucket)
{
    const char *data;
    apr_size_t n;
    apr_status_t rv = apr_bucket_read(bucket, &data, &n, APR_BLOCK_READ);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    n = n > room - *length ? room - *length : n;
    memcpy(buffer + *length, data, n);
    *length += n;
    return APR_SUCCESS;
}

static apr_status_t read_body(cloudep_call_t *call, char **body, apr_size_t *length)
{
    request_rec *r = call->r;
    const apr_size_t room = room_for(call);
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    char *buffer = apr_palloc(r->pool, room + 1);
    int eos = 0;

    *length = 0;
    while (!eos && *length < room) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, HUGE_STRING_LEN);

        for (apr_bucket *e = APR_BRIGADE_FIRST(bb); rv == APR_SUCCESS && !eos && e != APR_BRIGADE_SENTINEL(bb);
             e = APR_BUCKET_NEXT(e)) {
            eos = APR_BUCKET_IS_EOS(e);
            if (!APR_BUCKET_IS_METADATA(e)) {
                rv = append(buffer, length, room, e);
            }
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        apr_brigade_cleanup(bb);
    }
    buffer[*length] = '\0';
    *body = buffer;
    return APR_SUCCESS;
}

cloudep_outcome_t cloudep_read_text(cloudep_call_t *call, const char **text, apr_size_t *length, int *rc)
{
    char *body;
    apr_status_t rv = read_body(call, &body, length);

    *rc = OK;
    if (rv != APR_SUCCESS) {
        /* AP_FILTER_ERROR: the input filter has sent its own answer. */
        *rc = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        return cloudep_done();
    }
    if (*length > (apr_size_t)call->ctx->config->body_limit) {
        return cloudep_refuse(CLOUDEP_BODY_TOO_LARGE);
    }
    *text = body;
    return cloudep_done();
}

cloudep_outcome_t cloudep_read_json(cloudep_call_t *call, json_t **object, int *rc)
{
    const char *reason;
    const char *body = NULL;
    apr_size_t length = 0;
    cloudep_outcome_t outcome = cloudep_read_text(call, &body, &length, rc);

    if (cloudep_failed(outcome) || *rc != OK) {
        return outcome;
    }
    if (cloudep_json_parse(object, &reason, body, length, call->ctx->p) != APR_SUCCESS) {
        return (cloudep_outcome_t){.reason = CLOUDEP_REQUEST_MALFORMED, .why = reason};
    }
    return cloudep_done();
}
