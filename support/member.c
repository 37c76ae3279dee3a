/*
 * member.c - members: looking at them, suspending, resuming and deleting them.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <string.h>
#include "base/text/email.h"
#include "base/text/validate.h"

#define LONGEST_WAIT 3600
/* How often --wait looks, in microseconds. */
#define WAIT_STEP (APR_USEC_PER_SEC / 2)

static const cloudepctl_column_t columns[] = {{"email", "EMAIL"},        {"uid", "UID"},
                                              {"status", "STATUS"},      {"provider", "PROVIDER"},
                                              {"created_at", "CREATED"}, {NULL, NULL}};

int cloudepctl_member_named(cloudepctl_t *ctl, cloudep_operator_member_t *who, int required)
{
    const char *email = cloudepctl_option(ctl, "email");
    const char *reason;

    who->tenant_id = NULL;
    who->uid = cloudepctl_option(ctl, "uid");
    who->email = NULL;
    if ((who->uid && email) || (required && !who->uid && !email)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "name the member by --uid or by --email");
    }
    if (who->uid && !cloudep_is_uuid(who->uid)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--uid must be a UUID");
    }
    if (email && cloudep_normalize_email(&who->email, &reason, email, ctl->pool) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--email %s", reason);
    }
    return cloudepctl_tenant_id(ctl, &who->tenant_id);
}

static int unknown(cloudepctl_t *ctl, const cloudep_operator_member_t *who)
{
    return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the tenant has no member %s", who->uid ? who->uid : who->email);
}

/* The uid of a member of whom only the email is known. */
static int look_up(cloudepctl_t *ctl, cloudep_operator_member_t *who)
{
    cloudep_rows_t *rows;
    apr_status_t rv;

    if (!who->email) {
        return CLOUDEPCTL_DONE;
    }
    rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &rows, who);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    if (rows->count == 0) {
        return unknown(ctl, who);
    }
    who->uid = json_string_value(json_object_get(cloudepctl_row(ctl, rows), "uid"));
    return who->uid ? CLOUDEPCTL_DONE : cloudepctl_fail(ctl, CLOUDEPCTL_DATABASE, "database: a row could not be read");
}

int cloudepctl_member_page(cloudepctl_t *ctl, cloudep_operator_member_t *who, cloudepctl_page_t *page)
{
    int code = cloudepctl_page(ctl, page);

    code = code ? code : cloudepctl_member_named(ctl, who, 0);
    return code ? code : look_up(ctl, who);
}

int cloudepctl_select(cloudepctl_t *ctl, cloudepctl_selection_t *selection, const char *own)
{
    const int member = cloudepctl_option(ctl, "uid") || cloudepctl_option(ctl, "email");
    cloudep_operator_member_t who;
    int code;

    selection->own = cloudepctl_option(ctl, own);
    selection->all = cloudepctl_option(ctl, "all") != NULL;
    if ((selection->own != NULL) + member + selection->all != 1) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "say which: --%s, --uid, --email, or --all of the tenant", own);
    }
    code = cloudepctl_member_named(ctl, &who, 0);
    code = code ? code : look_up(ctl, &who);
    selection->tenant_id = who.tenant_id;
    selection->uid = who.uid;
    return code;
}

static int list(cloudepctl_t *ctl)
{
    static const char *const words[] = {"reserved", "pending", "active", "suspended", "deleting"};
    const char *status = cloudepctl_option(ctl, "status");
    const char *tenant;
    cloudepctl_page_t page;
    cloudep_rows_t *rows;
    apr_status_t rv;
    int known = !status;
    int code = cloudepctl_page(ctl, &page);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        known = known || !strcmp(status, words[i]);
    }
    if (!code && !known) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE,
                               "--status must be reserved, pending, active, suspended or deleting");
    }
    code = code ? code : cloudepctl_tenant_id(ctl, &tenant);
    if (code) {
        return code;
    }
    rv = cloudep_operator_member_list(&ctl->db, ctl->pool, &rows, tenant, status, page.after, page.limit + 1);
    return rv == APR_SUCCESS ? cloudepctl_print_list(ctl, "members", columns, rows, &page, "email")
                             : cloudepctl_database_failed(ctl, rv);
}

static int show(cloudepctl_t *ctl)
{
    cloudep_operator_member_t who;
    cloudep_rows_t *rows;
    apr_status_t rv;
    const int code = cloudepctl_member_named(ctl, &who, 1);

    if (code) {
        return code;
    }
    rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &rows, &who);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return rows->count ? cloudepctl_print_record(ctl, "member", rows) : unknown(ctl, &who);
}

/* Takes the step; *row: what it did. Refused when the member is in a status that it does not begin from. */
static int step(cloudepctl_t *ctl, json_t **row, cloudep_operator_member_t *who, cloudep_operator_member_step_e what,
                const char *target, const char *source)
{
    cloudep_rows_t *rows;
    const char *status;
    apr_status_t rv;
    int ended;
    const int code = cloudepctl_member_named(ctl, who, 1);

    if (code) {
        return code;
    }
    rv = cloudep_operator_member_step(&ctl->db, ctl->pool, &rows, &ended, who, what);
    if (rv == APR_NOTFOUND) {
        return unknown(ctl, who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    *row = cloudepctl_row(ctl, rows);
    (void)json_object_set_new(*row, "sessions_ended", json_integer(ended));
    status = json_string_value(json_object_get(*row, "status"));
    if (!status || strcmp(status, target)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the member is %s, not %s", status ? status : "unreadable",
                               source);
    }
    return CLOUDEPCTL_DONE;
}

static int print_step(cloudepctl_t *ctl, json_t *row, const char *what, const char *hint)
{
    const char *email = json_string_value(json_object_get(row, "email"));
    const int ended = (int)json_integer_value(json_object_get(row, "sessions_ended"));

    return cloudepctl_print_done(ctl, "member", row, "member %s %s%s, %d session%s ended%s", email ? email : "",
                                 json_is_true(json_object_get(row, "changed")) ? "" : "was already ", what, ended,
                                 ended == 1 ? "" : "s", hint);
}

static int suspend(cloudepctl_t *ctl)
{
    cloudep_operator_member_t who;
    json_t *row = NULL;
    const int code = step(ctl, &row, &who, CLOUDEP_OPERATOR_SUSPEND, "suspended", "active");

    return code ? code : print_step(ctl, row, "suspended", "");
}

static int resume(cloudepctl_t *ctl)
{
    cloudep_operator_member_t who;
    json_t *row = NULL;
    const int code = step(ctl, &row, &who, CLOUDEP_OPERATOR_RESUME, "active", "suspended");

    return code ? code : print_step(ctl, row, "active", "");
}

/* Looks until the row is gone or the time is over. *gone: which. */
static int wait_until_gone(cloudepctl_t *ctl, const cloudep_operator_member_t *who, int seconds, int *gone)
{
    const apr_time_t end = apr_time_now() + apr_time_from_sec(seconds);
    apr_pool_t *turn;
    cloudep_rows_t *rows;
    apr_status_t rv;

    *gone = 0;
    apr_pool_create(&turn, ctl->pool);
    for (;;) {
        apr_pool_clear(turn);
        rv = cloudep_operator_member_show(&ctl->db, turn, &rows, who);
        if (rv != APR_SUCCESS) {
            return cloudepctl_database_failed(ctl, rv);
        }
        *gone = rows->count == 0;
        if (*gone || apr_time_now() >= end) {
            return CLOUDEPCTL_DONE;
        }
        apr_sleep(WAIT_STEP);
    }
}

static int delete_member(cloudepctl_t *ctl)
{
    cloudep_operator_member_t who;
    json_t *row = NULL;
    int seconds = 0;
    int gone = 0;
    int code = cloudepctl_option_number(ctl, &seconds, "wait", 1, LONGEST_WAIT);

    code = code ? code : step(ctl, &row, &who, CLOUDEP_OPERATOR_DELETE, "deleting", "there");
    if (code) {
        return code;
    }
    /* Somebody else may register the email again while we wait: the uid is what must go. */
    who.uid = json_string_value(json_object_get(row, "uid"));
    who.email = NULL;
    code = seconds ? wait_until_gone(ctl, &who, seconds, &gone) : CLOUDEPCTL_DONE;
    if (code) {
        return code;
    }
    if (seconds && !gone) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                               "the member is still there after %d seconds: is a server running, and can it reach the "
                               "identity provider?",
                               seconds);
    }
    (void)json_object_set_new(row, "gone", json_boolean(gone));
    return print_step(ctl, row, gone ? "deleted" : "marked for deletion",
                      gone ? "" : "; a running server now removes it at the identity provider and then here");
}

#define MEMBER_OPTIONS                                                                                                 \
    CLOUDEPCTL_TENANT_OPTION, {"uid", "UID", "the member's id, or", 0},                                                \
    {                                                                                                                  \
        "email", "EMAIL", "its email address", 0                                                                       \
    }

static const cloudepctl_option_t list_options[] = {
    CLOUDEPCTL_TENANT_OPTION,
    {"status", "STATUS", "only reserved, pending, active, suspended or deleting ones", 0},
    CLOUDEPCTL_PAGE_OPTIONS,
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t member_options[] = {MEMBER_OPTIONS, {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t delete_options[] = {
    MEMBER_OPTIONS, {"wait", "SECONDS", "wait until the member is gone", 0}, {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_member_commands[] = {
    {"member", "list", "Lists a tenant's members by email.", list_options, NULL,
     "  cloudepctl member list --tenant acme --status suspended --limit 20\n", list},
    {"member", "show", "Shows one member.", member_options, NULL,
     "  cloudepctl member show --tenant acme --email ann@example.com\n", show},
    {"member", "suspend", "Suspends an active member and ends all its sessions at once.", member_options, NULL,
     "  cloudepctl member suspend --tenant acme --email ann@example.com\n", suspend},
    {"member", "resume", "Lets a suspended member in again; it has to log in anew.", member_options, NULL,
     "  cloudepctl member resume --tenant acme --email ann@example.com\n", resume},
    {"member", "delete", "Deletes a member for good and ends all its sessions at once.", delete_options,
     "The member is marked, and its sessions end. A running server then removes the user at the identity provider and\n"
     "after that the row, so that no orphan stays there. --wait watches for that; it fails with 1 when time is up,\n"
     "and the deletion goes on nevertheless.\n",
     "  cloudepctl member delete --tenant acme --uid 3f0c0c8e-5c1f-4b0e-9d2c-2f6f0e1b7a55 --wait 60\n", delete_member},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
