/*
 * mod_cloudep_auth.c - /api/v1/auth, the API styles "account" and "session", and the documents below /.well-known:
 * handlers and the module record.
 */
#include <httpd.h>
#include <http_config.h>
#include "core/start_checks.h"
#include "access/mount.h"
#include "account/operations.h"
#include "public_document.h"
#include "session/operations.h"
#include "v1/operations.h"

static const cloudep_api_t v1 = {
    .handler = "cloudep-auth",
    .prefix = CLOUDEP_AUTH_PREFIX,
    .style = &cloudep_v1,
    .operations = auth_operations,
    .cookie_operations = auth_cookie_operations,
};

/* Served by CloudEPServe only, which says where it is. */
static const cloudep_api_t account = {
    .handler = CLOUDEP_ACCOUNT_HANDLER,
    .prefix = "/api/auth",
    .style = &cloudep_account_style,
    .operations = account_operations,
};

static const cloudep_api_t session = {
    .handler = CLOUDEP_SESSION_HANDLER,
    .prefix = "/api/session",
    .style = &cloudep_session_style,
    .operations = session_operations,
};

static int handler(request_rec *r)
{
    return cloudep_serve(r, &v1);
}

static int session_handler(request_rec *r)
{
    return cloudep_serve(r, &session);
}

static int account_handler(request_rec *r)
{
    return cloudep_serve(r, &account);
}

static void register_hooks(apr_pool_t *p)
{
    cloudep_handler_register(p, v1.handler);
    cloudep_handler_register(p, "cloudep-jwks");
    cloudep_handler_register(p, "cloudep-oauth-server");
    cloudep_handler_register(p, "cloudep-webauthn");
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(account_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(session_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(jwks_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(oauth_server_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(webauthn_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_auth_module;

AP_DECLARE_MODULE(cloudep_auth) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
