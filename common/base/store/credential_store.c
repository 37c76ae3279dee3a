/*
 * credential_store.c - rows of cloudep.credentials.
 */
#include "base/store/credential_store.h"

#include "base/store/statements.h"

enum { GET, RENEW };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [GET] = {
        .label = "credential_get",
        .sql =
            "SELECT phc"
            " FROM cloudep.credentials"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid",
        .repeatable = 1,
    },
    [RENEW] = {
        .label = "credential_renew",
        .sql =
            "UPDATE cloudep.credentials"
            " SET phc = %s, updated_at = now()"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND phc = %s",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_credential_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_credential_get(cloudep_db_t *db, apr_pool_t *p, const char **phc, const char *tenant_id,
                                    const char *uid)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[GET], CLOUDEP_ARGS(tenant_id, uid));

    if (rv == APR_SUCCESS) {
        *phc = cloudep_cell(rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_credential_renew(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *old_phc, const char *new_phc)
{
    return cloudep_db_run(db, p, NULL, &statements[RENEW], CLOUDEP_ARGS(new_phc, tenant_id, uid, old_phc));
}
