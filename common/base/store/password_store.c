/*
 * password_store.c - see password_store.h.
 */
#include "base/store/password_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

enum { LOAD, CHANGE, NOTE_FORM };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [LOAD] = {
        .label = "password_load",
        .sql =
            "SELECT NOT tenant.exchange_password AND EXISTS ("
            "         SELECT FROM cloudep.identities AS identity"
            "         WHERE identity.tenant_id = member.tenant_id"
            "           AND identity.uid = member.uid"
            "           AND identity.issuer = %s"
            "       ),"
            "       " CLOUDEP_SQL_TENANT("tenant") ", " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.members AS member"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = member.tenant_id"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid",
        .repeatable = 1,
    },
    /* What is compared is of the row once its lock is held: a suspension or another change comes before or after. */
    [CHANGE] = {
        .label = "password_change",
        .sql =
            "WITH given AS ("
            "  SELECT %s::text AS phc, %s::boolean AS due, %s::text AS email, %s::bigint AS sessions_from"
            "), member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE_AND_END("member") ","
            "      has_password = NOT given.due,"
            "      password_due = given.due,"
            "      password_form = NOT given.due,"
            "      " CLOUDEP_SQL_COUNT_PASSWORD("member")
            "  FROM given"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND (member.status = 'active' OR (given.due AND member.status = 'suspended'))"
            "    AND member.email = coalesce(given.email, member.email)"
            "    AND member.sessions_from = coalesce(given.sessions_from, member.sessions_from)"
            "  RETURNING member.tenant_id, member.uid, given.phc, given.due"
            "), stored AS ("
            "  INSERT INTO cloudep.credentials (tenant_id, uid, phc, form_of)"
            "  SELECT member.tenant_id, member.uid, member.phc, " CLOUDEP_SQL_FORM_OF("member.phc")
            "  FROM member"
            "  WHERE member.phc IS NOT NULL"
            "  ON CONFLICT (tenant_id, uid) DO UPDATE"
            "  SET phc = excluded.phc, form_of = excluded.form_of, updated_at = now()"
            "), removed AS ("
            "  DELETE FROM cloudep.credentials AS credential"
            "  USING member"
            "  WHERE credential.tenant_id = member.tenant_id"
            "    AND credential.uid = member.uid"
            "    AND member.due"
            "), unlocked AS (" CLOUDEP_SQL_FORGET_FAILURES(CLOUDEP_BUDGET_PASSWORD, "member")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("member") ")"
            " SELECT uid FROM member",
    },
    [NOTE_FORM] = {
        .label = "password_note_form",
        .sql =
            "UPDATE cloudep.members"
            " SET password_form = true"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND sessions_from = %s::bigint",
        .repeatable = 1,
    },
};
/* clang-format on */
/* The columns of LOAD. */
enum { ELSEWHERE, TENANT, MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT };
const cloudep_statement_list_t cloudep_password_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_password_load(cloudep_db_t *db, apr_pool_t *p, cloudep_password_state_t *state,
                                   const char *tenant_id, const char *uid, const char *company_issuer)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(company_issuer, tenant_id, uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[LOAD], args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    state->elsewhere = cloudep_cell_true(rows, 0, ELSEWHERE);
    state->tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    return cloudep_member_of_row(p, &state->member, rows, 0, MEMBER);
}

apr_status_t cloudep_password_change(cloudep_db_t *db, apr_pool_t *p, const cloudep_password_change_t *new,
                                     const cloudep_message_t *notice)
{
    cloudep_args_t *args =
        CLOUDEP_ARGS(new->phc, cloudep_arg_boolean(new->due), new->email, new->sessions_from, new->tenant_id, new->uid);
    cloudep_step_t steps[] = {
        {.st = &statements[CHANGE], .args = args},
        {.st = cloudep_end_sessions(), .args = CLOUDEP_ARGS(new->session_id, new->reason, new->tenant_id, new->uid)},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 2);
    if (rv == APR_SUCCESS) {
        (void)cloudep_count_ended(&steps[1]);
    }
    return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
}

apr_status_t cloudep_password_note_form(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t *member)
{
    return cloudep_db_run(db, p, NULL, &statements[NOTE_FORM],
                          CLOUDEP_ARGS(member->tenant_id, member->uid, member->sessions_from));
}
