/*
 * origin.h - which site made a browser send a request, by what browsers say of it (Fetch Metadata; RFC 6454).
 *
 * listed: an array of origins (const char *) that count as our own, or NULL.
 */
#ifndef CLOUDEP_ORIGIN_H
#define CLOUDEP_ORIGIN_H

#include <httpd.h>

/** Whether an origin is that of the request: the host and port of its Host, and the scheme of CloudEPIssuer. */
int cloudep_is_same_origin(const request_rec *r, const char *origin);

/**
 * Whether a request may use a cookie at all. One that names an Origin must name ours or a listed one, and one that asks
 * for another protocol (WebSocket) must name one.
 */
int cloudep_may_use_cookie(const request_rec *r, const apr_array_header_t *listed);

/** Whether another site made the browser send it, so that nothing may be done. Not where a browser says neither. */
int cloudep_is_cross_site(const request_rec *r, const apr_array_header_t *listed);

#endif
