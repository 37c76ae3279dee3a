/*
 * member_store.c - members' rows, and a registration's steps.
 */
#include "base/store/member_store.h"

#include <apr_strings.h>
#include <string.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

#define MEMBER(kind, name, sql) CLOUDEP_COLUMN(cloudep_member_t, kind, name)
static const cloudep_column_t member_columns[] = {CLOUDEP_MEMBER_COLUMNS(MEMBER, MEMBER, "", "")};
static const cloudep_record_t member_record = CLOUDEP_RECORD(cloudep_member_t, member_columns);

#define UNFINISHED(kind, name, sql) CLOUDEP_COLUMN(cloudep_unfinished_t, kind, name)
static const cloudep_column_t unfinished_columns[] = {CLOUDEP_UNFINISHED_COLUMNS(UNFINISHED, UNFINISHED, "", "")};
static const cloudep_record_t unfinished_record = CLOUDEP_RECORD(cloudep_unfinished_t, unfinished_columns);

#define STATUS(name, word) [CLOUDEP_MEMBER_##name] = (word),
static const char *const status_words[] = {CLOUDEP_MEMBER_STATUSES(STATUS)};

enum { BY_UID, BY_LOGIN_PHONE, BY_EMAIL, RESERVE, ACTIVATE, LEAVE, ABANDON, PURGE, CLAIM_UNFINISHED, UPDATE_PROFILE };

/* clang-format off */

/* Of UPDATE_PROFILE: "" clears, NULL leaves. */
#define CHANGED(column) \
    column " = CASE WHEN given." column " IS NULL THEN member." column " ELSE nullif(given." column ", '') END"

static const cloudep_statement_t statements[] = {
    [BY_UID] = {
        .label = "member_by_uid",
        .sql =
            "SELECT " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.members AS member"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid",
        .repeatable = 1,
    },
    [BY_LOGIN_PHONE] = {
        .label = "member_by_login_phone",
        .sql =
            "SELECT " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.members AS member"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.login_phone = %s",
        .repeatable = 1,
    },
    [BY_EMAIL] = {
        .label = "member_by_email",
        .sql =
            "SELECT " CLOUDEP_SQL_TENANT("tenant") ", " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.tenants AS tenant"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = tenant.id"
            "   AND member.email = %s"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE tenant.slug = %s",
        .repeatable = 1,
    },
    /* A unique violation undoes the whole statement, the invite's use with it. */
    [RESERVE] = {
        .label = "member_reserve",
        .sql =
            "WITH applicant AS (" CLOUDEP_SQL_APPLICANT
            "), invite AS (" CLOUDEP_SQL_USE_INVITE("applicant") ")"
            " " CLOUDEP_SQL_INSERT_MEMBER("applicant", "invite", "'reserved'", "NULL",
                                          "ARRAY[applicant.uid]"),
    },
    [ACTIVATE] = {
        .label = "member_activate",
        .sql =
            "WITH member AS ("
            "  UPDATE cloudep.members"
            "  SET status = 'active', activated_at = now(), updated_at = now()"
            "  WHERE tenant_id = %s::uuid"
            "    AND uid = %s::uuid"
            "    AND status = 'pending'"
            "    AND provider_uids IS NULL"
            "  RETURNING tenant_id, uid, generation"
            "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("member") ")"
            " SELECT " CLOUDEP_SQL_SESSION("opened")
            " FROM opened",
    },
    [LEAVE] = {
        .label = "member_leave",
        .sql =
            "WITH member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE_AND_END("member") ","
            "      status = 'deleting',"
            "      updated_at = now()"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND member.status = 'active'"
            "  RETURNING member.tenant_id, member.uid"
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("member") ")"
            " SELECT uid FROM member",
    },
    [ABANDON] = {
        .label = "member_abandon",
        .sql =
            "UPDATE cloudep.members"
            " SET status = 'deleting', updated_at = now()"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND status IN ('reserved', 'deleting')"
            " RETURNING uid",
        .repeatable = 1,
    },
    [PURGE] = {
        .label = "member_purge",
        .sql =
            "WITH member AS ("
            "  DELETE FROM cloudep.members"
            "  WHERE tenant_id = %s::uuid"
            "    AND uid = %s::uuid"
            "    AND status = 'deleting'"
            "  RETURNING tenant_id, uid, invite_id, activated_at"
            "), ended AS ("
            "  DELETE FROM cloudep.sessions AS session"
            "  USING member"
            "  WHERE session.tenant_id = member.tenant_id"
            "    AND session.uid = member.uid"
            "), message AS ("
            "  DELETE FROM cloudep.outbox AS message"
            "  USING member"
            "  WHERE message.tenant_id = member.tenant_id"
            "    AND message.uid = member.uid"
            "), lockout AS ("
            "  DELETE FROM cloudep.lockouts AS lockout"
            "  USING member"
            "  WHERE lockout.tenant_id = member.tenant_id"
            "    AND lockout.subject = member.uid::text"
            "), budget AS ("
            "  DELETE FROM cloudep.budgets AS budget"
            "  USING member"
            "  WHERE budget.tenant_id = member.tenant_id"
            "    AND budget.kind <> '" CLOUDEP_BUDGET_NETWORK "'"
            "    AND budget.subject = member.uid::text"
            "), given_up AS ("
            "  DELETE FROM cloudep.registration_attempts AS attempt"
            "  USING member"
            "  WHERE attempt.tenant_id = member.tenant_id"
            "    AND attempt.member_uid = member.uid"
            "), address AS ("
            "  DELETE FROM cloudep.members AS former"
            "  USING member"
            "  WHERE former.tenant_id = member.tenant_id"
            "    AND former.reserved_by = member.uid"
            ")"
            " UPDATE cloudep.invites AS invite"
            " SET uses = invite.uses - 1"
            " FROM member"
            " WHERE invite.tenant_id = member.tenant_id"
            "   AND invite.id = member.invite_id"
            "   AND member.activated_at IS NULL"
            "   AND invite.uses > 0",
    },
    [CLAIM_UNFINISHED] = {
        .label = "member_claim_unfinished",
        .sql =
            "WITH given AS ("
            "  SELECT %s::interval AS reserved_age, %s::interval AS pending_age"
            "), due AS ("
            "  SELECT member.tenant_id, member.uid"
            "  FROM cloudep.members AS member, given"
            "  WHERE member.status IN ('reserved', 'pending', 'deleting')"
            "    AND member.updated_at < now() - CASE member.status"
            "          WHEN 'pending' THEN given.pending_age"
            "          WHEN 'deleting' THEN least(given.reserved_age, interval '10 seconds')"
            "          ELSE given.reserved_age END"
            "    AND (member.status <> 'pending' OR ("
            "      (member.confirming_until IS NULL OR member.confirming_until < now())"
            "      AND NOT EXISTS ("
            "        SELECT FROM cloudep.registration_attempts AS attempt"
            "        WHERE attempt.tenant_id = member.tenant_id"
            "          AND attempt.member_uid = member.uid"
            "          AND attempt.created_at > now() - given.pending_age"
            "      )"
            "    ))"
            "  ORDER BY member.updated_at"
            "  LIMIT %s::integer"
            "  FOR UPDATE OF member SKIP LOCKED"
            ")"
            " UPDATE cloudep.members AS member"
            " SET status = 'deleting', updated_at = now()"
            " FROM due, cloudep.tenants AS tenant"
            " WHERE member.tenant_id = due.tenant_id"
            "   AND member.uid = due.uid"
            "   AND tenant.id = member.tenant_id"
            " RETURNING " CLOUDEP_UNFINISHED_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "member", "tenant"),
    },
    [UPDATE_PROFILE] = {
        .label = "member_update_profile",
        .sql =
            "WITH given AS ("
            "  SELECT %s::text AS display_name, %s::text AS avatar, %s::text AS language, %s::text AS currency,"
            "         %s::text AS phone, %s::text AS terms_version"
            "), member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CHANGED("display_name") ","
            "      " CHANGED("avatar") ","
            "      " CHANGED("language") ","
            "      " CHANGED("currency") ","
            "      " CHANGED("phone") ","
            "      terms_version = coalesce(given.terms_version, member.terms_version),"
            "      terms_accepted_at = CASE WHEN given.terms_version IS NULL THEN member.terms_accepted_at ELSE now() END,"
            "      updated_at = now()"
            "  FROM given"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND member.status = 'active'"
            "  RETURNING member.*"
            ")"
            " SELECT " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM member"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member"),
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_member_statements = CLOUDEP_STATEMENT_LIST(statements);

const char *cloudep_member_status_name(cloudep_member_status_e status)
{
    return status_words[status];
}

apr_status_t cloudep_member_status_of(cloudep_member_status_e *status, const char *name)
{
    for (int i = 0; i < CLOUDEP_MEMBER_STATUS_COUNT; i++) {
        if (!strcmp(status_words[i], name)) {
            *status = (cloudep_member_status_e)i;
            return APR_SUCCESS;
        }
    }
    return CLOUDEP_EDATA;
}

apr_status_t cloudep_member_of_row(apr_pool_t *p, const cloudep_member_t **out, const cloudep_rows_t *rows, int row,
                                   int column)
{
    cloudep_member_t *member;
    apr_status_t rv;

    *out = NULL;
    if (!cloudep_cell(rows, row, column)) {
        return APR_SUCCESS;
    }
    member = apr_pcalloc(p, sizeof(*member));
    cloudep_record_read(member, p, &member_record, rows, row, column);
    rv = cloudep_member_status_of(&member->status, member->status_name);
    if (rv == APR_SUCCESS) {
        *out = member;
    }
    return rv;
}

apr_status_t cloudep_member_by_uid(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                   const char *tenant_id, const char *uid)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[BY_UID], CLOUDEP_ARGS(tenant_id, uid));

    return rv == APR_SUCCESS ? cloudep_member_of_row(p, member, rows, 0, 0) : rv;
}

apr_status_t cloudep_member_by_login_phone(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                           const char *tenant_id, const char *phone)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[BY_LOGIN_PHONE], CLOUDEP_ARGS(tenant_id, phone));

    return rv == APR_SUCCESS ? cloudep_member_of_row(p, member, rows, 0, 0) : rv;
}

apr_status_t cloudep_member_by_email(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *slug, const char *email)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[BY_EMAIL], CLOUDEP_ARGS(email, slug));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    return cloudep_member_of_row(p, member, rows, 0, CLOUDEP_TENANT_COLUMN_COUNT);
}

void cloudep_applicant_args(cloudep_args_t *args, const cloudep_applicant_t *applicant)
{
    cloudep_arg(args, applicant->tenant_id);
    cloudep_arg(args, applicant->uid);
    cloudep_arg(args, applicant->email);
    cloudep_arg(args, applicant->invite_code);
    cloudep_arg(args, applicant->origin);
    cloudep_arg(args, applicant->provider);
    cloudep_arg(args, applicant->display_name);
    cloudep_arg(args, applicant->language);
    cloudep_arg(args, applicant->terms_version);
    cloudep_arg(args, cloudep_arg_boolean(applicant->marketing_opt_in));
}

apr_status_t cloudep_member_reserve(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant)
{
    cloudep_args_t args = {0};

    cloudep_applicant_args(&args, applicant);
    return cloudep_db_run_one(db, p, NULL, &statements[RESERVE], &args);
}

apr_status_t cloudep_member_activate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(args, p, session);
    rv = cloudep_db_run_one(db, p, &rows, &statements[ACTIVATE], args);
    if (rv == APR_SUCCESS) {
        cloudep_session_of_row(session, p, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_member_leave(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                  const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
    cloudep_step_t steps[] = {
        {.st = &statements[LEAVE], .args = args},
        {.st = cloudep_end_sessions(), .args = CLOUDEP_ARGS(NULL, "left", tenant_id, uid)},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 2);
    if (rv == APR_SUCCESS) {
        (void)cloudep_count_ended(&steps[1]);
    }
    return rv;
}

apr_status_t cloudep_member_abandon(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid)
{
    return cloudep_db_run_one(db, p, NULL, &statements[ABANDON], CLOUDEP_ARGS(tenant_id, uid));
}

apr_status_t cloudep_member_purge(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid)
{
    return cloudep_db_run(db, p, NULL, &statements[PURGE], CLOUDEP_ARGS(tenant_id, uid));
}

apr_status_t cloudep_member_claim_unfinished(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **members,
                                             int reserved_age, int pending_age, int limit)
{
    return cloudep_record_list(
        members, p, db, &unfinished_record, &statements[CLAIM_UNFINISHED],
        CLOUDEP_ARGS(cloudep_arg_seconds(p, reserved_age), cloudep_arg_seconds(p, pending_age), apr_itoa(p, limit)));
}

apr_status_t cloudep_member_update_profile(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                           const char *tenant_id, const char *uid, const cloudep_profile_t *profile)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(profile->display_name, profile->avatar, profile->language, profile->currency, profile->phone,
                     profile->terms_version, tenant_id, uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[UPDATE_PROFILE], args);

    return rv == APR_SUCCESS ? cloudep_member_of_row(p, member, rows, 0, 0) : rv;
}
