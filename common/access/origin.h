/*
 * origin.h - which site made a browser send a request, by what browsers say of it (Fetch Metadata; RFC 6454).
 *
 * listed: an array of origins (const char *) that count as our own, or NULL.
 */
#ifndef CLOUDEP_ORIGIN_H
#define CLOUDEP_ORIGIN_H

#include <httpd.h>
#include "base/export.h"
#include "base/text/origin.h"
#include "core/settings.h"

/** What paths of ours on every host begin with. */
#define CLOUDEP_OWN_PATHS "/.cloudep/"

/** Whether an origin is that of the request: the host and port of its Host, and the scheme of CloudEPIssuer. */
int cloudep_is_same_origin(const request_rec *r, const char *origin);

/**
 * Whether a request may use a cookie at all. One that names an Origin must name ours or a listed one, and one that asks
 * for another protocol (WebSocket) must name one.
 */
int cloudep_may_use_cookie(const request_rec *r, const apr_array_header_t *listed);

/**
 * Whether a request that changes something, or may, shows that a page of ours made it: it names an Origin, which
 * cloudep_may_use_cookie has looked at, or says that it is of the same origin. For where nobody asks for an XSRF token.
 */
int cloudep_shows_its_site(const request_rec *r);

/**
 * The origin that a request was sent to, as browsers write it: the scheme of CloudEPIssuer, as a front end may end TLS,
 * with the host and port of its Host. NULL: it names none that can be one.
 */
const char *cloudep_own_origin(const request_rec *r);

/** Whether an origin is one of CloudEPAllowOrigin. */
int cloudep_may_call(const request_rec *r, const char *origin);

/** Whether an origin is one of CloudEPApplicationOrigin. */
int cloudep_is_application(const request_rec *r, const char *origin);

/**
 * Whether a browser may be sent to an address: it is of the request's own origin, which is filled in where the address
 * names none, or of one of CloudEPApplicationOrigin. Never to where a handoff is taken up.
 */
int cloudep_may_send_to(const request_rec *r, cloudep_target_t *target);

/** Whether another site made the browser send it, so that nothing may be done. Not where a browser says neither. */
int cloudep_is_cross_site(const request_rec *r, const apr_array_header_t *listed);

/** Refuses what cannot be an origin in CloudEPApplicationOrigin and CloudEPAllowOrigin; the prepare of a part
 * (core/parts.h). */
apr_status_t cloudep_origins_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

#endif
