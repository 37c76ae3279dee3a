/*
 * operator_member_store.c - the operator's statements on members and their sessions.
 */
#include <apr_strings.h>
#include "base/store/operator_store.h"
#include "base/store/sql.h"
#include "base/store/statements.h"
#include "base/store/totp_store.h"

#define MEMBER(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_member_t, kind, name)
static const cloudep_column_t member_columns[] = {CLOUDEP_OPERATOR_MEMBER_COLUMNS(MEMBER, MEMBER, "")};
const cloudep_record_t cloudep_operator_member_record = CLOUDEP_RECORD(cloudep_operator_member_t, member_columns);

#define DETAILS(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_member_details_t, kind, name)
static const cloudep_column_t details_columns[] = {CLOUDEP_OPERATOR_MEMBER_DETAILS_COLUMNS(DETAILS, DETAILS, "")};
const cloudep_record_t cloudep_operator_member_details_record =
    CLOUDEP_RECORD(cloudep_operator_member_details_t, details_columns);

#define STEP(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_step_t, kind, name)
static const cloudep_column_t step_columns[] = {CLOUDEP_OPERATOR_STEP_COLUMNS(STEP, STEP, "", "")};
const cloudep_record_t cloudep_operator_step_record = CLOUDEP_RECORD(cloudep_operator_step_t, step_columns);

#define SESSION(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_session_t, kind, name)
static const cloudep_column_t session_columns[] = {CLOUDEP_OPERATOR_SESSION_COLUMNS(SESSION, SESSION, "", "")};
const cloudep_record_t cloudep_operator_session_record = CLOUDEP_RECORD(cloudep_operator_session_t, session_columns);

#define RESET(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_reset_t, kind, name)
static const cloudep_column_t reset_columns[] = {CLOUDEP_OPERATOR_RESET_COLUMNS(RESET, RESET, "", "")};
const cloudep_record_t cloudep_operator_reset_record = CLOUDEP_RECORD(cloudep_operator_reset_t, reset_columns);

#define ATTRIBUTE(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_attributes_t, kind, name)
static const cloudep_column_t attributes_columns[] = {CLOUDEP_OPERATOR_ATTRIBUTES_COLUMNS(ATTRIBUTE, ATTRIBUTE, "")};
const cloudep_record_t cloudep_operator_attributes_record =
    CLOUDEP_RECORD(cloudep_operator_attributes_t, attributes_columns);

enum {
    END_OF_MEMBER = CLOUDEP_OPERATOR_DELETE + 1,
    TOTP_RESET,
    PASSWORD_RESET,
    ATTRIBUTES,
    MEMBER_ADD,
    MEMBER_LIST,
    MEMBER_SHOW,
    SESSION_LIST,
    SESSION_REVOKE,
    RAISE_MEMBERS,
    END_OF_MEMBERS
};

/* clang-format off */

/*
 * A member in one of the statuses from goes to the status to, and no session of before is good any more; nor where it was
 * there already: a login that ran beside the first time may have left one. END_OF_MEMBER comes after it, in the same
 * transaction.
 */
#define CHANGE_STATUS(from, to, ends) \
    "WITH before AS (" \
    "  SELECT tenant_id, uid, email, status, status IN (" from ") AS changes" \
    "  FROM cloudep.members" \
    "  WHERE tenant_id = %s::uuid" \
    "    AND (uid = %s::uuid OR email = %s)" \
    "  FOR UPDATE" \
    "), changed AS (" \
    "  UPDATE cloudep.members AS member" \
    "  SET " CLOUDEP_SQL_RAISE_AND_END("member") "," \
    "      status = CASE WHEN before.changes THEN " to " ELSE member.status END," \
    "      updated_at = CASE WHEN before.changes THEN now() ELSE member.updated_at END" \
    "  FROM before" \
    "  WHERE member.tenant_id = before.tenant_id" \
    "    AND member.uid = before.uid" \
    "    AND before.status IN (" ends ")" \
    ")" \
    " SELECT " CLOUDEP_OPERATOR_STEP_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "before", to) \
    " FROM before"

/*
 * A mail to each row of source, whose text a worker of given.outbox makes (outbox/request.h), and an event. lifetime:
 * an interval; name: the event's. All are SQL texts.
 */
#define TELL(source, template, lifetime, name) \
    "mail AS (" \
    "  INSERT INTO cloudep.outbox (tenant_id, uid, outbox, channel, target, language, template, expires_at)" \
    "  SELECT " source ".tenant_id, " source ".uid, given.outbox, 'mail', " source ".email, " source ".language," \
    "         '" template "', now() + interval " lifetime \
    "  FROM " source ", given" \
    "), event AS (" \
    "  INSERT INTO cloudep.events (tenant_id, uid, name, outcome, method)" \
    "  SELECT " source ".tenant_id, " source ".uid, " name ", 'done', 'cloudepctl'" \
    "  FROM " source \
    ")"

static const cloudep_statement_t statements[] = {
    [CLOUDEP_OPERATOR_SUSPEND] = {
        .label = "operator_member_suspend",
        .sql = CHANGE_STATUS("'active'", "'suspended'", "'active', 'suspended'"),
    },
    /* Nobody can have logged in since, so a session that lives here slipped through the suspension. */
    [CLOUDEP_OPERATOR_RESUME] = {
        .label = "operator_member_resume",
        .sql = CHANGE_STATUS("'suspended'", "'active'", "'suspended'"),
    },
    [CLOUDEP_OPERATOR_DELETE] = {
        .label = "operator_member_delete",
        .sql = CHANGE_STATUS("'reserved', 'pending', 'active', 'suspended'", "'deleting'",
                             "'reserved', 'pending', 'active', 'suspended', 'deleting'"),
    },
    [END_OF_MEMBER] = {
        .label = "operator_member_end_sessions",
        .sql =
            "WITH " CLOUDEP_SQL_END_SESSIONS("member.tenant_id = %s::uuid AND (member.uid = %s::uuid OR member.email = %s)")
            " SELECT count(*) FROM ended WHERE over",
    },
    [TOTP_RESET] = {
        .label = "operator_totp_reset",
        .sql =
            "WITH found AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE("member")
            "  WHERE member.tenant_id = %s::uuid"
            "    AND (member.uid = %s::uuid OR member.email = %s)"
            "  RETURNING member.tenant_id, member.uid, member.email, member.language, member.status"
            "), given AS ("
            "  SELECT %s::text AS outbox"
            "), before AS ("
            "  SELECT totp.tenant_id, totp.uid, found.email, found.language, totp.enrolled_at IS NOT NULL AS enrolled"
            "  FROM found"
            "  JOIN cloudep.totp AS totp"
            "    ON totp.tenant_id = found.tenant_id"
            "    AND totp.uid = found.uid"
            "  FOR UPDATE OF totp"
            "), " CLOUDEP_SQL_CLEAR_TOTP("before", "") ", proofs AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET mfa_at = NULL, mfa_method = NULL"
            "  FROM before"
            "  WHERE session.tenant_id = before.tenant_id"
            "    AND session.uid = before.uid"
            "    AND session.mfa_at IS NOT NULL"
            "    AND session.opened_with IS DISTINCT FROM '" CLOUDEP_OPENED_TOTP "'"
            "), ended AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET revoked_at = now(), revoke_reason = 'authenticator removed'"
            "  FROM before"
            "  WHERE session.tenant_id = before.tenant_id"
            "    AND session.uid = before.uid"
            "    AND session.opened_with = '" CLOUDEP_OPENED_TOTP "'"
            "    AND " CLOUDEP_SQL_LIVE("session")
            "), unlocked AS (" CLOUDEP_SQL_FORGET_FAILURES(CLOUDEP_BUDGET_FACTOR, "found")
            "), reset AS ("
            "  SELECT tenant_id, uid, email, language"
            "  FROM before"
            "  WHERE enrolled"
            "), " TELL("reset", CLOUDEP_TEMPLATE_TOTP_RESET, "'3 days'", "'operator.member.totp-reset'")
            " SELECT " CLOUDEP_OPERATOR_RESET_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "found", "reset")
            " FROM found",
    },
    [PASSWORD_RESET] = {
        .label = "operator_password_reset",
        .sql =
            "WITH found AS ("
            "  SELECT tenant_id, uid, email, language, status, origin, has_password, password_due"
            "  FROM cloudep.members"
            "  WHERE tenant_id = %s::uuid"
            "    AND (uid = %s::uuid OR email = %s)"
            "), given AS ("
            "  SELECT %s::text AS outbox"
            "), reset AS ("
            "  SELECT tenant_id, uid, email, language"
            "  FROM found"
            "  WHERE status = 'active'"
            "    AND (" CLOUDEP_SQL_HAS_PASSWORD("found") " OR password_due)"
            "), " TELL("reset", CLOUDEP_TEMPLATE_RESET_LINK, "'1 day'", "'operator.member.password-reset'")
            " SELECT " CLOUDEP_OPERATOR_RESET_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "found", "reset")
            " FROM found",
    },
    [ATTRIBUTES] = {
        .label = "operator_member_attributes",
        .sql =
            "WITH after AS ("
            "  SELECT tenant_id, uid, email, (coalesce(attributes, '{}') || %s::jsonb) - %s::text[] AS attributes"
            "  FROM cloudep.members"
            "  WHERE tenant_id = %s::uuid"
            "    AND (uid = %s::uuid OR email = %s)"
            "  FOR UPDATE"
            "), changed AS ("
            "  UPDATE cloudep.members AS member"
            "  SET attributes = after.attributes, updated_at = now()"
            "  FROM after"
            "  WHERE member.tenant_id = after.tenant_id"
            "    AND member.uid = after.uid"
            "    AND octet_length(after.attributes::text) <= %s::integer"
            ")"
            " SELECT " CLOUDEP_OPERATOR_ATTRIBUTES_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "after")
            " FROM after",
        .repeatable = 1,
    },
    /*
     * Whoever has an organization has its members at ZITADEL, which gets the user with the first password. The
     * condition on "replaced" is always true: it has a registration lose the email before it is taken.
     */
    [MEMBER_ADD] = {
        .label = "operator_member_add",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::text AS email, %s::text AS display_name, %s::text AS language,"
            "         %s::text AS outbox"
            "), replaced AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_REPLACE_PENDING("member")
            "  FROM given"
            "  WHERE member.tenant_id = given.tenant_id"
            "    AND member.email = given.email"
            "    AND " CLOUDEP_SQL_IS_REPLACEABLE("member")
            "  RETURNING member.uid"
            "), added AS ("
            "  INSERT INTO cloudep.members (tenant_id, uid, email, display_name, language, status, activated_at,"
            "                               provider, has_password, password_due)"
            "  SELECT tenant.id, gen_random_uuid(), given.email, given.display_name, given.language, 'active', now(),"
            "         CASE WHEN tenant.organization IS NULL THEN 'local' ELSE 'zitadel' END, false, true"
            "  FROM given"
            "  JOIN cloudep.tenants AS tenant"
            "    ON tenant.id = given.tenant_id"
            "  WHERE (SELECT count(*) FROM replaced) >= 0"
            "  RETURNING tenant_id, uid, email, language"
            "), " TELL("added", CLOUDEP_TEMPLATE_INVITATION, "'7 days'", "'operator.member.add'")
            " SELECT uid FROM added",
    },
    [MEMBER_LIST] = {
        .label = "operator_member_list",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_MEMBER_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "member")
            " FROM cloudep.members AS member"
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.status = coalesce(%s, member.status)"
            "   AND member.reserved_by IS NULL"
            "   AND member.email > coalesce(%s, '')"
            " ORDER BY member.email"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [MEMBER_SHOW] = {
        .label = "operator_member_show",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_MEMBER_DETAILS_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "member")
            " FROM cloudep.members AS member"
            " WHERE member.tenant_id = %s::uuid"
            "   AND (member.uid = %s::uuid OR member.email = %s)",
        .repeatable = 1,
    },
    [SESSION_LIST] = {
        .label = "operator_session_list",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_SESSION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL,
                                                        "session", "member")
            " FROM cloudep.sessions AS session"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            " WHERE session.tenant_id = %s::uuid"
            "   AND session.uid = coalesce(%s::uuid, session.uid)"
            "   AND (%s::boolean OR (" CLOUDEP_SQL_LIVE("session")
            "        AND " CLOUDEP_SQL_CURRENT("session", "member") "))"
            "   AND (%s IS NULL OR session.id > %s::uuid)"
            " ORDER BY session.id"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [SESSION_REVOKE] = {
        .label = "operator_session_revoke",
        .sql =
            "WITH ended AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET revoked_at = now(), revoke_reason = 'operator'"
            "  WHERE session.tenant_id = %s::uuid"
            "    AND session.id = %s::uuid"
            "    AND " CLOUDEP_SQL_LIVE("session")
            "  RETURNING session.id"
            ")"
            " SELECT count(*) FROM ended",
        .repeatable = 1,
    },
    /* Of all members those who have a session: whoever logs in beside this is not to be kept out. */
    [RAISE_MEMBERS] = {
        .label = "operator_members_raise",
        .sql =
            "WITH raised AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE_AND_END("member")
            "  WHERE member.tenant_id = %s::uuid"
            "    AND (member.uid = %s::uuid OR (%s::boolean AND EXISTS ("
            "      SELECT FROM cloudep.sessions AS session"
            "      WHERE session.tenant_id = member.tenant_id"
            "        AND session.uid = member.uid"
            "        AND " CLOUDEP_SQL_LIVE("session") " AND " CLOUDEP_SQL_CURRENT("session", "member")
            "    )))"
            "  RETURNING member.uid"
            ")"
            " SELECT count(*) FROM raised",
    },
    [END_OF_MEMBERS] = {
        .label = "operator_members_end_sessions",
        .sql =
            "WITH " CLOUDEP_SQL_END_SESSIONS("member.tenant_id = %s::uuid AND (member.uid = %s::uuid OR %s::boolean)")
            " SELECT count(*) FROM ended WHERE over",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_operator_member_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_operator_member_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                          const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(
        list, p, db, &cloudep_operator_member_record, &statements[MEMBER_LIST],
        CLOUDEP_ARGS(filter->tenant_id, filter->status, filter->after, apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_member_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_operator_new_member_t *member)
{
    return cloudep_db_run_one(
        db, p, NULL, &statements[MEMBER_ADD],
        CLOUDEP_ARGS(member->tenant_id, member->email, member->display_name, member->language, member->outbox));
}

apr_status_t cloudep_operator_member_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_member_details_t *member,
                                          const cloudep_operator_member_name_t *who)
{
    return cloudep_record_one(member, p, db, &cloudep_operator_member_details_record, &statements[MEMBER_SHOW],
                              CLOUDEP_ARGS(who->tenant_id, who->uid, who->email));
}

apr_status_t cloudep_operator_member_step(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_step_t *step,
                                          const cloudep_operator_member_name_t *who,
                                          cloudep_operator_member_step_e what)
{
    static const char *const reasons[] = {[CLOUDEP_OPERATOR_SUSPEND] = "member suspended",
                                          [CLOUDEP_OPERATOR_RESUME] = "member suspended",
                                          [CLOUDEP_OPERATOR_DELETE] = "member deleted"};
    cloudep_step_t steps[] = {
        {.st = &statements[what], .args = CLOUDEP_ARGS(who->tenant_id, who->uid, who->email)},
        {.st = &statements[END_OF_MEMBER],
         .args = CLOUDEP_ARGS(NULL, reasons[what], who->tenant_id, who->uid, who->email)},
    };
    apr_status_t rv = cloudep_db_transact(db, p, steps, 2);

    if (rv == APR_SUCCESS) {
        cloudep_record_read(step, p, &cloudep_operator_step_record, steps[0].rows, 0, 0);
        step->sessions_ended = apr_atoi64(cloudep_cell(steps[1].rows, 0, 0));
    }
    return rv;
}

apr_status_t cloudep_operator_totp_reset(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_reset_t *reset,
                                         const cloudep_operator_member_name_t *who, const char *outbox)
{
    return cloudep_record_one(reset, p, db, &cloudep_operator_reset_record, &statements[TOTP_RESET],
                              CLOUDEP_ARGS(who->tenant_id, who->uid, who->email, outbox));
}

apr_status_t cloudep_operator_password_reset(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_reset_t *reset,
                                             const cloudep_operator_member_name_t *who, const char *outbox)
{
    return cloudep_record_one(reset, p, db, &cloudep_operator_reset_record, &statements[PASSWORD_RESET],
                              CLOUDEP_ARGS(who->tenant_id, who->uid, who->email, outbox));
}

apr_status_t cloudep_operator_member_attributes(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_attributes_t *after,
                                                const cloudep_operator_member_name_t *who, const char *set,
                                                const apr_array_header_t *remove)
{
    return cloudep_record_one(after, p, db, &cloudep_operator_attributes_record, &statements[ATTRIBUTES],
                              CLOUDEP_ARGS(set, cloudep_arg_list(p, remove), who->tenant_id, who->uid, who->email,
                                           apr_itoa(p, CLOUDEP_OPERATOR_ATTRIBUTES_MAX)));
}

apr_status_t cloudep_operator_session_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                           const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_session_record, &statements[SESSION_LIST],
                               CLOUDEP_ARGS(filter->tenant_id, filter->uid, cloudep_arg_boolean(filter->over),
                                            filter->after, filter->after, apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_session_revoke(cloudep_db_t *db, apr_pool_t *p, int *count,
                                             const cloudep_operator_selection_t *selection)
{
    const char *all = cloudep_arg_boolean(selection->all);
    cloudep_step_t steps[] = {
        {.st = &statements[RAISE_MEMBERS], .args = CLOUDEP_ARGS(selection->tenant_id, selection->uid, all)},
        {.st = &statements[END_OF_MEMBERS],
         .args = CLOUDEP_ARGS(NULL, "operator", selection->tenant_id, selection->uid, all)},
    };
    apr_status_t rv;

    if (selection->own) {
        return cloudep_db_number(count, p, db, &statements[SESSION_REVOKE],
                                 CLOUDEP_ARGS(selection->tenant_id, selection->own));
    }
    rv = cloudep_db_transact(db, p, steps, 2);
    *count = rv == APR_SUCCESS ? (int)apr_atoi64(cloudep_cell(steps[1].rows, 0, 0)) : 0;
    return rv;
}
