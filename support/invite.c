/*
 * invite.c - invites: codes that let people register, so many times and until then.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include "base/crypto/random.h"
#include "base/text/validate.h"

#define MOST_USES 1000000

static const cloudepctl_column_t columns[] = {{"code", "CODE"},   {"state", "STATE"},        {"uses", "USES"},
                                              {"max_uses", "OF"}, {"expires_at", "EXPIRES"}, {NULL, NULL}};

/* The code that was given, or a new one. */
static int code_of(cloudepctl_t *ctl, const char **invite)
{
    *invite = cloudepctl_option(ctl, "code");
    if (*invite && !cloudep_is_id(*invite)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--code must be 1 to 128 of A-Z, a-z, 0-9, _ and -");
    }
    if (!*invite && cloudep_random_id(invite, ctl->pool) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "the system's source of randomness failed");
    }
    return CLOUDEPCTL_DONE;
}

static int expiry_of(cloudepctl_t *ctl, const char **seconds, const char **at)
{
    const char *text = cloudepctl_option(ctl, "expires");
    apr_status_t rv;

    *seconds = NULL;
    *at = NULL;
    rv = text ? cloudepctl_future(seconds, at, ctl->pool, text) : APR_SUCCESS;
    if (rv == CLOUDEP_EEXPIRED) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--expires is in the past");
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_fail(
            ctl, CLOUDEPCTL_USAGE,
            "--expires must be a duration such as 12h or 7d, or a time such as 2030-01-31T18:00:00Z");
    }
    return CLOUDEPCTL_DONE;
}

static int print_invite(cloudepctl_t *ctl, const cloudep_operator_invite_t *invite, const char *what)
{
    return cloudepctl_print_done(ctl, "invite",
                                 cloudepctl_changed(cloudepctl_json(ctl, &cloudep_operator_invite_record, invite), 1),
                                 "invite %s %s", invite->code, what);
}

static int add(cloudepctl_t *ctl)
{
    const char *tenant;
    const char *code;
    const char *seconds;
    const char *at;
    int uses = 1;
    cloudep_operator_invite_t invite;
    apr_status_t rv;
    int result;

    if ((result = code_of(ctl, &code)) || (result = cloudepctl_option_number(ctl, &uses, "uses", 1, MOST_USES)) ||
        (result = expiry_of(ctl, &seconds, &at)) || (result = cloudepctl_tenant_id(ctl, &tenant))) {
        return result;
    }
    rv = cloudep_operator_invite_add(&ctl->db, ctl->pool, &invite, tenant, code, uses, seconds, at);
    if (rv == CLOUDEP_ECONFLICT) {
        return cloudepctl_is_there(ctl, "invite", code, cloudepctl_own(ctl, json_pack("{s:s}", "code", code)));
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return print_invite(ctl, &invite,
                        apr_psprintf(ctl->pool, "added, good for %d member%s", uses, uses == 1 ? "" : "s"));
}

static const cloudepctl_list_t invites = {
    .name = "invites",
    .columns = columns,
    .record = &cloudep_operator_invite_record,
    .cursor = "code",
    .read = cloudep_operator_invite_list,
};

static int list(cloudepctl_t *ctl)
{
    return cloudepctl_list(ctl, &invites);
}

static int revoke_invite(cloudepctl_t *ctl)
{
    const char *code = cloudepctl_option(ctl, "code");
    const char *tenant;
    cloudep_operator_invite_t invite;
    apr_status_t rv;
    const int result = cloudepctl_tenant_id(ctl, &tenant);

    if (result) {
        return result;
    }
    rv = cloudep_operator_invite_revoke(&ctl->db, ctl->pool, &invite, tenant, code);
    if (rv == APR_NOTFOUND) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "the tenant has no invite %s", code);
    }
    return rv == APR_SUCCESS ? print_invite(ctl, &invite, "revoked") : cloudepctl_database_failed(ctl, rv);
}

static const cloudepctl_option_t add_options[] = {
    CLOUDEPCTL_TENANT_OPTION,
    {"code", "CODE", "what people type in (default: a random one)", 0},
    {"uses", "N", "how many members it is good for (default 1)", 0},
    {"expires", "WHEN", "a duration (30m, 12h, 7d, 2w) or an RFC 3339 time (default: never)", 0},
    CLOUDEPCTL_IF_ABSENT_OPTION,
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t list_options[] = {
    CLOUDEPCTL_TENANT_OPTION, CLOUDEPCTL_PAGE_OPTIONS, {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t revoke_options[] = {
    CLOUDEPCTL_TENANT_OPTION, {"code", "CODE", "the invite", CLOUDEPCTL_REQUIRED}, {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_invite_commands[] = {
    {"invite", "add", "Makes an invite.", add_options, NULL,
     "  cloudepctl invite add --tenant acme --code WELCOME --uses 100 --expires 7d\n", add},
    {"invite", "list", "Lists a tenant's invites by code.", list_options, NULL,
     "  cloudepctl invite list --tenant acme\n", list},
    {"invite", "revoke", "Stops an invite; who has registered with it stays.", revoke_options, NULL,
     "  cloudepctl invite revoke --tenant acme --code WELCOME\n", revoke_invite},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
