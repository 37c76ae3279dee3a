/*
 * error.c - failures that httpd itself answers, as JSON too.
 *
 * httpd writes HTML when something goes wrong before or outside our handlers: a bad header, an unread body that is too
 * large, a denied Location. For our APIs, where a virtual host has them, an error filter replaces the body. An
 * ErrorDocument text of the administrator's is left alone.
 */
#include "core/request.h"
#include "guard/guard.h"

#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>
#include <util_filter.h>
#include <apr_strings.h>
#include "access/mount.h"
#include "access/place.h"
#include "wire/account/account.h"
#include "wire/session/session.h"
#include "wire/v1/v1.h"

#define FILTER_NAME "CLOUDEP_ERROR"

/*
 * Behind a guarded Location people get httpd's page and programs get JSON: a client is taken for a program when its
 * Accept names JSON before HTML.
 */
static int wants_json(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *json = accept ? ap_strstr_c(accept, "application/json") : NULL;
    const char *html = accept ? ap_strstr_c(accept, "text/html") : NULL;

    return json && (!html || json < html);
}

/*
 * A request that httpd could not parse was refused before the location walk, so its Location is looked up here.
 * Without that, nobody knows whether this virtual host serves our APIs at that path, or something else. httpd has
 * chosen the virtual host by then: without a header Host, the first one of the address.
 */
static int would_be(request_rec *r, int (*is_so)(request_rec *r))
{
    ap_conf_vector_t *before = r->per_dir_config;
    int found;

    if (!r->uri || before != r->server->lookup_defaults) {
        return 0;
    }
    found = ap_location_walk(r) == OK && is_so(r);
    r->per_dir_config = before;
    return found;
}

static int is_ours(request_rec *r)
{
    return cloudep_is_api(r) || (cloudep_is_guarded(r) && wants_json(r)) || would_be(r, cloudep_is_api);
}

static cloudep_reason_e reason_of(int status)
{
    switch (status) {
    case HTTP_UNAUTHORIZED:
        return CLOUDEP_TOKEN_MISSING;
    case HTTP_FORBIDDEN:
        return CLOUDEP_ACCESS_REFUSED;
    case HTTP_NOT_FOUND:
        return CLOUDEP_PATH_UNKNOWN;
    case HTTP_METHOD_NOT_ALLOWED:
        return CLOUDEP_METHOD_NOT_ALLOWED;
    case HTTP_UNSUPPORTED_MEDIA_TYPE:
        return CLOUDEP_MEDIA_TYPE_UNSUPPORTED;
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return CLOUDEP_BODY_TOO_LARGE;
    case HTTP_BAD_GATEWAY:
        return CLOUDEP_PROVIDER_FAILED;
    case HTTP_SERVICE_UNAVAILABLE:
        return CLOUDEP_OVERLOADED;
    default:
        return status >= HTTP_INTERNAL_SERVER_ERROR ? CLOUDEP_INTERNAL_ERROR : CLOUDEP_REQUEST_REFUSED;
    }
}

/* httpd's own words for a status, "Bad Request": they are behind the number. */
static const char *phrase_of(int status)
{
    const char *line = ap_get_status_line(status);
    const char *space = ap_strchr_c(line, ' ');

    return space ? space + 1 : line;
}

static int is_served_by(request_rec *r, const char *handler)
{
    const char *serve = cloudep_place_of(r)->serve;

    return serve && !strcmp(serve, handler);
}

static int is_account(request_rec *r)
{
    return is_served_by(r, CLOUDEP_ACCOUNT_HANDLER);
}

static int is_session(request_rec *r)
{
    return is_served_by(r, CLOUDEP_SESSION_HANDLER);
}

/* The same in the style "account". */
static const char *account_refusal(request_rec *r, cloudep_v1_code_t code, cloudep_reason_e reason)
{
    const cloudep_account_refusal_t refusal = {code.status, cloudep_reason_word(reason), code.message};

    return cloudep_account_refusal_text(r->pool, &refusal);
}

/* The body, and the headers that go with it. The code is the status's; the reason may be told more exactly. */
static const char *make_refusal(request_rec *r)
{
    const cloudep_reason_e by_status = reason_of(r->status);
    const cloudep_reason_e reason = r->status == HTTP_UNAUTHORIZED ? cloudep_guard_reason(r) : by_status;
    const char *error = cloudep_guard_challenge(r);
    cloudep_v1_code_t code = cloudep_v1_code(NULL, by_status, cloudep_v1_language(cloudep_request_context(r)));

    if (code.english) {
        code.message = phrase_of(r->status);
    }
    cloudep_answer_headers(r, r->headers_out, r->status, cloudep_refuse(by_status));
    if (error && (r->status == HTTP_UNAUTHORIZED || r->status == HTTP_FORBIDDEN)) {
        cloudep_bearer_challenge(r, r->headers_out, error);
    }
    if (is_account(r) || would_be(r, is_account)) {
        return account_refusal(r, code, reason);
    }
    return is_session(r) || would_be(r, is_session)
               ? cloudep_session_refusal_text(r->pool, r->status, reason, code.message)
               : cloudep_v1_refusal(r, code, reason);
}

/* Replaces the page by our body, once. Of what httpd writes only the metadata passes. */
static apr_status_t error_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    apr_bucket *next;

    for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = next) {
        next = APR_BUCKET_NEXT(e);
        if (!APR_BUCKET_IS_METADATA(e)) {
            apr_bucket_delete(e);
        }
    }
    if (!f->ctx) {
        const char *text = make_refusal(r);

        f->ctx = f;
        if (text) {
            apr_size_t length = strlen(text);

            ap_set_content_type(r, CLOUDEP_V1_TYPE);
            ap_set_content_length(r, (apr_off_t)length);
            APR_BRIGADE_INSERT_HEAD(bb, apr_bucket_transient_create(text, length, f->c->bucket_alloc));
        }
    }
    return ap_pass_brigade(f->next, bb);
}

static void insert_error_filter(request_rec *r)
{
    if (r->status >= HTTP_BAD_REQUEST && is_ours(r) && !ap_response_code_string(r, ap_index_of_response(r->status))) {
        ap_add_output_filter(FILTER_NAME, NULL, r, r->connection);
    }
}

void cloudep_error_register_hooks(void)
{
    ap_register_output_filter(FILTER_NAME, error_filter, NULL, AP_FTYPE_RESOURCE);
    ap_hook_insert_error_filter(insert_error_filter, NULL, NULL, APR_HOOK_LAST);
}
