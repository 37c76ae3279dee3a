/*
 * xsrf.h - the proof that a page of ours made a browser send a request: a header that only such a page can fill.
 *
 * The token is an HMAC over the tenant and session of the session cookie or, before a login, over a random cookie of
 * its own. A cookie that scripts can read carries it to the page, which sends it in the header CloudEPXSRFHeader. What
 * counts is the header alone; the cookie is never compared with it, so that planting one is of no use.
 */
#ifndef CLOUDEP_XSRF_H
#define CLOUDEP_XSRF_H

#include <httpd.h>
#include "base/export.h"

/** Whether the request has the token of its session cookie, or of its visitor cookie where it has no session cookie. */
int cloudep_xsrf_holds(request_rec *r);

/** Sets the XSRF cookie that the next request needs, and the visitor cookie where that is what it stands on. */
CLOUDEP_DECLARE(apr_status_t) cloudep_xsrf_offer(request_rec *r);

/** Sets the XSRF cookie of a session; max_age in seconds. */
apr_status_t cloudep_xsrf_set_for_session(request_rec *r, const char *tenant_id, const char *session_id, int max_age);

/** Removes the XSRF cookie. */
void cloudep_xsrf_remove(request_rec *r);

#endif
