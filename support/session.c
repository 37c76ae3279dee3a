/*
 * session.c - sessions: who is logged in, and ending it.
 */
#include "cloudepctl.h"

#include "base/text/validate.h"

static const cloudepctl_column_t columns[] = {
    {"id", "ID"},           {"email", "EMAIL"},        {"state", "STATE"},        {"amr", "AMR"},
    {"address", "ADDRESS"}, {"created_at", "CREATED"}, {"expires_at", "EXPIRES"}, {NULL, NULL}};

static int list(cloudepctl_t *ctl)
{
    const int over = cloudepctl_option(ctl, "all") != NULL;
    cloudep_operator_member_t who;
    cloudepctl_page_t page;
    cloudep_rows_t *rows;
    apr_status_t rv;
    const int code = cloudepctl_member_page(ctl, &who, &page);

    if (code) {
        return code;
    }
    if (page.after && !cloudep_is_uuid(page.after)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--after must be a session's id");
    }
    rv = cloudep_operator_session_list(&ctl->db, ctl->pool, &rows, who.tenant_id, who.uid, over, page.after,
                                       page.limit + 1);
    return rv == APR_SUCCESS ? cloudepctl_print_list(ctl, "sessions", columns, rows, &page, "id")
                             : cloudepctl_database_failed(ctl, rv);
}

static int revoke_sessions(cloudepctl_t *ctl)
{
    const char *id = cloudepctl_option(ctl, "id");
    cloudepctl_selection_t which;
    cloudep_rows_t *rows;
    apr_status_t rv;
    int code;

    if (id && !cloudep_is_uuid(id)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--id must be a session's id");
    }
    code = cloudepctl_select(ctl, &which, "id");
    if (code) {
        return code;
    }
    rv = cloudep_operator_session_revoke(&ctl->db, ctl->pool, &rows, which.tenant_id, which.own, which.uid, which.all);
    return rv == APR_SUCCESS ? cloudepctl_print_count(ctl, &which, rows, "session", "ended")
                             : cloudepctl_database_failed(ctl, rv);
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
