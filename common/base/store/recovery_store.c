/*
 * recovery_store.c - see recovery_store.h.
 */
#include "base/store/recovery_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

enum { FINISH };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [FINISH] = {
        .label = "recovery_finish",
        .sql =
            "WITH member AS (" CLOUDEP_SQL_ACTIVE_MEMBER("NO KEY UPDATE")
            "), ended AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET revoked_at = now(), revoke_reason = 'password_reset'"
            "  FROM member"
            "  WHERE session.tenant_id = member.tenant_id"
            "    AND session.uid = member.uid"
            "    AND session.revoked_at IS NULL"
            "), set AS ("
            "  UPDATE cloudep.members AS due"
            "  SET password_due = false"
            "  FROM member"
            "  WHERE due.tenant_id = member.tenant_id"
            "    AND due.uid = member.uid"
            "    AND due.password_due"
            "), unlocked AS (" CLOUDEP_SQL_UNLOCK(CLOUDEP_LOCKOUT_PASSWORD, "member")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("member") ")"
            " SELECT uid FROM member",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_recovery_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_recovery_finish(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);

    cloudep_message_args(args, notice);
    return cloudep_db_run_one(db, p, NULL, &statements[FINISH], args);
}
