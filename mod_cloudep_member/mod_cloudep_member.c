/*
 * mod_cloudep_member.c - /api/v1/members: the table of its operations, and the module record.
 */
#include "member.h"

#include <http_config.h>

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)
#define FACTOR (LIVE | CLOUDEP_NEEDS_SEALING)
#define CODES (FACTOR | CLOUDEP_NEEDS_CACHE)
#define EMAIL (CODES | CLOUDEP_NEEDS_MAIL)
#define PHONE (CODES | CLOUDEP_NEEDS_SMS)

#define TOKEN CLOUDEP_ROUTE_TOKEN
#define QUIET (CLOUDEP_ROUTE_TOKEN | CLOUDEP_ROUTE_NO_DATABASE)

static const cloudep_route_t routes[] = {
    {"GET", "/me", LIVE, TOKEN, NULL, profile_get},
    {"PATCH", "/me", LIVE, TOKEN, profile_fields, profile_update},
    {"POST", "/me/verifications/email/start", EMAIL, TOKEN, email_start_fields, email_verification_start},
    {"POST", "/me/verifications/email/confirm", EMAIL, TOKEN, verification_confirm_fields, email_verification_confirm},
    {"POST", "/me/verifications/phone/start", PHONE, TOKEN, phone_start_fields, phone_verification_start},
    {"POST", "/me/verifications/phone/confirm", PHONE, TOKEN, verification_confirm_fields, phone_verification_confirm},
    {"GET", "/me/totp", LIVE, TOKEN, NULL, totp_status},
    {"GET", "/me/totp/qr", FACTOR, TOKEN, NULL, totp_picture},
    {"POST", "/me/totp/enroll-start", FACTOR, QUIET, NULL, totp_enroll_start},
    {"POST", "/me/totp/enroll-confirm", FACTOR, QUIET, totp_confirm_fields, totp_enroll_confirm},
    {"POST", "/me/totp/verify", FACTOR, QUIET, totp_verify_fields, totp_verify},
    {"POST", "/me/totp/backup-codes", FACTOR, QUIET, NULL, totp_backup_codes},
    {"DELETE", "/me/totp", LIVE, TOKEN, NULL, totp_remove},
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
