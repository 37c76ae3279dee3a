/*
 * cors.c - see cors.h.
 */
#include "access/cors.h"

#include <apr_strings.h>
#include "access/mount.h"
#include "access/origin.h"
#include "access/place.h"
#include "core/config.h"
#include "core/request.h"
#include "service/tenant_origins.h"

#define EXPOSED "Retry-After, X-Request-Id, WWW-Authenticate"
#define MAX_AGE "600" /* seconds that a browser asks no more: what it may do then is decided by the answer anyway */

/* The tenant that a request turned out to be for: of whoever asks, of what was asked, or of the Location. */
static int tenant_allows(request_rec *r, const char *origin)
{
    cloudep_context_t *ctx = cloudep_request_context(r);
    const cloudep_principal_t *who = cloudep_request(r)->principal;
    const char *tenant_id = who ? who->tenant_id : ctx->note.tenant_id;

    return cloudep_tenant_lists_origin(ctx, origin, tenant_id, cloudep_mount_tenant(r));
}

/* The origin of the page that made a request, if it is another one and allowed; else NULL. */
static const char *allowed_origin(request_rec *r)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (!origin || !strcmp(origin, "null") || cloudep_is_same_origin(r, origin)) {
        return NULL;
    }
    return cloudep_may_call(r, origin) || tenant_allows(r, origin) ? origin : NULL;
}

/* Browsers say of a request whether it is of the same site, which takes the list of public suffixes to know. */
static int may_bring_cookies(request_rec *r, const char *origin)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    return cloudep_uses_session_cookie(r) && site && !strcmp(site, "same-site") && cloudep_may_call(r, origin);
}

void cloudep_cors_headers(request_rec *r, apr_table_t *headers)
{
    const char *origin = allowed_origin(r);

    apr_table_mergen(headers, "Vary", "Origin");
    if (!origin) {
        return;
    }
    apr_table_setn(headers, "Access-Control-Allow-Origin", origin);
    apr_table_setn(headers, "Access-Control-Expose-Headers", EXPOSED);
    if (may_bring_cookies(r, origin)) {
        apr_table_setn(headers, "Access-Control-Allow-Credentials", "true");
    }
}

void cloudep_cors_preflight(request_rec *r)
{
    const char *methods = apr_table_get(r->headers_out, "Allow");

    if (!methods || !apr_table_get(r->headers_in, "Access-Control-Request-Method") || !allowed_origin(r)) {
        return;
    }
    apr_table_setn(r->headers_out, "Access-Control-Allow-Methods", methods);
    apr_table_setn(r->headers_out, "Access-Control-Allow-Headers",
                   apr_pstrcat(r->pool, "Authorization, Content-Type, Accept-Language, traceparent, ",
                               cloudep_request_context(r)->config->xsrf_header, NULL));
    apr_table_setn(r->headers_out, "Access-Control-Max-Age", MAX_AGE);
}
