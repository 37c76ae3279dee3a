/*
 * body.c - from the bytes of a request to the route's checked fields.
 *
 * The cap is our own and below httpd's LimitRequestBody: over it we answer in the envelope; over httpd's the input
 * filter has answered before anybody is asked.
 */
#include "core/private.h"

#include <http_protocol.h>
#include <util_script.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "base/text/json.h"

static int takes_body(const cloudep_call_t *call)
{
    return call->route->fields && !(call->route->flags & CLOUDEP_ROUTE_QUERY);
}

/* The media type without parameters, compared as RFC 9110 8.3.1 says. */
static int is_json(const char *type)
{
    apr_size_t length = strlen("application/json");

    return type && !strncasecmp(type, "application/json", length) &&
           (!type[length] || type[length] == ';' || apr_isspace(type[length]));
}

cloudep_problem_t *cloudep_check_body_headers(cloudep_call_t *call)
{
    const char *declared = apr_table_get(call->r->headers_in, "Content-Length");
    apr_off_t length = 0;

    if (!takes_body(call)) {
        return NULL;
    }
    if (!is_json(apr_table_get(call->r->headers_in, "Content-Type"))) {
        cloudep_problem_t *problem =
            cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_UNSUPPORTED, "the body must be application/json");

        problem->status = HTTP_UNSUPPORTED_MEDIA_TYPE;
        return problem;
    }
    /* Refused before "100 Continue" is sent. */
    if (declared && ap_parse_strict_length(&length, declared) && length > call->config->body_limit) {
        return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_TOO_LARGE, "the body is too large");
    }
    return NULL;
}

/* As many bytes as the client says there are, else as may be; and one more, to know that there were more. */
static apr_size_t room_for(const cloudep_call_t *call)
{
    const char *declared = apr_table_get(call->r->headers_in, "Content-Length");
    apr_off_t length = call->config->body_limit;

    if (declared && (!ap_parse_strict_length(&length, declared) || length > call->config->body_limit)) {
        length = call->config->body_limit;
    }
    return (apr_size_t)length + 1;
}

static apr_status_t read_body(cloudep_call_t *call, char **body, apr_size_t *length)
{
    request_rec *r = call->r;
    apr_size_t limit = room_for(call);
    apr_bucket_brigade *bb = apr_brigade_create(call->p, r->connection->bucket_alloc);
    char *buffer = apr_palloc(call->p, limit + 1);
    int eos = 0;

    *length = 0;
    while (!eos && *length < limit) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, HUGE_STRING_LEN);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e)) {
            const char *data;
            apr_size_t n;

            if (APR_BUCKET_IS_EOS(e)) {
                eos = 1;
                break;
            }
            if (APR_BUCKET_IS_METADATA(e)) {
                continue;
            }
            rv = apr_bucket_read(e, &data, &n, APR_BLOCK_READ);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            n = n > limit - *length ? limit - *length : n;
            memcpy(buffer + *length, data, n);
            *length += n;
        }
        apr_brigade_cleanup(bb);
    }
    buffer[*length] = '\0';
    *body = buffer;
    return APR_SUCCESS;
}

/* All faults at once; a missing field names the whole answer. */
static cloudep_problem_t *field_problem(cloudep_call_t *call, const apr_array_header_t *errors)
{
    cloudep_problem_t *problem;
    int missing = 0;

    for (int i = 0; i < errors->nelts; i++) {
        missing |= APR_ARRAY_IDX(errors, i, cloudep_field_error_t).fault == CLOUDEP_FIELD_MISSING;
    }
    problem = missing ? cloudep_problem(call, call->api->missing_scope, CLOUDEP_MISSING, "a required field is missing")
                      : cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_MALFORMED, "a field is not of its format");
    problem->errors = errors;
    return problem;
}

/* The query string's arguments with repetitions kept; NULL: not decodable. */
static apr_table_t *arguments(cloudep_call_t *call)
{
    apr_table_t *table = apr_table_make(call->p, 4);
    const char *args = call->r->args ? call->r->args : "";

    while (*args) {
        char *pair = ap_getword(call->p, &args, '&');
        char *value = strchr(pair, '=');

        if (!value) {
            continue;
        }
        *value++ = '\0';
        if (ap_unescape_urlencoded(pair) != OK || ap_unescape_urlencoded(value) != OK) {
            return NULL;
        }
        apr_table_addn(table, pair, value);
    }
    return table;
}

static cloudep_problem_t *malformed(cloudep_call_t *call, const char *reason)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_MALFORMED, reason);
}

static cloudep_problem_t *read_query(cloudep_call_t *call)
{
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    apr_table_t *args = arguments(call);

    if (!args) {
        return malformed(call, "the query string is not well formed");
    }
    if (cloudep_field_check_query(&values, &errors, call->route->fields, args, call->p) != APR_SUCCESS) {
        return field_problem(call, errors);
    }
    call->fields = values;
    return NULL;
}

cloudep_problem_t *cloudep_read_fields(cloudep_call_t *call, int *rc)
{
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    const char *reason;
    json_t *object;
    char *body;
    apr_size_t length;
    apr_status_t rv;

    *rc = OK;
    if (!call->route->fields) {
        return NULL;
    }
    if (call->route->flags & CLOUDEP_ROUTE_QUERY) {
        return read_query(call);
    }
    rv = read_body(call, &body, &length);
    if (rv != APR_SUCCESS) {
        /* AP_FILTER_ERROR: the input filter has sent its own answer. */
        *rc = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
        return NULL;
    }
    if (length > (apr_size_t)call->config->body_limit) {
        return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_TOO_LARGE, "the body is too large");
    }
    rv = cloudep_json_parse(&object, &reason, body, length, call->p);
    if (rv != APR_SUCCESS) {
        return malformed(call, reason);
    }
    if (cloudep_field_check_json(&values, &errors, call->route->fields, object, call->p) != APR_SUCCESS) {
        return field_problem(call, errors);
    }
    call->fields = values;
    return NULL;
}
