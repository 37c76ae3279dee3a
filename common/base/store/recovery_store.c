/*
 * recovery_store.c - see recovery_store.h.
 */
#include "base/store/recovery_store.h"

#include "base/store/lockout_store.h"

/* The member's row is locked, so that a suspension comes before this or after it. */
static const cloudep_statement_t finish = {
    .label = "recovery_finish",
    .sql = "WITH m AS (SELECT tenant_id, uid FROM cloudep.members WHERE tenant_id = %s::uuid AND uid = %s::uuid"
           " AND status = 'active' FOR NO KEY UPDATE),"
           " s AS (UPDATE cloudep.sessions s SET revoked_at = now(), revoke_reason = 'password_reset' FROM m"
           " WHERE s.tenant_id = m.tenant_id AND s.uid = m.uid AND s.revoked_at IS NULL),"
           " l AS (" CLOUDEP_SQL_UNLOCK(CLOUDEP_LOCKOUT_PASSWORD,
                                        "m") "),"
                                             " o AS (" CLOUDEP_SQL_ENQUEUE("m") ") SELECT uid FROM m",
    .parameters = 2 + CLOUDEP_ENQUEUE_PARAMETERS,
};

apr_status_t cloudep_recovery_finish(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const cloudep_message_t *notice)
{
    const char *args[] = {tenant_id, uid, CLOUDEP_ENQUEUE_ARGS(notice)};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &finish, args);

    return rv == APR_SUCCESS && rows->count == 0 ? APR_NOTFOUND : rv;
}
