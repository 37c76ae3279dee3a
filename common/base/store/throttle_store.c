/*
 * throttle_store.c - see throttle_store.h. Nothing is written for an account without failures.
 */
#include "base/store/throttle_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

enum { CHECK, PASS };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [CHECK] = {
        .label = "throttle_check",
        .sql =
            "SELECT coalesce(max(" CLOUDEP_SQL_WAIT_LEFT("lockout") "), 0)"
            " FROM cloudep.lockouts AS lockout"
            " WHERE lockout.tenant_id = %s::uuid"
            "   AND (lockout.kind, lockout.subject) IN ((%s, %s), (%s, %s))",
        .repeatable = 1,
    },
    /* The lock waits for a failure that is being counted, and the row comes back as it is after that. */
    [PASS] = {
        .label = "throttle_pass",
        .sql =
            "WITH lockout AS ("
            "  SELECT tenant_id, kind, subject, blocked_until"
            "  FROM cloudep.lockouts"
            "  WHERE tenant_id = %s::uuid"
            "    AND kind = %s"
            "    AND subject = %s"
            "  FOR UPDATE"
            "), forgotten AS ("
            "  DELETE FROM cloudep.lockouts AS kept"
            "  USING lockout"
            "  WHERE kept.tenant_id = lockout.tenant_id"
            "    AND kept.kind = lockout.kind"
            "    AND kept.subject = lockout.subject"
            "    AND " CLOUDEP_SQL_WAIT_LEFT("lockout") " = 0"
            ")"
            " SELECT " CLOUDEP_SQL_WAIT_LEFT("lockout")
            " FROM lockout",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_throttle_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_throttle_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account,
                                    const cloudep_lockout_t *address, int *wait)
{
    return cloudep_db_number(
        wait, p, db, &statements[CHECK],
        CLOUDEP_ARGS(account->tenant_id, account->kind, account->subject, address->kind, address->subject));
}

apr_status_t cloudep_throttle_pass(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account, int *wait)
{
    apr_status_t rv = cloudep_db_number(wait, p, db, &statements[PASS],
                                        CLOUDEP_ARGS(account->tenant_id, account->kind, account->subject));

    return *wait ? CLOUDEP_ELOCKED : rv;
}
