/*
 * watch.c - lockouts and events: who is made to wait, and what happened.
 */
#include "cloudepctl.h"

#include <string.h>

static const cloudepctl_column_t lockout_columns[] = {
    {"key", "KEY"}, {"failures", "FAILURES"}, {"last_at", "LAST"}, {"blocked_until", "BLOCKED UNTIL"}, {NULL, NULL}};
static const cloudepctl_column_t event_columns[] = {{"id", "ID"},           {"at", "AT"},           {"name", "EVENT"},
                                                    {"outcome", "OUTCOME"}, {"reason", "REASON"},   {"uid", "UID"},
                                                    {"method", "METHOD"},   {"address", "ADDRESS"}, {NULL, NULL}};

static int list_lockouts(cloudepctl_t *ctl)
{
    const char *tenant;
    cloudepctl_page_t page;
    cloudep_rows_t *rows;
    apr_status_t rv;
    int code = cloudepctl_page(ctl, &page);

    code = code ? code : cloudepctl_tenant_id(ctl, &tenant);
    if (code) {
        return code;
    }
    rv = cloudep_operator_lockout_list(&ctl->db, ctl->pool, &rows, tenant, cloudepctl_option(ctl, "all") != NULL,
                                       page.after, page.limit + 1);
    return rv == APR_SUCCESS ? cloudepctl_print_list(ctl, "lockouts", lockout_columns, rows, &page, "key")
                             : cloudepctl_database_failed(ctl, rv);
}

static int clear_lockouts(cloudepctl_t *ctl)
{
    cloudepctl_selection_t which;
    cloudep_rows_t *rows;
    apr_status_t rv;
    const int code = cloudepctl_select(ctl, &which, "key");

    if (code) {
        return code;
    }
    rv = cloudep_operator_lockout_clear(&ctl->db, ctl->pool, &rows, which.tenant_id, which.own, which.uid, which.all);
    return rv == APR_SUCCESS ? cloudepctl_print_count(ctl, &which, rows, "lockout", "cleared")
                             : cloudepctl_database_failed(ctl, rv);
}

/* A bigint has room for 18 digits and more. */
static int is_event_id(const char *text)
{
    return *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text);
}

static int list_events(cloudepctl_t *ctl)
{
    const char *name = cloudepctl_option(ctl, "name");
    cloudep_operator_member_t who;
    cloudepctl_page_t page;
    cloudep_rows_t *rows;
    apr_status_t rv;
    const int code = cloudepctl_member_page(ctl, &who, &page);

    if (code) {
        return code;
    }
    if (page.after && !is_event_id(page.after)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--after must be an event's id");
    }
    rv = cloudep_operator_event_list(&ctl->db, ctl->pool, &rows, who.tenant_id, who.uid, name, page.after,
                                     page.limit + 1);
    return rv == APR_SUCCESS ? cloudepctl_print_list(ctl, "events", event_columns, rows, &page, "id")
                             : cloudepctl_database_failed(ctl, rv);
}

static const cloudepctl_option_t lockout_options[] = {CLOUDEPCTL_TENANT_OPTION,
                                                      {"all", NULL, "those that do not block any more, too", 0},
                                                      CLOUDEPCTL_PAGE_OPTIONS,
                                                      {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t clear_options[] = {CLOUDEPCTL_TENANT_OPTION,
                                                    {"key", "KEY", "the lockout of this key, or", 0},
                                                    {"uid", "UID", "those of this member, or", 0},
                                                    {"email", "EMAIL", "those of this member, or", 0},
                                                    {"all", NULL, "every lockout of the tenant", 0},
                                                    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t event_options[] = {CLOUDEPCTL_TENANT_OPTION,
                                                    {"uid", "UID", "only this member's", 0},
                                                    {"email", "EMAIL", "only this member's", 0},
                                                    {"name", "NAME", "only events of this name", 0},
                                                    CLOUDEPCTL_PAGE_OPTIONS,
                                                    {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_watch_commands[] = {
    {"lockout", "list", "Lists who has to wait after failures.", lockout_options, NULL,
     "  cloudepctl lockout list --tenant acme\n", list_lockouts},
    {"lockout", "clear", "Forgets failures, so that nobody has to wait for them.", clear_options, NULL,
     "  cloudepctl lockout clear --tenant acme --email ann@example.com\n", clear_lockouts},
    {"event", "list", "Lists what happened, newest first.", event_options, NULL,
     "  cloudepctl event list --tenant acme --email ann@example.com --limit 20\n", list_events},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
