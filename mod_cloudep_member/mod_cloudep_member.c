/*
 * mod_cloudep_member.c - /api/v1/members: the table of its operations, and the module record.
 */
#include "member.h"

#include <http_config.h>

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)

static const cloudep_route_t routes[] = {
    {"GET", "/me", LIVE, CLOUDEP_ROUTE_TOKEN, NULL, profile_get},
    {"PATCH", "/me", LIVE, CLOUDEP_ROUTE_TOKEN, profile_fields, profile_update},
    {NULL},
};

static const cloudep_api_t api = {
    .handler = "cloudep-member",
    .prefix = CLOUDEP_MEMBER_PREFIX,
    .scope = CLOUDEP_SCOPE_MEMBER,
    .missing_scope = CLOUDEP_SCOPE_MEMBER,
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
}

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_member_module;

AP_DECLARE_MODULE(cloudep_member) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
