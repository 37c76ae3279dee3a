/*
 * watch.c - lockouts and events: who is made to wait, and what happened.
 */
#include "cloudepctl.h"

#include <string.h>

static const cloudepctl_column_t lockout_columns[] = {
    {"key", "KEY"}, {"failures", "FAILURES"}, {"last_at", "LAST"}, {"blocked_until", "BLOCKED UNTIL"}, {NULL, NULL}};
static const cloudepctl_column_t event_columns[] = {
    {"id", "ID"},   {"at", "AT"},         {"name", "EVENT"},      {"outcome", "OUTCOME"}, {"reason", "REASON"},
    {"uid", "UID"}, {"method", "METHOD"}, {"address", "ADDRESS"}, {"count", "COUNT"},     {NULL, NULL}};

/* A bigint has room for 18 digits and more. */
static int is_event_id(const char *text)
{
    return *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text);
}

static const cloudepctl_list_t lockouts = {
    .name = "lockouts",
    .columns = lockout_columns,
    .record = &cloudep_operator_lockout_record,
    .cursor = "key",
    .read = cloudep_operator_lockout_list,
};

static const cloudepctl_list_t events = {
    .name = "events",
    .columns = event_columns,
    .record = &cloudep_operator_event_record,
    .cursor = "id",
    .is_cursor = is_event_id,
    .cursor_name = "an event's id",
    .read = cloudep_operator_event_list,
};

static int list_lockouts(cloudepctl_t *ctl)
{
    return cloudepctl_list(ctl, &lockouts);
}

static int clear_lockouts(cloudepctl_t *ctl)
{
    static const cloudepctl_ending_t ending = {
        .own = "key", .noun = "lockout", .done = "cleared", .end = cloudep_operator_lockout_clear};

    return cloudepctl_end(ctl, &ending);
}

static int list_events(cloudepctl_t *ctl)
{
    return cloudepctl_list(ctl, &events);
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
