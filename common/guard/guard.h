/*
 * guard.h - what guard.c, identity.c and require.c share: a Location's settings and the principal found for it.
 */
#ifndef CLOUDEP_GUARD_H
#define CLOUDEP_GUARD_H

#include "core/private.h"

/* Settings of a Directory, Location or Proxy. */
typedef struct cloudep_dir_t {
    int token_optional;
    int identity_headers;
    int strip_token;
    int preflight;
    const char *cookie;          /* name of the cookie that may hold the token, NULL: header only */
    apr_array_header_t *origins; /* from which a request with the cookie may come */
} cloudep_dir_t;

const cloudep_dir_t *cloudep_dir_of(request_rec *r);

/** Whether AuthType CloudEP is in force for the request. */
int cloudep_is_guarded(request_rec *r);

/** The principal of this request, or of the one it was made from; NULL: none was found. */
const cloudep_principal_t *cloudep_guard_principal(request_rec *r);

/** The RFC 6750 error for a 401 or 403 of this request; NULL: it brought no token. */
const char *cloudep_guard_challenge(request_rec *r);

/** The token that a request brings: bearer header, or the Location's cookie; NULL: none. */
const char *cloudep_request_token(request_rec *r);

/** Removes inbound copies of the identity headers, in every spelling that a CGI or a backend would read. */
void cloudep_identity_scrub(request_rec *r);

/** Publishes a principal: environment always, request headers where the Location asks for them. */
void cloudep_identity_publish(request_rec *r, const cloudep_principal_t *principal);

void cloudep_guard_register_hooks(apr_pool_t *p);
void cloudep_require_register(apr_pool_t *p);

const char *cloudep_set_cookie(cmd_parms *cmd, void *dir, const char *name);
const char *cloudep_add_origin(cmd_parms *cmd, void *dir, const char *origin);

#define CLOUDEP_DIR_PLACE(member) ((void *)APR_OFFSETOF(cloudep_dir_t, member))
/* Directives of a Directory, Location or Proxy, for the one command table in config.c. */
#define CLOUDEP_DIR_COMMANDS                                                                                           \
    AP_INIT_FLAG("CloudEPTokenOptional", ap_set_flag_slot, CLOUDEP_DIR_PLACE(token_optional), OR_AUTHCFG,              \
                 "On: a token is verified when there is one, anonymous requests pass (with Require all granted)"),     \
        AP_INIT_FLAG("CloudEPIdentityHeaders", ap_set_flag_slot, CLOUDEP_DIR_PLACE(identity_headers), OR_AUTHCFG,      \
                     "On: tell the backend X-CloudEP-UID, -Tenant, -Session and -AMR"),                                \
        AP_INIT_FLAG("CloudEPStripToken", ap_set_flag_slot, CLOUDEP_DIR_PLACE(strip_token), OR_AUTHCFG,                \
                     "On: remove the token, in Authorization or the cookie, before the request goes on"),              \
        AP_INIT_FLAG("CloudEPPreflight", ap_set_flag_slot, CLOUDEP_DIR_PLACE(preflight), OR_AUTHCFG,                   \
                     "On: let CORS preflights pass without a token"),                                                  \
        AP_INIT_TAKE1("CloudEPTokenCookie", cloudep_set_cookie, NULL, OR_AUTHCFG,                                      \
                      "Name of a cookie that may hold the access token"),                                              \
        AP_INIT_ITERATE("CloudEPTokenOrigin", cloudep_add_origin, NULL, OR_AUTHCFG,                                    \
                        "Origin from which requests with that cookie may come; repeat for several"),
void *cloudep_dir_create(apr_pool_t *p, char *path);
void *cloudep_dir_merge(apr_pool_t *p, void *base, void *add);

#endif
