/*
 * session.c - sessions: who is logged in, and ending it.
 */
#include "cloudepctl.h"

#include "base/text/validate.h"

static const cloudepctl_column_t columns[] = {
    {"id", "ID"},           {"email", "EMAIL"},        {"state", "STATE"},        {"amr", "AMR"},
    {"address", "ADDRESS"}, {"created_at", "CREATED"}, {"expires_at", "EXPIRES"}, {NULL, NULL}};

static int is_session_id(const char *text)
{
    return cloudep_is_uuid(text);
}

static const cloudepctl_list_t sessions = {
    .name = "sessions",
    .columns = columns,
    .record = &cloudep_operator_session_record,
    .cursor = "id",
    .is_cursor = is_session_id,
    .cursor_name = "a session's id",
    .read = cloudep_operator_session_list,
};

static int list(cloudepctl_t *ctl)
{
    return cloudepctl_list(ctl, &sessions);
}

static int revoke_sessions(cloudepctl_t *ctl)
{
    static const cloudepctl_ending_t ending = {
        .own = "id", .noun = "session", .done = "ended", .end = cloudep_operator_session_revoke};
    const char *id = cloudepctl_option(ctl, "id");

    if (id && !is_session_id(id)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--id must be a session's id");
    }
    return cloudepctl_end(ctl, &ending);
}

static const cloudepctl_option_t list_options[] = {CLOUDEPCTL_TENANT_OPTION,
                                                   {"uid", "UID", "only this member's", 0},
                                                   {"email", "EMAIL", "only this member's", 0},
                                                   {"all", NULL, "those that are over, too", 0},
                                                   CLOUDEPCTL_PAGE_OPTIONS,
                                                   {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t revoke_options[] = {CLOUDEPCTL_TENANT_OPTION,
                                                     {"id", "ID", "this session, or", 0},
                                                     {"uid", "UID", "all sessions of this member, or", 0},
                                                     {"email", "EMAIL", "all sessions of this member, or", 0},
                                                     {"all", NULL, "every session of the tenant", 0},
                                                     {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_session_commands[] = {
    {"session", "list", "Lists the live sessions of a tenant or a member.", list_options, NULL,
     "  cloudepctl session list --tenant acme --email ann@example.com\n", list},
    {"session", "revoke", "Ends sessions: their tokens are refused from the next request on.", revoke_options, NULL,
     "  cloudepctl session revoke --tenant acme --email ann@example.com\n"
     "  cloudepctl session revoke --tenant acme --all\n",
     revoke_sessions},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
