/*
 * sweep_store.c - see sweep_store.h.
 */
#include "base/store/sweep_store.h"

#include "base/store/statements.h"

enum { REMOVE_OLD };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [REMOVE_OLD] = {
        .label = "sweep_remove_old",
        .sql =
            "WITH session AS ("
            "  DELETE FROM cloudep.sessions"
            "  WHERE (tenant_id, id) IN ("
            "    SELECT tenant_id, id"
            "    FROM cloudep.sessions"
            "    WHERE expires_at < now() - interval '1 day'"
            "    LIMIT 1000"
            "  )"
            "), lockout AS ("
            "  DELETE FROM cloudep.lockouts"
            "  WHERE (tenant_id, kind, subject) IN ("
            "    SELECT tenant_id, kind, subject"
            "    FROM cloudep.lockouts"
            "    WHERE last_at < now() - interval '2 days'"
            "    LIMIT 1000"
            "  )"
            "), link AS ("
            "  DELETE FROM cloudep.links"
            "  WHERE (tenant_id, digest) IN ("
            "    SELECT tenant_id, digest"
            "    FROM cloudep.links"
            "    WHERE expires_at < now() - interval '1 day'"
            "    LIMIT 1000"
            "  )"
            ")"
            " DELETE FROM cloudep.outbox"
            " WHERE (tenant_id, id) IN ("
            "   SELECT tenant_id, id"
            "   FROM cloudep.outbox"
            "   WHERE created_at < now() - interval '7 days'"
            "     AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)"
            "   LIMIT 1000"
            " )",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_sweep_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_sweep_remove_old(cloudep_db_t *db, apr_pool_t *p)
{
    return cloudep_db_run(db, p, NULL, &statements[REMOVE_OLD], NULL);
}
