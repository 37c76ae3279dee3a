/*
 * credential_store.c - rows of cloudep.credentials.
 */
#include "base/store/credential_store.h"

static const cloudep_statement_t put = {
    .label = "credential_put",
    .sql = "INSERT INTO cloudep.credentials (tenant_id, uid, phc) VALUES (%s::uuid, %s::uuid, %s)"
           " ON CONFLICT (tenant_id, uid) DO UPDATE SET phc = excluded.phc, updated_at = now()",
    .parameters = 3,
    .repeatable = 1,
};

static const cloudep_statement_t get = {
    .label = "credential_get",
    .sql = "SELECT phc FROM cloudep.credentials WHERE tenant_id = %s::uuid AND uid = %s::uuid",
    .parameters = 2,
    .repeatable = 1,
};

static const cloudep_statement_t renew = {
    .label = "credential_renew",
    .sql = "UPDATE cloudep.credentials SET phc = %s, updated_at = now()"
           " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND phc = %s",
    .parameters = 4,
};

apr_status_t cloudep_credential_put(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                    const char *phc)
{
    const char *args[] = {tenant_id, uid, phc};

    return cloudep_db_run(db, p, NULL, &put, args);
}

apr_status_t cloudep_credential_get(cloudep_db_t *db, apr_pool_t *p, const char **phc, const char *tenant_id,
                                    const char *uid)
{
    const char *args[] = {tenant_id, uid};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &get, args);

    if (rv == APR_SUCCESS && rows->count == 0) {
        return APR_NOTFOUND;
    }
    if (rv == APR_SUCCESS) {
        *phc = cloudep_cell(rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_credential_renew(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *old_phc, const char *new_phc)
{
    const char *args[] = {new_phc, tenant_id, uid, old_phc};

    return cloudep_db_run(db, p, NULL, &renew, args);
}
