/*
 * session_cookie.h - the session cookie: which session a browser is in, under an HMAC.
 *
 * The value is base64url(kind host tenant session member seq kid) "." base64url(HMAC-SHA256 over that). It is no bearer
 * token and is refused in Authorization. Two kinds:
 *
 *     own    set by a login. seq is the session's refresh_seq: the present one counts, the one before it for
 *            CloudEPRefreshGrace, an older one never, and ends nothing.
 *     guard  set on another host for a session that was handed over. It has no seq, counts in guarded Locations and
 *            by forward auth only, and ends with its session.
 */
#ifndef CLOUDEP_SESSION_COOKIE_H
#define CLOUDEP_SESSION_COOKIE_H

#include <httpd.h>
#include "base/status.h"

typedef enum { CLOUDEP_COOKIE_OWN, CLOUDEP_COOKIE_GUARD } cloudep_cookie_kind_e;

typedef struct cloudep_session_cookie_t {
    cloudep_cookie_kind_e kind;
    const char *tenant_id;
    const char *session_id;
    const char *uid;
    int seq; /* 0 with kind guard */
} cloudep_session_cookie_t;

/**
 * The session cookie that a request brought for this very host, if we made it; whether its session lives is for
 * cloudep_authenticate.
 * @param reason for the log, on failure
 * @return APR_NOTFOUND: there is none; CLOUDEP_EFORGED: it is not ours, of another host, or there twice
 */
apr_status_t cloudep_session_cookie(request_rec *r, cloudep_session_cookie_t *cookie, const char **reason);

/** Sets the cookie for this host. Errors of OpenSSL; CLOUDEP_EUNSET: there is no key, or the request names no host. */
apr_status_t cloudep_session_cookie_set(request_rec *r, const cloudep_session_cookie_t *cookie);

#endif
