/*
 * login_phone_store.c - see login_phone_store.h.
 *
 * Setting one is three statements: who wants the number waits for others who want it, then everybody concerned is
 * locked, in the order of their uids, and the last statement sees what was before.
 */
#include "base/store/login_phone_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

enum { WAIT, LOCK, SET, REMOVE };

/* clang-format off */

/* Ends the sessions that a login phone has opened for the rows of source, as the CTE that name is. */
#define END_OPENED(name, source) \
    name " AS (" \
    "  UPDATE cloudep.sessions AS session" \
    "  SET revoked_at = now(), revoke_reason = 'login phone removed'" \
    "  FROM " source \
    "  WHERE session.tenant_id = " source ".tenant_id" \
    "    AND session.uid = " source ".uid" \
    "    AND session.opened_with = '" CLOUDEP_OPENED_LOGIN_PHONE "'" \
    "    AND " CLOUDEP_SQL_LIVE("session") \
    ")"

static const cloudep_statement_t statements[] = {
    [WAIT] = {
        .label = "login_phone_wait",
        .sql = "SELECT pg_advisory_xact_lock(hashtextextended('login phone ' || %s || ' ' || %s, 0))::text",
    },
    [LOCK] = {
        .label = "login_phone_lock",
        .sql =
            "SELECT uid"
            " FROM cloudep.members"
            " WHERE tenant_id = %s::uuid"
            "   AND (uid = %s::uuid OR login_phone = %s)"
            " ORDER BY uid"
            " FOR NO KEY UPDATE",
    },
    /* The condition on "taken" is always true: it has the other member lose the number before it is set. */
    [SET] = {
        .label = "login_phone_set",
        .sql =
            "WITH given AS ("
            "  SELECT %s::text AS phone, %s::text AS outbox"
            "), before AS ("
            "  SELECT member.tenant_id, member.uid, member.login_phone IS DISTINCT FROM given.phone AS changes"
            "  FROM cloudep.members AS member, given"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND member.status = 'active'"
            "), taken AS ("
            "  UPDATE cloudep.members AS other"
            "  SET login_phone = NULL,"
            "      login_phone_at = NULL,"
            "      password_due = other.password_due OR " CLOUDEP_SQL_OTHER_WAYS_IN("other", "tenant") " = 0,"
            "      ways_in = other.ways_in"
            "                + CASE WHEN " CLOUDEP_SQL_OTHER_WAYS_IN("other", "tenant") " = 0 THEN 1 ELSE 0 END,"
            "      " CLOUDEP_SQL_RAISE("other") ","
            "      updated_at = now()"
            "  FROM before, given, cloudep.tenants AS tenant"
            "  WHERE other.tenant_id = before.tenant_id"
            "    AND other.login_phone = given.phone"
            "    AND other.uid <> before.uid"
            "    AND tenant.id = before.tenant_id"
            "  RETURNING other.tenant_id, other.uid, other.email, other.language"
            "), told AS ("
            "  INSERT INTO cloudep.outbox (tenant_id, uid, outbox, channel, target, language, template, expires_at)"
            "  SELECT taken.tenant_id, taken.uid, given.outbox, 'mail', taken.email, taken.language,"
            "         '" CLOUDEP_TEMPLATE_LOGIN_PHONE_TAKEN "', now() + interval '3 days'"
            "  FROM taken, given"
            "), " END_OPENED("ended", "taken") ", changed AS ("
            "  UPDATE cloudep.members AS member"
            "  SET login_phone = given.phone,"
            "      login_phone_at = now(),"
            "      " CLOUDEP_SQL_RAISE("member") ","
            "      updated_at = now()"
            "  FROM before, given"
            "  WHERE member.tenant_id = before.tenant_id"
            "    AND member.uid = before.uid"
            "    AND before.changes"
            "    AND (SELECT count(*) FROM taken) >= 0"
            "  RETURNING member.tenant_id, member.uid"
            "), " END_OPENED("former", "changed") ", mail AS (" CLOUDEP_SQL_ENQUEUE("changed") ")"
            " SELECT uid FROM before",
    },
    /* After cloudep_lock_member(). One row: whether it was removed, or was not there. */
    [REMOVE] = {
        .label = "login_phone_remove",
        .sql =
            "WITH before AS ("
            "  SELECT member.tenant_id, member.uid, member.login_phone,"
            "         member.login_phone IS NULL OR " CLOUDEP_SQL_OTHER_WAYS_IN("member", "tenant") " > 0 AS allowed"
            "  FROM cloudep.members AS member"
            "  JOIN cloudep.tenants AS tenant"
            "    ON tenant.id = member.tenant_id"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "), removed AS ("
            "  UPDATE cloudep.members AS member"
            "  SET login_phone = NULL,"
            "      login_phone_at = NULL,"
            "      " CLOUDEP_SQL_RAISE("member") ","
            "      updated_at = now()"
            "  FROM before"
            "  WHERE member.tenant_id = before.tenant_id"
            "    AND member.uid = before.uid"
            "    AND before.allowed"
            "    AND before.login_phone IS NOT NULL"
            "  RETURNING member.tenant_id, member.uid"
            "), " END_OPENED("ended", "removed") ", mail AS (" CLOUDEP_SQL_ENQUEUE("removed") ")"
            " SELECT allowed FROM before",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_login_phone_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_login_phone_set(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const char *phone, const char *outbox, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(phone, outbox, tenant_id, uid);
    cloudep_step_t steps[] = {
        {.st = &statements[WAIT], .args = CLOUDEP_ARGS(tenant_id, phone)},
        {.st = &statements[LOCK], .args = CLOUDEP_ARGS(tenant_id, uid, phone)},
        {.st = &statements[SET], .args = args},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 3);
    return rv == APR_SUCCESS && !steps[2].rows->count ? APR_NOTFOUND : rv;
}

apr_status_t cloudep_login_phone_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                        const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
    cloudep_step_t steps[] = {
        {.st = cloudep_lock_member(), .args = CLOUDEP_ARGS(tenant_id, uid)},
        {.st = &statements[REMOVE], .args = args},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 2);
    return rv == APR_SUCCESS && !cloudep_cell_true(steps[1].rows, 0, 0) ? CLOUDEP_EREFUSED : rv;
}
