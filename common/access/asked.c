/*
 * asked.c - see asked.h.
 */
#include "access/asked.h"

#include <apr_strings.h>
#include "core/request.h"

/* The request that another server asks about; NULL: this one is it. */
static const cloudep_asked_t *other(const request_rec *r)
{
    const cloudep_request_t *state = cloudep_request_seen(r);

    return state ? state->asked : NULL;
}

int cloudep_asks_for_another(const request_rec *r)
{
    return other(r) != NULL;
}

const char *cloudep_named_method(const request_rec *r)
{
    const char *original = apr_table_get(r->headers_in, "X-Original-Method");
    const char *forwarded = apr_table_get(r->headers_in, "X-Forwarded-Method");

    if (original && forwarded && strcmp(original, forwarded) != 0) {
        return "";
    }
    return original ? original : forwarded;
}

void cloudep_ask_for_another(request_rec *r)
{
    cloudep_asked_t *asked = apr_palloc(r->pool, sizeof(*asked));
    const char *path = apr_table_get(r->headers_in, "X-Forwarded-Uri");
    const char *method = cloudep_named_method(r);

    *asked =
        (cloudep_asked_t){method ? method : "", apr_table_get(r->headers_in, "X-Forwarded-Host"), path ? path : "/"};
    cloudep_request(r)->asked = asked;
}

const char *cloudep_asked_method(const request_rec *r)
{
    return other(r) ? other(r)->method : r->method;
}

const char *cloudep_asked_host(const request_rec *r)
{
    return other(r) ? other(r)->host : apr_table_get(r->headers_in, "Host");
}

/* What httpd makes of Host, for the other request too: without a port and the brackets of an IPv6 address. */
const char *cloudep_asked_hostname(const request_rec *r)
{
    char *host = apr_pstrdup(r->pool, r->hostname ? r->hostname : "");
    char *scope;
    apr_port_t port;

    if (other(r) && (!other(r)->host ||
                     apr_parse_addr_port(&host, &scope, &port, other(r)->host, r->pool) != APR_SUCCESS || !host)) {
        return "";
    }
    ap_str_tolower(host);
    return host;
}

/* The path of an absolute form: without what it has before that. */
static const char *without_origin(apr_pool_t *p, const char *sent)
{
    const char *host = *sent == '/' ? NULL : ap_strstr_c(sent, "://");

    if (host) {
        sent = host + 3 + strcspn(host + 3, "/?");
    }
    return *sent == '/' ? sent : apr_pstrcat(p, "/", sent, NULL);
}

const char *cloudep_asked_path(const request_rec *r)
{
    if (other(r)) {
        return without_origin(r->pool, other(r)->path);
    }
    while (r->prev) {
        r = r->prev; /* an internal redirect has an address of its own */
    }
    return without_origin(r->pool, r->unparsed_uri);
}
