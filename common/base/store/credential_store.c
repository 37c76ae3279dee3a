/*
 * credential_store.c - rows of cloudep.credentials.
 */
#include "base/store/credential_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

enum { GET, RENEW };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [GET] = {
        .label = "credential_get",
        .sql =
            "SELECT phc, form_of = " CLOUDEP_SQL_FORM_OF("phc")
            " FROM cloudep.credentials"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid",
        .repeatable = 1,
    },
    [RENEW] = {
        .label = "credential_renew",
        .sql =
            "WITH given AS ("
            "  SELECT %s::text AS phc, %s::boolean AS is_form"
            ")"
            " UPDATE cloudep.credentials AS credential"
            " SET phc = given.phc, updated_at = now(),"
            "     form_of = CASE WHEN given.is_form THEN " CLOUDEP_SQL_FORM_OF("given.phc") " END"
            " FROM given"
            " WHERE credential.tenant_id = %s::uuid"
            "   AND credential.uid = %s::uuid"
            "   AND credential.phc = %s",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_credential_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_credential_get(cloudep_db_t *db, apr_pool_t *p, cloudep_credential_t *credential,
                                    const char *tenant_id, const char *uid)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[GET], CLOUDEP_ARGS(tenant_id, uid));

    if (rv == APR_SUCCESS) {
        credential->phc = cloudep_cell(rows, 0, 0);
        credential->form = cloudep_cell_true(rows, 0, 1) ? CLOUDEP_PASSWORD_OPAQUE : CLOUDEP_PASSWORD_RAW;
    }
    return rv;
}

apr_status_t cloudep_credential_renew(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *old_phc, const cloudep_credential_t *credential)
{
    return cloudep_db_run(db, p, NULL, &statements[RENEW],
                          CLOUDEP_ARGS(credential->phc,
                                       cloudep_arg_boolean(credential->form == CLOUDEP_PASSWORD_OPAQUE), tenant_id, uid,
                                       old_phc));
}
