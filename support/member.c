/*
 * member.c - members: adding and looking at them, suspending, resuming and deleting them.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <string.h>
#include "base/store/member_store.h"
#include "base/text/json.h"

#define LONGEST_WAIT 3600
/* How often --wait looks, in microseconds. */
#define WAIT_STEP (APR_USEC_PER_SEC / 2)

static const cloudepctl_column_t columns[] = {{"email", "EMAIL"},        {"uid", "UID"},
                                              {"status", "STATUS"},      {"provider", "PROVIDER"},
                                              {"created_at", "CREATED"}, {NULL, NULL}};

static const cloudepctl_list_t members = {
    .name = "members",
    .columns = columns,
    .record = &cloudep_operator_member_record,
    .cursor = "email",
    .read = cloudep_operator_member_list,
};

static int list(cloudepctl_t *ctl)
{
    const char *status = cloudepctl_option(ctl, "status");
    cloudep_member_status_e known;

    if (status && cloudep_member_status_of(&known, status) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE,
                               "--status must be reserved, pending, active, suspended or deleting");
    }
    return cloudepctl_list(ctl, &members);
}

static int show(cloudepctl_t *ctl)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_member_details_t member;
    apr_status_t rv;
    const int code = cloudepctl_member_named(ctl, &who);

    if (code) {
        return code;
    }
    rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &member, &who);
    if (rv == APR_NOTFOUND) {
        return cloudepctl_no_member(ctl, &who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return cloudepctl_print_record(ctl, "member",
                                   cloudepctl_json(ctl, &cloudep_operator_member_details_record, &member));
}

/* What POST /register takes of a display_name. */
#define LONGEST_NAME 100

static int add(cloudepctl_t *ctl)
{
    cloudep_operator_new_member_t new = {.display_name = cloudepctl_option(ctl, "name")};
    cloudep_operator_member_name_t who;
    cloudep_operator_member_details_t member;
    json_t *result;
    apr_status_t added;
    apr_status_t rv;
    int code;

    if ((code = cloudepctl_check_text(ctl, "name", 0, LONGEST_NAME)) ||
        (code = cloudepctl_language(ctl, &new.language)) || (code = cloudepctl_outbox(ctl, &new.outbox)) ||
        (code = cloudepctl_member_named(ctl, &who))) {
        return code;
    }
    new.tenant_id = who.tenant_id;
    new.email = who.email;
    added = cloudep_operator_member_add(&ctl->db, ctl->pool, &new);
    rv = added == CLOUDEP_ECONFLICT ? APR_SUCCESS : added;
    if (rv == APR_SUCCESS) {
        rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &member, &who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    result = cloudepctl_json(ctl, &cloudep_operator_member_details_record, &member);
    return added == CLOUDEP_ECONFLICT
               ? cloudepctl_is_there(ctl, "member", who.email, result)
               : cloudepctl_print_done(ctl, "member", cloudepctl_changed(result, 1),
                                       "member %s added; a running server mails a link to set the password", who.email);
}

/* Takes the step; *done: what it did. Refused when the member is in a status that it does not begin from. */
static int take_step(cloudepctl_t *ctl, cloudep_operator_step_t *done, cloudep_operator_member_name_t *who,
                     cloudep_operator_member_step_e what, cloudep_member_status_e target, const char *source)
{
    apr_status_t rv;
    const int code = cloudepctl_member_named(ctl, who);

    if (code) {
        return code;
    }
    rv = cloudep_operator_member_step(&ctl->db, ctl->pool, done, who, what);
    if (rv == APR_NOTFOUND) {
        return cloudepctl_no_member(ctl, who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    if (strcmp(done->status, cloudep_member_status_name(target))) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the member is %s, not %s", done->status, source);
    }
    return CLOUDEPCTL_DONE;
}

static json_t *step_json(cloudepctl_t *ctl, const cloudep_operator_step_t *done)
{
    return cloudepctl_json(ctl, &cloudep_operator_step_record, done);
}

static int print_step(cloudepctl_t *ctl, const cloudep_operator_step_t *done, json_t *result, const char *what,
                      const char *hint)
{
    return cloudepctl_print_done(ctl, "member", result, "member %s %s%s, %d session%s ended%s", done->email,
                                 done->changed ? "" : "was already ", what, (int)done->sessions_ended,
                                 done->sessions_ended == 1 ? "" : "s", hint);
}

static int suspend(cloudepctl_t *ctl)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_step_t done;
    const int code = take_step(ctl, &done, &who, CLOUDEP_OPERATOR_SUSPEND, CLOUDEP_MEMBER_SUSPENDED,
                               cloudep_member_status_name(CLOUDEP_MEMBER_ACTIVE));

    return code ? code : print_step(ctl, &done, step_json(ctl, &done), "suspended", "");
}

static int resume(cloudepctl_t *ctl)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_step_t done;
    const int code = take_step(ctl, &done, &who, CLOUDEP_OPERATOR_RESUME, CLOUDEP_MEMBER_ACTIVE,
                               cloudep_member_status_name(CLOUDEP_MEMBER_SUSPENDED));

    if (code) {
        return code;
    }
    return cloudepctl_print_done(ctl, "member", step_json(ctl, &done), "member %s %s", done.email,
                                 done.changed ? "is active again and may log in; every session of before is over"
                                              : "was active already; nothing was changed");
}

/* Looks until the row is gone or the time is over. *gone: which. */
static int wait_until_gone(cloudepctl_t *ctl, const cloudep_operator_member_name_t *who, int seconds, int *gone)
{
    const apr_time_t end = apr_time_now() + apr_time_from_sec(seconds);
    cloudep_operator_member_details_t member;
    apr_pool_t *turn;
    apr_status_t rv;

    apr_pool_create(&turn, ctl->pool);
    for (;;) {
        apr_pool_clear(turn);
        rv = cloudep_operator_member_show(&ctl->db, turn, &member, who);
        if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
            return cloudepctl_database_failed(ctl, rv);
        }
        *gone = rv == APR_NOTFOUND;
        if (*gone || apr_time_now() >= end) {
            return CLOUDEPCTL_DONE;
        }
        apr_sleep(WAIT_STEP);
    }
}

static int delete_member(cloudepctl_t *ctl)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_step_t done;
    json_t *result;
    int seconds = 0;
    int gone = 0;
    int code;

    if ((code = cloudepctl_option_number(ctl, &seconds, "wait", 1, LONGEST_WAIT)) ||
        (code = take_step(ctl, &done, &who, CLOUDEP_OPERATOR_DELETE, CLOUDEP_MEMBER_DELETING, "there"))) {
        return code;
    }
    /* Somebody else may register the email again while we wait: the uid is what must go. */
    who.uid = done.uid;
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
    result = step_json(ctl, &done);
    (void)json_object_set_new(result, "gone", json_boolean(gone));
    return print_step(ctl, &done, result, gone ? "deleted" : "marked for deletion",
                      gone ? "" : "; a running server now removes it at the identity provider and then here");
}

typedef apr_status_t reset_fn(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_reset_t *reset,
                              const cloudep_operator_member_name_t *who, const char *outbox);

/* Resets something of the member. Refused when there was nothing to reset: nothing says what is not there. */
static int reset_member(cloudepctl_t *ctl, cloudep_operator_reset_t *done, reset_fn *reset, const char *nothing)
{
    cloudep_operator_member_name_t who;
    const char *outbox;
    apr_status_t rv;
    int code;

    if ((code = cloudepctl_outbox(ctl, &outbox)) || (code = cloudepctl_member_named(ctl, &who))) {
        return code;
    }
    rv = reset(&ctl->db, ctl->pool, done, &who, outbox);
    if (rv == APR_NOTFOUND) {
        return cloudepctl_no_member(ctl, &who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return done->done
               ? CLOUDEPCTL_DONE
               : cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the member is %s and has no %s", done->status, nothing);
}

static int reset_totp(cloudepctl_t *ctl)
{
    cloudep_operator_reset_t done;
    const int code = reset_member(ctl, &done, cloudep_operator_totp_reset, "TOTP");

    return code ? code
                : cloudepctl_print_done(ctl, "member", cloudepctl_json(ctl, &cloudep_operator_reset_record, &done),
                                        "TOTP of %s is off; a running server mails the notice. %d session%s on",
                                        done.email, (int)done.sessions, done.sessions == 1 ? " goes" : "s go");
}

static int reset_password(cloudepctl_t *ctl)
{
    cloudep_operator_reset_t done;
    const int code = reset_member(ctl, &done, cloudep_operator_password_reset, "password here that could be reset");

    return code ? code
                : cloudepctl_print_done(ctl, "member", cloudepctl_json(ctl, &cloudep_operator_reset_record, &done),
                                        "a running server mails %s a link to set a new password", done.email);
}

static int is_attribute_name(const char *name, apr_size_t length)
{
    return length >= 1 && length <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") >= length;
}

/* A value as JSON where it is that (5, true, ["a"], "5"), else as text. */
static json_t *attribute_value(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    return value ? value : json_string(text);
}

/* What --attribute and --remove-attribute say. */
static int described_attributes(cloudepctl_t *ctl, json_t *set)
{
    const apr_array_header_t *given = cloudepctl_option_list(ctl, "attribute");
    const apr_array_header_t *gone = cloudepctl_option_list(ctl, "remove-attribute");

    for (int i = 0; given && i < given->nelts; i++) {
        const char *text = APR_ARRAY_IDX(given, i, const char *);
        const apr_size_t length = strcspn(text, "=");

        if (!text[length] || !is_attribute_name(text, length)) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE,
                                   "--attribute must be NAME=VALUE, the name 1 to 64 of letters, digits, _, . and -");
        }
        (void)json_object_set_new(set, apr_pstrmemdup(ctl->pool, text, length), attribute_value(text + length + 1));
    }
    for (int i = 0; gone && i < gone->nelts; i++) {
        const char *name = APR_ARRAY_IDX(gone, i, const char *);

        if (!is_attribute_name(name, strlen(name))) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--remove-attribute must be the name of an attribute");
        }
    }
    return given || gone ? CLOUDEPCTL_DONE
                         : cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "nothing to set; see cloudepctl member set --help");
}

static int set_member(cloudepctl_t *ctl)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_attributes_t after;
    json_t *set = cloudepctl_own(ctl, json_object());
    apr_status_t rv;
    int code;

    if ((code = described_attributes(ctl, set)) || (code = cloudepctl_member_named(ctl, &who))) {
        return code;
    }
    rv = cloudep_operator_member_attributes(&ctl->db, ctl->pool, &after, &who, cloudep_json_text(set, ctl->pool),
                                            cloudepctl_option_list(ctl, "remove-attribute"));
    if (rv == APR_NOTFOUND) {
        return cloudepctl_no_member(ctl, &who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    if (after.bytes > CLOUDEP_OPERATOR_ATTRIBUTES_MAX) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the attributes would be %d bytes; %d is the most", after.bytes,
                               CLOUDEP_OPERATOR_ATTRIBUTES_MAX);
    }
    return cloudepctl_print_done(ctl, "member", cloudepctl_json(ctl, &cloudep_operator_attributes_record, &after),
                                 "attributes of %s: %s", after.email, after.attributes);
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
static const cloudepctl_option_t add_options[] = {
    CLOUDEPCTL_TENANT_OPTION,
    {"email", "EMAIL", "the address that the member logs in by", CLOUDEPCTL_REQUIRED},
    {"name", "TEXT", "the name that people see", 0},
    {"language", "TAG", "en, zh-TW, ... (default: CloudEPDefaultLanguage)", 0},
    {"outbox", "NAME", "the CloudEPOutbox of the server that mails it (the main server's)", 0},
    CLOUDEPCTL_IF_ABSENT_OPTION,
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t set_options[] = {
    MEMBER_OPTIONS,
    {"attribute", "NAME=VALUE", "set an attribute; the value is JSON or text", CLOUDEPCTL_REPEATABLE},
    {"remove-attribute", "NAME", "remove an attribute", CLOUDEPCTL_REPEATABLE},
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t reset_options[] = {
    MEMBER_OPTIONS,
    {"outbox", "NAME", "the CloudEPOutbox of the server that mails it (the main server's)", 0},
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t delete_options[] = {
    MEMBER_OPTIONS, {"wait", "SECONDS", "wait until the member is gone", 0}, {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_member_commands[] = {
    {"member", "add", "Adds a member, and mails a link to set the password.", add_options,
     "The member needs no invite, and none of what a registration asks for. A running server makes the link and mails\n"
     "it; it is good for seven days and once, and needs CloudEPAccountURL. After that member password-reset asks for\n"
     "another one. A registration of that address that nobody has confirmed gives way; any other member of it stays,\n"
     "and is told as one that exists.\n",
     "  cloudepctl member add --tenant acme --email ann@example.com --name 'Ann Smith' --language en --if-absent\n",
     add},
    {"member", "list", "Lists a tenant's members by email.", list_options, NULL,
     "  cloudepctl member list --tenant acme --status suspended --limit 20\n", list},
    {"member", "show", "Shows one member.", member_options, NULL,
     "  cloudepctl member show --tenant acme --email ann@example.com\n", show},
    {"member", "set", "Sets and removes a member's attributes.", set_options,
     "Members read them in GET /me, and guarded Locations by Require cloudep-attribute and CloudEPIdentityAttribute.\n"
     "What is JSON is kept as that (5, true, [1, 2]), anything else as text; '\"5\"' is the text 5. All attributes of "
     "a\n"
     "member are at most 8192 bytes.\n",
     "  cloudepctl member set --tenant acme --email ann@example.com --attribute tier=pro --attribute machineLimit=5\n"
     "  cloudepctl member set --tenant acme --email ann@example.com --remove-attribute trialEndsAt\n",
     set_member},
    {"member", "suspend", "Suspends an active member and ends all its sessions at once.", member_options, NULL,
     "  cloudepctl member suspend --tenant acme --email ann@example.com\n", suspend},
    {"member", "resume", "Lets a suspended member in again; it has to log in anew.", member_options, NULL,
     "  cloudepctl member resume --tenant acme --email ann@example.com\n", resume},
    {"member", "totp-reset", "Turns a member's TOTP off, for one who has lost it.", reset_options,
     "Authenticator and backup codes go, and wrong codes are forgotten. Make sure that it is the member who asks: "
     "until\n"
     "they enrol again the password alone lets in. The member is told by mail. Sessions go on; if somebody else may "
     "have\n"
     "enrolled it, end them as well with cloudepctl session revoke.\n",
     "  cloudepctl member totp-reset --tenant acme --email ann@example.com\n", reset_totp},
    {"member", "password-reset", "Mails a member a link to set a new password.", reset_options,
     "Only the request is written here. A running server makes the link and mails it; it is good for an hour and "
     "once,\n"
     "and needs CloudEPAccountURL. The password stays until it is used.\n",
     "  cloudepctl member password-reset --tenant acme --email ann@example.com\n", reset_password},
    {"member", "delete", "Deletes a member for good and ends all its sessions at once.", delete_options,
     "The member is marked, and its sessions end. A running server then removes the user at the identity provider and\n"
     "after that the row, so that no orphan stays there. --wait watches for that; it fails with 1 when time is up,\n"
     "and the deletion goes on nevertheless.\n",
     "  cloudepctl member delete --tenant acme --uid 3f0c0c8e-5c1f-4b0e-9d2c-2f6f0e1b7a55 --wait 60\n", delete_member},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
