/*
 * mod_cloudep_auth.c - /api/v1/auth: the table of its operations, and the module record.
 */
#include "auth.h"

#include <http_config.h>

#define STORED (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_SIGNING)
#define CODES (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_MAIL)
#define SOCIAL                                                                                                         \
    (STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_SOCIAL) /* start and callback alike */

static const cloudep_route_t routes[] = {
    {"POST", "/register", CODES | CLOUDEP_NEEDS_PROVIDER, 0, register_fields, register_start},
    {"POST", "/register/confirm", STORED | CODES | CLOUDEP_NEEDS_PROVIDER, 0, confirm_fields, register_confirm},
    {"POST", "/register/resend", CODES, 0, resend_fields, register_resend},
    {"POST", "/register/resume", CODES, 0, resume_fields, register_resume},
    {"POST", "/register/social/start", SOCIAL, 0, social_register_fields, social_register_start},
    {"GET", "/register/social/callback", SOCIAL, CLOUDEP_ROUTE_QUERY, social_callback_fields, social_register_callback},
    {"POST", "/login", STORED | CLOUDEP_NEEDS_PROVIDER, 0, login_fields, login},
    {"POST", "/login/mfa", STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING, 0, mfa_fields, login_mfa},
    {"POST", "/login/social/start", SOCIAL, 0, social_login_fields, social_login_start},
    {"GET", "/login/social/callback", SOCIAL, CLOUDEP_ROUTE_QUERY, social_callback_fields, social_login_callback},
    {"POST", "/password/forgot", CODES, CLOUDEP_ROUTE_NO_DATABASE, forgot_fields, password_forgot},
    {"POST", "/password/reset", CODES | CLOUDEP_NEEDS_PROVIDER, CLOUDEP_ROUTE_NO_DATABASE, reset_fields,
     password_reset},
    {"POST", "/token/refresh", STORED, CLOUDEP_ROUTE_NO_DATABASE, refresh_fields, token_refresh},
    {"POST", "/token/exchange", STORED | CLOUDEP_NEEDS_EXCHANGE, 0, exchange_fields, token_exchange},
    {"POST", "/logout", CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING,
     CLOUDEP_ROUTE_TOKEN | CLOUDEP_ROUTE_NO_DATABASE, NULL, logout},
    {"GET", "/verify", CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING,
     CLOUDEP_ROUTE_TOKEN | CLOUDEP_ROUTE_NO_DATABASE | CLOUDEP_ROUTE_QUERY, verify_fields, verify},
    {NULL},
};

static const cloudep_api_t api = {
    .handler = "cloudep-auth",
    .prefix = CLOUDEP_AUTH_PREFIX,
    .scope = CLOUDEP_SCOPE_AUTH,
    .missing_scope = CLOUDEP_SCOPE_GATEWAY,
    .routes = routes,
};

static int handler(request_rec *r)
{
    return cloudep_serve(r, &api);
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(jwks_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_auth_module;

AP_DECLARE_MODULE(cloudep_auth) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
