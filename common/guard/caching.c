/*
 * caching.c - what a guarded place answers is kept by nobody but the client who asked (RFC 9111).
 *
 * A cache between us and the client is told by headers. mod_cache is inside this httpd: with CacheQuickHandler On it
 * looks before any guard is asked, so that what it has, everybody gets; and it knows nothing of a token that
 * CloudEPStripToken took away. So it is given nothing, by the variable "no-cache", which holds whatever its
 * CacheStore... directives say.
 */
#include "guard/guard.h"

#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "access/place.h"

#define FILTER_NAME "CLOUDEP_CACHING"

/* The request that this one was made from; NULL: it came from a client. */
static request_rec *maker_of(const request_rec *r)
{
    return r->main ? r->main : r->prev;
}

/* The headers that the guard of this request's place reads. */
static const char *reads(request_rec *r)
{
    return cloudep_place_of(r)->cookie || cloudep_takes_session_cookie(r) ? "Authorization, Cookie" : "Authorization";
}

/* Where mod_cache looks: the request that it came for, which may be another one than the guarded one. */
static void keep_out_of_mod_cache(request_rec *r)
{
    for (request_rec *at = r; at; at = maker_of(at)) {
        apr_table_setn(at->subprocess_env, "no-cache", "1");
    }
}

/* Before anybody is let in or refused. Our own operations are never stored either, with "CacheStoreNoStore On" too. */
static int mark(request_rec *r)
{
    if (cloudep_is_guarded(r) || cloudep_is_api(r)) {
        keep_out_of_mod_cache(r);
    }
    return DECLINED;
}

/* What the answer to a request varies on, of all places that it went through; NULL: none of them is guarded. */
static const char *varies_on(request_rec *r)
{
    const char *names = NULL;

    for (request_rec *at = r; at; at = maker_of(at)) {
        if (cloudep_is_guarded(at)) {
            names = names ? apr_pstrcat(r->pool, names, ", ", reads(at), NULL) : reads(at);
        }
    }
    return names;
}

/* An internal redirect has a new environment, and may lead to where no guard is, as an ErrorDocument does. */
static int mark_again(request_rec *r)
{
    if (r->prev && varies_on(r)) {
        keep_out_of_mod_cache(r);
    }
    return DECLINED;
}

/* All lines of a header as one, wherever httpd keeps them; they are taken out. */
static const char *take(request_rec *r, const char *name)
{
    const char *one = apr_table_getm(r->pool, r->headers_out, name);
    const char *other = apr_table_getm(r->pool, r->err_headers_out, name);

    apr_table_unset(r->headers_out, name);
    apr_table_unset(r->err_headers_out, name);
    return one && other ? apr_pstrcat(r->pool, one, ", ", other, NULL) : one ? one : other;
}

/* What would let a shared cache store it: "private" with a list of headers speaks of those headers only. */
static int is_for_shared_caches(const char *directive)
{
    return !strcmp(directive, "public") || !strncmp(directive, "s-maxage", 8) || !strncmp(directive, "private=", 8);
}

static void make_private(request_rec *r)
{
    const char *given = take(r, "Cache-Control");
    const char *kept = NULL;
    const char *directive;
    int strict = 0;

    while (given && (directive = ap_get_list_item(r->pool, &given))) {
        strict |= !strcmp(directive, "private") || !strcmp(directive, "no-store");
        if (!is_for_shared_caches(directive)) {
            kept = kept ? apr_pstrcat(r->pool, kept, ", ", directive, NULL) : directive;
        }
    }
    if (!strict) {
        kept = kept ? apr_pstrcat(r->pool, "private, ", kept, NULL) : "private";
    }
    apr_table_setn(r->headers_out, "Cache-Control", kept);
}

/* Headers that some caches believe more than Cache-Control (RFC 9213; nginx; Edge Architecture Specification). */
static int overrides_cache_control(const char *name)
{
    static const char suffix[] = "-cache-control";
    const size_t length = strlen(name);

    return !strcasecmp(name, "X-Accel-Expires") || !strcasecmp(name, "Surrogate-Control") ||
           !strcasecmp(name, "Edge-Control") ||
           (length >= sizeof(suffix) && !strcasecmp(name + length - (sizeof(suffix) - 1), suffix));
}

static void drop_overriding(apr_table_t *table)
{
    const apr_array_header_t *all = apr_table_elts(table);

    for (int i = all->nelts - 1; i >= 0; i--) {
        const char *name = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;

        if (overrides_cache_control(name)) {
            apr_table_unset(table, name);
            i = all->nelts; /* all lines of that name are gone */
        }
    }
}

/* Runs once, when all headers are there: what proxies, scripts, mod_expires and mod_headers said too. */
static apr_status_t caching_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_remove_output_filter(f);
    make_private(f->r);
    apr_table_mergen(f->r->headers_out, "Vary", f->ctx); /* httpd takes out what is there twice */
    drop_overriding(f->r->headers_out);
    drop_overriding(f->r->err_headers_out);
    return ap_pass_brigade(f->next, bb);
}

static void insert_caching_filter(request_rec *r)
{
    const char *names = r->main ? NULL : varies_on(r);

    if (names) {
        ap_add_output_filter(FILTER_NAME, apr_pstrdup(r->pool, names), r, r->connection);
    }
}

void cloudep_caching_register_hooks(void)
{
    /* Behind mod_headers, mod_deflate and mod_cache, which are of the type CONTENT_SET, and before the head is sent. */
    ap_register_output_filter(FILTER_NAME, caching_filter, NULL, AP_FTYPE_PROTOCOL - 1);
    ap_hook_check_access_ex(mark, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_fixups(mark_again, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_filter(insert_caching_filter, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(insert_caching_filter, NULL, NULL, APR_HOOK_MIDDLE);
}
