/*
 * cookie.h - cookies of our own: kept from everything that is not ours, read, set and removed.
 *
 * They are taken out of the header Cookie before anything else sees a request, guarded or not, and are read here only.
 * Their names begin with "__Host-cloudep" (RFC 6265bis 4.1.3.2: no other host can set them), so they are Secure and
 * Path=/. On a server whose issuer is http on loopback they are called "cloudep..." and are not Secure.
 */
#ifndef CLOUDEP_COOKIE_H
#define CLOUDEP_COOKIE_H

#include <httpd.h>
#include "base/export.h"
#include "core/settings.h"

typedef enum {
    CLOUDEP_COOKIE_SESSION, /* __Host-cloudep */
    CLOUDEP_COOKIE_VISITOR, /* __Host-cloudep-visitor: what XSRF stands on before a login */
    CLOUDEP_COOKIE_PENDING, /* __Host-cloudep-pending: a login that lacks its second factor */
    CLOUDEP_COOKIE_ENTER,   /* __Host-cloudep-enter: what a guard sent to the login page of another host */
    CLOUDEP_COOKIE_ENTERED, /* __Host-cloudep-entered: what was let in a moment ago */
    CLOUDEP_COOKIE_BROWSER, /* __Host-cloudep-browser: who went to a social provider; of that name everywhere */
    CLOUDEP_COOKIE_COUNT
} cloudep_cookie_e;

/** The value that a request brought; NULL: none; "": the cookie is there twice, so nobody knows whose it is. */
CLOUDEP_DECLARE(const char *) cloudep_cookie(request_rec *r, cloudep_cookie_e which);

/**
 * Sets one of our cookies: HttpOnly, SameSite=Lax, Path=/.
 * @param max_age seconds; 0: until the browser is closed
 */
CLOUDEP_DECLARE(void)
cloudep_cookie_set(request_rec *r, cloudep_cookie_e which, const char *value, apr_int64_t max_age);

/** Removes one of our cookies from the browser. */
void cloudep_cookie_remove(request_rec *r, cloudep_cookie_e which);

/** Sets a cookie that scripts of our pages read: CloudEPXSRFCookie. max_age as above; below 0: removes it. */
void cloudep_cookie_set_readable(request_rec *r, const char *name, const char *value, apr_int64_t max_age);

/** What the values of the XSRF cookie begin with, so that those of other programs of that name are left alone. */
#define CLOUDEP_XSRF_MARK "ce1."

void cloudep_cookie_register_hooks(void);

#endif
