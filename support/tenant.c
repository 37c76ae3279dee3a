/*
 * tenant.c - tenants: who may register and log in where.
 */
#include "cloudepctl.h"

#include <string.h>
#include "base/text/origin.h"
#include "base/text/validate.h"

/* What stands in a column or a page of somebody; longer ones are a mistake. In characters. */
#define LONGEST_TEXT 200

static const cloudepctl_column_t columns[] = {{"slug", "SLUG"},
                                              {"name", "NAME"},
                                              {"registration", "REGISTRATION"},
                                              {"login", "LOGIN"},
                                              {"redirect_uris", "REDIRECT URIS"},
                                              {NULL, NULL}};

static int check_uris(cloudepctl_t *ctl)
{
    const apr_array_header_t *uris = cloudepctl_option_list(ctl, "redirect-uri");

    for (int i = 0; uris && i < uris->nelts; i++) {
        const char *uri = APR_ARRAY_IDX(uris, i, const char *);

        /* RFC 6749, 3.1.2: absolute, without a fragment. */
        if (!cloudep_is_url(uri) || strchr(uri, '#')) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE,
                                   "--redirect-uri must be an absolute http or https URL without a fragment");
        }
    }
    return CLOUDEPCTL_DONE;
}

static int check_origins(cloudepctl_t *ctl)
{
    const apr_array_header_t *origins = cloudepctl_option_list(ctl, "origin");

    for (int i = 0; origins && i < origins->nelts; i++) {
        const char *fault = cloudep_origin_fault(APR_ARRAY_IDX(origins, i, const char *));

        if (fault) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--origin %s", fault);
        }
    }
    return CLOUDEPCTL_DONE;
}

/* What the options say of a tenant. */
static int described(cloudepctl_t *ctl, cloudep_operator_tenant_change_t *change)
{
    int code;

    if ((code = cloudepctl_check_text(ctl, "name", 0, LONGEST_TEXT)) ||
        (code = cloudepctl_check_text(ctl, "totp-issuer", 1, LONGEST_TEXT)) ||
        (code = cloudepctl_check_text(ctl, "organization", 1, LONGEST_TEXT)) || (code = check_uris(ctl)) ||
        (code = check_origins(ctl)) || (code = cloudepctl_option_switch(ctl, &change->registration, "registration")) ||
        (code = cloudepctl_option_switch(ctl, &change->login, "login")) ||
        (code = cloudepctl_option_switch(ctl, &change->exchange_password, "exchange-password")) ||
        (code = cloudepctl_option_switch(ctl, &change->code_login, "code-login")) ||
        (code = cloudepctl_option_switch(ctl, &change->sms_login, "sms-login")) ||
        (code = cloudepctl_option_switch(ctl, &change->totp_login, "totp-login"))) {
        return code;
    }
    change->slug = cloudepctl_option(ctl, "slug");
    change->name = cloudepctl_option(ctl, "name");
    change->totp_issuer = cloudepctl_option(ctl, "totp-issuer");
    change->organization = cloudepctl_option(ctl, "organization");
    change->add_uris = cloudepctl_option_list(ctl, "redirect-uri");
    change->remove_uris = cloudepctl_option_list(ctl, "remove-redirect-uri");
    change->add_origins = cloudepctl_option_list(ctl, "origin");
    change->remove_origins = cloudepctl_option_list(ctl, "remove-origin");
    return CLOUDEPCTL_DONE;
}

static int unknown(cloudepctl_t *ctl, const char *slug)
{
    return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "no tenant %s", slug);
}

static json_t *tenant_json(cloudepctl_t *ctl, const cloudep_operator_tenant_t *tenant)
{
    return cloudepctl_json(ctl, &cloudep_operator_tenant_record, tenant);
}

static int add(cloudepctl_t *ctl)
{
    cloudep_operator_tenant_change_t change = {0};
    cloudep_operator_tenant_t tenant;
    apr_status_t rv;
    const int code = described(ctl, &change);

    if (code) {
        return code;
    }
    if (!cloudep_is_slug(change.slug)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--slug must be 1 to 63 of a-z, 0-9 and -, and not begin with -");
    }
    rv = cloudep_operator_tenant_add(&ctl->db, ctl->pool, &tenant, &change);
    if (rv == CLOUDEP_ECONFLICT) {
        rv = cloudep_operator_tenant_show(&ctl->db, ctl->pool, &tenant, change.slug);
        return rv == APR_SUCCESS ? cloudepctl_is_there(ctl, "tenant", change.slug, tenant_json(ctl, &tenant))
                                 : cloudepctl_database_failed(ctl, rv);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return cloudepctl_print_done(ctl, "tenant", cloudepctl_changed(tenant_json(ctl, &tenant), 1), "tenant %s added",
                                 tenant.slug);
}

/* Says how many members a change would leave without any way to log in; --yes makes it nevertheless. */
static int check_lock_out(cloudepctl_t *ctl, const cloudep_operator_tenant_change_t *change)
{
    int count = 0;
    apr_status_t rv;

    if (cloudepctl_option(ctl, "yes")) {
        return CLOUDEPCTL_DONE;
    }
    rv = cloudep_operator_tenant_locks_out(&ctl->db, ctl->pool, &count, change);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return count ? cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                                   "%d member%s of %s could not log in by anything else any more: --yes does it "
                                   "nevertheless",
                                   count, count == 1 ? "" : "s", change->slug)
                 : CLOUDEPCTL_DONE;
}

static int print_set(cloudepctl_t *ctl, json_t *before, json_t *tenant, const char *slug)
{
    int changed;

    (void)json_object_set(before, "updated_at", json_object_get(tenant, "updated_at")); /* a second is not exact */
    changed = !json_equal(before, tenant);
    return cloudepctl_print_done(ctl, "tenant", cloudepctl_changed(tenant, changed), "tenant %s %s", slug,
                                 changed ? "changed" : "unchanged");
}

static int set(cloudepctl_t *ctl)
{
    cloudep_operator_tenant_change_t change = {0};
    cloudep_operator_tenant_t before;
    cloudep_operator_tenant_t tenant;
    apr_status_t rv;
    int code = described(ctl, &change);

    if (code) {
        return code;
    }
    if (!change.name && !change.registration && !change.login && !change.totp_issuer && !change.organization &&
        !change.exchange_password && !change.code_login && !change.sms_login && !change.totp_login &&
        !change.add_uris && !change.remove_uris && !change.add_origins && !change.remove_origins) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "nothing to set; see cloudepctl tenant set --help");
    }
    if ((code = check_lock_out(ctl, &change))) {
        return code;
    }
    rv = cloudep_operator_tenant_show(&ctl->db, ctl->pool, &before, change.slug);
    if (rv == APR_SUCCESS) {
        rv = cloudep_operator_tenant_set(&ctl->db, ctl->pool, &tenant, &change);
    }
    if (rv == APR_NOTFOUND) {
        return unknown(ctl, change.slug);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return print_set(ctl, tenant_json(ctl, &before), tenant_json(ctl, &tenant), tenant.slug);
}

static int show(cloudepctl_t *ctl)
{
    const char *slug = cloudepctl_option(ctl, "slug");
    cloudep_operator_tenant_t tenant;
    apr_status_t rv = cloudep_operator_tenant_show(&ctl->db, ctl->pool, &tenant, slug);

    if (rv == APR_NOTFOUND) {
        return unknown(ctl, slug);
    }
    return rv == APR_SUCCESS ? cloudepctl_print_record(ctl, "tenant", tenant_json(ctl, &tenant))
                             : cloudepctl_database_failed(ctl, rv);
}

static const cloudepctl_list_t tenants = {
    .name = "tenants",
    .columns = columns,
    .record = &cloudep_operator_tenant_record,
    .cursor = "slug",
    .read = cloudep_operator_tenant_list,
};

static int list(cloudepctl_t *ctl)
{
    return cloudepctl_list(ctl, &tenants);
}

#define SLUG_OPTION                                                                                                    \
    {                                                                                                                  \
        "slug", "SLUG", "the name that clients send", CLOUDEPCTL_REQUIRED                                              \
    }
#define FIELD_OPTIONS                                                                                                  \
    {"registration", "on|off", "whether new members may register", 0},                                                 \
        {"login", "on|off", "whether members may log in", 0},                                                          \
        {"exchange-password", "on|off", "whether members of token/exchange may have a password, too", 0},              \
        {"code-login", "on|off", "whether members may log in by a code that is sent to them", 0},                      \
        {"sms-login", "on|off", "whether a code that is texted to the login phone logs in", 0},                        \
        {"totp-login", "on|off", "whether a code of the authenticator alone logs in (style \"session\")", 0},          \
        {"redirect-uri", "URL", "allow this redirect URI of a social login", CLOUDEPCTL_REPEATABLE},                   \
        {"origin", "ORIGIN", "allow pages of this origin to call the API (CORS)", CLOUDEPCTL_REPEATABLE},              \
        {"totp-issuer", "TEXT", "the name that authenticator apps show (\"\": the tenant's name)", 0},                 \
    {                                                                                                                  \
        "organization", "ID", "the tenant's organization at the identity provider (\"\": none)", 0                     \
    }

static const cloudepctl_option_t add_options[] = {SLUG_OPTION,
                                                  {"name", "TEXT", "the name that people see", CLOUDEPCTL_REQUIRED},
                                                  FIELD_OPTIONS,
                                                  CLOUDEPCTL_IF_ABSENT_OPTION,
                                                  {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t set_options[] = {
    SLUG_OPTION,
    {"name", "TEXT", "the name that people see", 0},
    FIELD_OPTIONS,
    {"remove-redirect-uri", "URL", "do not allow this redirect URI any more", CLOUDEPCTL_REPEATABLE},
    {"remove-origin", "ORIGIN", "do not allow this origin any more", CLOUDEPCTL_REPEATABLE},
    {"yes", NULL, "also where members are left without any way to log in", 0},
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t show_options[] = {SLUG_OPTION, {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t delete_options[] = {
    SLUG_OPTION, {"yes", NULL, "remove it, and not only say what would be removed", 0}, {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t list_options[] = {CLOUDEPCTL_PAGE_OPTIONS, {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_tenant_commands[] = {
    {"tenant", "add", "Makes a tenant.", add_options, "Registration and login are on unless they are turned off.\n",
     "  cloudepctl tenant add --slug acme --name 'Acme Corporation'\n"
     "  cloudepctl tenant add --slug acme --name Acme --redirect-uri https://app.example.com/callback\n",
     add},
    {"tenant", "set", "Changes what is given and leaves the rest.", set_options, NULL,
     "  cloudepctl tenant set --slug acme --registration off\n", set},
    {"tenant", "show", "Shows one tenant.", show_options, NULL, "  cloudepctl tenant show --slug acme --json\n", show},
    {"tenant", "export", "Prints a tenant with its invites and members as JSON, without what is secret.", show_options,
     NULL, "  cloudepctl tenant export --slug acme >acme.json\n", cloudepctl_tenant_export},
    {"tenant", "delete", "Removes a tenant with all that it has.", delete_options,
     "Without --yes it says what would be removed. With it registration and login are turned off, and all members are\n"
     "deleted as by member delete. A running server removes them, at the identity provider too; once nobody is left, "
     "the\n"
     "same command removes the tenant. As long as something is left to be done its exit code is 7.\n",
     "  cloudepctl tenant delete --slug acme\n  cloudepctl tenant delete --slug acme --yes\n",
     cloudepctl_tenant_delete},
    {"tenant", "list", "Lists tenants by slug.", list_options, NULL, "  cloudepctl tenant list\n", list},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
