/*
 * error.c - failures that httpd itself answers, as JSON too.
 *
 * httpd writes HTML for what goes wrong before or outside our handlers: a bad header, an unread body that is too
 * large, a denied Location. For the two prefixes, where a virtual host has them, an error filter swaps the body; an
 * ErrorDocument text of the administrator's wins.
 */
#include "guard/guard.h"

#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>
#include <util_filter.h>
#include <apr_strings.h>

#define FILTER_NAME "CLOUDEP_ERROR"

/* Behind a guarded Location people get httpd's page, and programs get the envelope: who names JSON before HTML. */
static int wants_json(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *json = accept ? ap_strstr_c(accept, "application/json") : NULL;
    const char *html = accept ? ap_strstr_c(accept, "text/html") : NULL;

    return json && (!html || json < html);
}

/*
 * What httpd could not even read has not been led to its Location yet, so that is done here: what other virtual hosts
 * have below the same path is not ours. Whose such a request is, httpd says: without a Host, the first's of its
 * address.
 */
static int would_be_api(request_rec *r)
{
    ap_conf_vector_t *before = r->per_dir_config;
    int found;

    if (!r->uri || before != r->server->lookup_defaults) {
        return 0;
    }
    found = ap_location_walk(r) == OK && cloudep_is_api(r);
    r->per_dir_config = before;
    return found;
}

static int is_ours(request_rec *r)
{
    return cloudep_is_api(r) || (cloudep_is_guarded(r) && wants_json(r)) || would_be_api(r);
}

static const cloudep_problem_t *problem_of(request_rec *r)
{
    cloudep_problem_t *problem = apr_pcalloc(r->pool, sizeof(*problem));
    int status = r->status;

    problem->scope = CLOUDEP_SCOPE_GATEWAY;
    problem->status = status;
    problem->challenge = cloudep_guard_challenge(r);
    problem->message = apr_pstrdup(r->pool, ap_get_status_line(status) + 4);
    switch (status) {
    case HTTP_UNAUTHORIZED:
        problem->category = CLOUDEP_UNAUTHENTICATED;
        break;
    case HTTP_FORBIDDEN:
        problem->category = CLOUDEP_FORBIDDEN;
        break;
    case HTTP_NOT_FOUND:
        problem->category = CLOUDEP_ABSENT;
        break;
    case HTTP_METHOD_NOT_ALLOWED:
    case HTTP_UNSUPPORTED_MEDIA_TYPE:
        problem->category = CLOUDEP_UNSUPPORTED;
        break;
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        problem->category = CLOUDEP_TOO_LARGE;
        break;
    case HTTP_BAD_GATEWAY:
        problem->category = CLOUDEP_PROVIDER_FAILED;
        break;
    case HTTP_SERVICE_UNAVAILABLE:
        problem->category = CLOUDEP_OVERLOADED;
        break;
    default:
        problem->category = status >= 500 ? CLOUDEP_INTERNAL : CLOUDEP_MALFORMED;
    }
    return problem;
}

/* Replaces whatever the page was by the envelope, once, and lets only what is not text pass. */
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
        const cloudep_problem_t *problem = problem_of(r);
        const char *text = cloudep_problem_text(r, problem);

        f->ctx = f;
        if (text) {
            apr_size_t length = strlen(text);

            cloudep_reply_headers(r, r->headers_out, problem);
            ap_set_content_type(r, "application/json; charset=utf-8");
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
