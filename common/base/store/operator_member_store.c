/*
 * operator_member_store.c - the operator's statements on members and their sessions.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>
#include "base/store/generation.h"

/* A session s of member m that a request could still use. */
#define ALIVE "s.revoked_at IS NULL AND s.expires_at > now() AND " CLOUDEP_SQL_CURRENT

#define UTC CLOUDEP_OPERATOR_UTC

static const cloudep_statement_t member_list = {
    .label = "operator_member_list",
    .sql = "SELECT json_build_object('email', m.email, 'uid', m.uid, 'status', m.status, 'origin', m.origin,"
           " 'provider', m.provider, 'display_name', m.display_name, 'created_at', to_char(m.created_at" UTC "))"
           " FROM cloudep.members m WHERE m.tenant_id = %s::uuid AND m.status = coalesce(%s, m.status)"
           " AND m.email > coalesce(%s, '') ORDER BY m.email LIMIT %s::integer",
    .repeatable = 1,
};

static const cloudep_statement_t member_show = {
    .label = "operator_member_show",
    .sql = "SELECT json_build_object('email', m.email, 'uid', m.uid, 'status', m.status, 'origin', m.origin,"
           " 'provider', m.provider, 'display_name', m.display_name, 'avatar', m.avatar, 'phone', m.phone,"
           " 'language', m.language, 'currency', m.currency, 'business_email', m.business_email,"
           " 'business_email_verified_at', to_char(m.business_email_verified_at" UTC "),"
           " 'business_phone', m.business_phone,"
           " 'business_phone_verified_at', to_char(m.business_phone_verified_at" UTC "),"
           " 'terms_version', m.terms_version, 'terms_accepted_at', to_char(m.terms_accepted_at" UTC "),"
           " 'marketing_opt_in', m.marketing_opt_in,"
           " 'invite', (SELECT i.code FROM cloudep.invites i WHERE i.tenant_id = m.tenant_id AND i.id = m.invite_id),"
           " 'identities', ARRAY(SELECT i.issuer || ' ' || i.subject FROM cloudep.identities i"
           " WHERE i.tenant_id = m.tenant_id AND i.uid = m.uid),"
           " 'password', " CLOUDEP_SQL_HAS_PASSWORD ", 'password_due', m.password_due, 'ways_in', m.ways_in,"
           " 'totp', EXISTS (SELECT FROM cloudep.totp o"
           " WHERE o.tenant_id = m.tenant_id AND o.uid = m.uid AND o.enrolled_at IS NOT NULL),"
           " 'sessions', (SELECT count(*) FROM cloudep.sessions s"
           " WHERE s.tenant_id = m.tenant_id AND s.uid = m.uid AND " ALIVE "),"
           " 'activated_at', to_char(m.activated_at" UTC "), 'created_at', to_char(m.created_at" UTC "),"
           " 'updated_at', to_char(m.updated_at" UTC "))"
           " FROM cloudep.members m WHERE m.tenant_id = %s::uuid AND (m.uid = %s::uuid OR m.email = %s)",
    .repeatable = 1,
};

/*
 * A member in one of the statuses from goes to the status to, and no session of before is good any more; nor where it
 * was there already: a login that ran beside the first time may have left one.
 */
#define STEP(from, to, ends)                                                                                           \
    "WITH t AS (SELECT m.tenant_id, m.uid, m.email, m.status, m.status IN (" from ") AS changes"                       \
    " FROM cloudep.members m WHERE m.tenant_id = %s::uuid AND (m.uid = %s::uuid OR m.email = %s) FOR UPDATE),"         \
    " changed AS (UPDATE cloudep.members m SET " CLOUDEP_SQL_RAISE_AND_END ","                                         \
    " status = CASE WHEN t.changes THEN '" to "' ELSE m.status END,"                                                   \
    " updated_at = CASE WHEN t.changes THEN now() ELSE m.updated_at END"                                               \
    " FROM t WHERE m.tenant_id = t.tenant_id AND m.uid = t.uid AND t.status IN (" ends "))"                            \
    " SELECT json_build_object('email', t.email, 'uid', t.uid, 'before', t.status,"                                    \
    " 'status', CASE WHEN t.changes THEN '" to "' ELSE t.status END, 'changed', t.changes) FROM t"

static const struct {
    cloudep_statement_t st;
    const char *reason;
} member_steps[] = {
    [CLOUDEP_OPERATOR_SUSPEND] = {{.label = "operator_member_suspend",
                                   .sql = STEP("'active'", "suspended", "'active', 'suspended'")},
                                  "member suspended"},
    /* Nobody can have logged in since, so a session that lives here slipped through the suspension. */
    [CLOUDEP_OPERATOR_RESUME] = {{.label = "operator_member_resume",
                                  .sql = STEP("'suspended'", "active", "'suspended'")},
                                 "member suspended"},
    [CLOUDEP_OPERATOR_DELETE] = {{.label = "operator_member_delete",
                                  .sql = STEP("'reserved', 'pending', 'active', 'suspended'", "deleting",
                                              "'reserved', 'pending', 'active', 'suspended', 'deleting'")},
                                 "member deleted"},
};

/* clang-format off */
static const cloudep_statement_t end_of_member = {
    .label = "operator_member_sessions_end",
    .sql = "WITH " CLOUDEP_SQL_END_SESSIONS("m.tenant_id = %s::uuid AND (m.uid = %s::uuid OR m.email = %s)")
           " SELECT count(*) FROM ended WHERE over",
};
/* clang-format on */

static const cloudep_statement_t session_list = {
    .label = "operator_session_list",
    .sql = "SELECT json_build_object('id', s.id, 'uid', s.uid,"
           " 'email', m.email,"
           " 'state', CASE WHEN s.revoked_at IS NOT NULL OR NOT " CLOUDEP_SQL_CURRENT
           " THEN 'revoked' WHEN s.expires_at <= now() THEN 'expired'"
           " WHEN s.idle_expires_at <= now() THEN 'idle' ELSE 'live' END,"
           " 'amr', s.amr, 'address', s.address, 'user_agent', s.user_agent,"
           " 'created_at', to_char(s.created_at" UTC "), 'rotated_at', to_char(s.rotated_at" UTC "),"
           " 'expires_at', to_char(least(s.idle_expires_at, s.expires_at)" UTC "),"
           " 'revoked_at', to_char(s.revoked_at" UTC "), 'revoke_reason', s.revoke_reason)"
           " FROM cloudep.sessions s LEFT JOIN cloudep.members m ON m.tenant_id = s.tenant_id AND m.uid = s.uid"
           " WHERE s.tenant_id = %s::uuid AND s.uid = coalesce(%s::uuid, s.uid)"
           " AND (%s::boolean OR (" ALIVE ")) AND (%s IS NULL OR s.id > %s::uuid) ORDER BY s.id LIMIT %s::integer",
    .repeatable = 1,
};

/* clang-format off */
static const cloudep_statement_t session_revoke = {
    .label = "operator_session_revoke",
    .sql = "WITH ended AS (UPDATE cloudep.sessions s SET revoked_at = now(), revoke_reason = 'operator'"
           " WHERE s.tenant_id = %s::uuid AND s.id = %s::uuid"
           " AND s.revoked_at IS NULL AND s.expires_at > now() RETURNING s.id)"
           " SELECT json_build_object('sessions_ended', (SELECT count(*) FROM ended))",
    .repeatable = 1,
};

/* Of all members those who have a session: whoever logs in beside this is not to be kept out. */
static const cloudep_statement_t member_raise = {
    .label = "operator_member_raise",
    .sql = "WITH raised AS (UPDATE cloudep.members m SET " CLOUDEP_SQL_RAISE_AND_END
           " WHERE m.tenant_id = %s::uuid AND (m.uid = %s::uuid OR (%s::boolean AND EXISTS"
           " (SELECT FROM cloudep.sessions s WHERE s.tenant_id = m.tenant_id AND s.uid = m.uid AND " ALIVE ")))"
           " RETURNING m.uid)"
           " SELECT count(*) FROM raised",
};

static const cloudep_statement_t end_of_members = {
    .label = "operator_sessions_end",
    .sql = "WITH " CLOUDEP_SQL_END_SESSIONS("m.tenant_id = %s::uuid AND (m.uid = %s::uuid OR %s::boolean)")
           " SELECT json_build_object('sessions_ended', (SELECT count(*) FROM ended WHERE over))",
};
/* clang-format on */

apr_status_t cloudep_operator_member_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                          const char *status, const char *after, int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, status, after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &member_list, args);
}

apr_status_t cloudep_operator_member_show(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                          const cloudep_operator_member_t *who)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(who->tenant_id, who->uid, who->email);

    return cloudep_db_run(db, p, rows, &member_show, args);
}

apr_status_t cloudep_operator_member_step(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, int *ended,
                                          const cloudep_operator_member_t *who, cloudep_operator_member_step_e what)
{
    cloudep_step_t steps[] = {
        {.st = &member_steps[what].st, .args = CLOUDEP_ARGS(who->tenant_id, who->uid, who->email)},
        {.st = &end_of_member,
         .args = CLOUDEP_ARGS(NULL, member_steps[what].reason, who->tenant_id, who->uid, who->email)},
    };
    apr_status_t rv = cloudep_db_transact(db, p, steps, 2);

    if (rv == APR_SUCCESS) {
        *rows = steps[0].rows;
        *ended = (int)apr_atoi64(cloudep_cell(steps[1].rows, 0, 0));
    }
    return rv;
}

apr_status_t cloudep_operator_session_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                           const char *tenant_id, const char *uid, int over, const char *after,
                                           int limit)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(tenant_id, uid, over ? "true" : "false", after, after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &session_list, args);
}

apr_status_t cloudep_operator_session_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                             const char *tenant_id, const char *id, const char *uid, int all)
{
    const char *every = cloudep_arg_boolean(all);
    cloudep_step_t steps[] = {
        {.st = &member_raise, .args = CLOUDEP_ARGS(tenant_id, uid, every)},
        {.st = &end_of_members, .args = CLOUDEP_ARGS(NULL, "operator", tenant_id, uid, every)},
    };
    apr_status_t rv;

    if (id) {
        return cloudep_db_run(db, p, rows, &session_revoke, CLOUDEP_ARGS(tenant_id, id));
    }
    if ((rv = cloudep_db_transact(db, p, steps, 2)) == APR_SUCCESS) {
        *rows = steps[1].rows;
    }
    return rv;
}
