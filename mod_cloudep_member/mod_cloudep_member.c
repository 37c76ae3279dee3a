/*
 * mod_cloudep_member.c - /api/v1/members: the handler and the module record.
 */
#include <httpd.h>
#include <http_config.h>
#include "core/start_checks.h"
#include "v1/operations.h"

static const cloudep_api_t v1 = {
    .handler = "cloudep-member",
    .prefix = CLOUDEP_MEMBER_PREFIX,
    .style = &cloudep_v1,
    .operations = member_operations,
};

static int handler(request_rec *r)
{
    return cloudep_serve(r, &v1);
}

static void register_hooks(apr_pool_t *p)
{
    cloudep_handler_register(p, v1.handler);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_member_module;

AP_DECLARE_MODULE(cloudep_member) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
