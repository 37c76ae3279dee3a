/*
 * origin.c - see origin.h.
 */
#include "access/origin.h"

#include <apr_strings.h>
#include "access/asked.h"
#include "core/config.h"
#include "core/public_url.h"
#include "core/runtime.h"

/* The length of an authority (host, or host:port) without the default port of its scheme. */
static apr_size_t authority_length(const char *authority, int https)
{
    const char *port = https ? ":443" : ":80";
    const apr_size_t length = strlen(authority);
    const apr_size_t port_length = strlen(port);

    return length > port_length && !strcmp(authority + length - port_length, port) ? length - port_length : length;
}

int cloudep_is_same_origin(const request_rec *r, const char *origin)
{
    const char *issuer = cloudep_config_of(r->server)->issuer;
    const char *host = cloudep_asked_host(r);
    const char *colon = origin ? ap_strstr_c(origin, "://") : NULL;
    const char *authority = colon ? colon + 3 : NULL;
    apr_size_t scheme, length;
    int https;

    if (!authority || !host || !issuer) {
        return 0;
    }
    /* A front end may end TLS, so the scheme of the connection says nothing; that of the issuer is the public one. */
    scheme = (apr_size_t)(authority - origin);
    if (strncmp(origin, issuer, scheme) != 0) {
        return 0;
    }
    https = !strncmp(issuer, "https:", 6);
    length = authority_length(authority, https);
    return length == authority_length(host, https) && !strncasecmp(authority, host, length);
}

static int is_listed(const apr_array_header_t *listed, const char *origin)
{
    for (int i = 0; listed && i < listed->nelts; i++) {
        if (!strcmp(origin, APR_ARRAY_IDX(listed, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

static int is_our_own(const request_rec *r, const apr_array_header_t *listed, const char *origin)
{
    return is_listed(listed, origin) || cloudep_is_same_origin(r, origin);
}

int cloudep_may_use_cookie(const request_rec *r, const apr_array_header_t *listed)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    return origin ? is_our_own(r, listed, origin) : !apr_table_get(r->headers_in, "Upgrade");
}

int cloudep_shows_its_site(const request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    return apr_table_get(r->headers_in, "Origin") || (site && (!strcmp(site, "same-origin") || !strcmp(site, "none")));
}

const char *cloudep_own_origin(const request_rec *r)
{
    const char *issuer = cloudep_config_of(r->server)->issuer;
    const char *host = cloudep_asked_host(r);
    const char *scheme = issuer && !strncmp(issuer, "http://", 7) ? "http://" : "https://";
    cloudep_target_t target;

    if (!host || cloudep_target_read(&target, r->pool, apr_pstrcat(r->pool, scheme, host, NULL)) != APR_SUCCESS ||
        strcmp(target.path, "/") != 0) {
        return NULL;
    }
    return target.origin;
}

int cloudep_may_call(const request_rec *r, const char *origin)
{
    return is_listed(cloudep_config_of(r->server)->allow_origins, origin);
}

int cloudep_is_application(const request_rec *r, const char *origin)
{
    return is_listed(cloudep_config_of(r->server)->application_origins, origin);
}

int cloudep_may_send_to(const request_rec *r, cloudep_target_t *target)
{
    const char *own = cloudep_own_origin(r);

    if (!target->origin) {
        target->origin = own;
    }
    if (!target->origin || !strncmp(target->path, CLOUDEP_OWN_PATHS, strlen(CLOUDEP_OWN_PATHS))) {
        return 0;
    }
    return (own && !strcmp(own, target->origin)) || cloudep_is_application(r, target->origin);
}

int cloudep_is_cross_site(const request_rec *r, const apr_array_header_t *listed)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (!site && !origin) {
        return 0;
    }
    if (site && (!strcmp(site, "same-origin") || !strcmp(site, "none"))) {
        return origin && !is_our_own(r, listed, origin);
    }
    return !origin || !is_our_own(r, listed, origin);
}

/* ---- settings ---- */

apr_status_t cloudep_origins_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    (void)s;
    for (int i = 0; config->application_origins && i < config->application_origins->nelts; i++) {
        const char *origin = APR_ARRAY_IDX(config->application_origins, i, const char *);
        const char *fault = cloudep_origin_fault(origin);

        fault = fault ? fault : cloudep_public_url_fault(pconf, origin); /* cookies go there */
        if (fault) {
            *error = apr_pstrcat(pconf, "CloudEPApplicationOrigin ", origin, ": it ", fault, NULL);
            return CLOUDEP_EMALFORMED;
        }
    }
    for (int i = 0; config->allow_origins && i < config->allow_origins->nelts; i++) {
        const char *origin = APR_ARRAY_IDX(config->allow_origins, i, const char *);
        const char *fault = cloudep_origin_fault(origin);

        if (fault) {
            *error = apr_pstrcat(pconf, "CloudEPAllowOrigin ", origin, ": it ", fault, NULL);
            return CLOUDEP_EMALFORMED;
        }
    }
    return APR_SUCCESS;
}
