/*
 * tenant_store.c - reads tenants and what admits a new member to one.
 */
#include "base/store/tenant_store.h"

static const cloudep_statement_t by_slug = {
    .label = "tenant_by_slug",
    .sql = "SELECT " CLOUDEP_TENANT_COLUMNS " FROM cloudep.tenants t WHERE t.slug = %s",
    .parameters = 1,
    .repeatable = 1,
};

static const cloudep_statement_t by_id = {
    .label = "tenant_by_id",
    .sql = "SELECT " CLOUDEP_TENANT_COLUMNS " FROM cloudep.tenants t WHERE t.id = %s::uuid",
    .parameters = 1,
    .repeatable = 1,
};

static const cloudep_statement_t admission_of = {
    .label = "tenant_admission",
    .sql = "SELECT " CLOUDEP_TENANT_COLUMNS ", i.id IS NOT NULL, coalesce(i.expires_at <= now(), false),"
           " coalesce(i.uses >= i.max_uses, false),"
           " EXISTS (SELECT FROM cloudep.members m WHERE m.tenant_id = t.id AND m.email = %s)"
           " FROM cloudep.tenants t LEFT JOIN cloudep.invites i"
           " ON i.tenant_id = t.id AND i.code = %s AND i.revoked_at IS NULL WHERE t.slug = %s",
    .parameters = 3,
    .repeatable = 1,
};

const cloudep_tenant_t *cloudep_tenant_of_row(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column)
{
    cloudep_tenant_t *tenant;

    if (!cloudep_cell(rows, row, column)) {
        return NULL;
    }
    tenant = apr_pcalloc(p, sizeof(*tenant));
    tenant->id = cloudep_cell(rows, row, column);
    tenant->slug = cloudep_cell(rows, row, column + 1);
    tenant->name = cloudep_cell(rows, row, column + 2);
    tenant->registration = cloudep_cell_true(rows, row, column + 3);
    tenant->login = cloudep_cell_true(rows, row, column + 4);
    tenant->redirect_uris = cloudep_cell(rows, row, column + 5);
    tenant->totp_issuer = cloudep_cell(rows, row, column + 6);
    tenant->organization = cloudep_cell(rows, row, column + 7);
    return tenant;
}

static apr_status_t find(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                         const cloudep_statement_t *st, const char *value)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, st, &value);

    if (rv == APR_SUCCESS && rows->count == 0) {
        return APR_NOTFOUND;
    }
    if (rv == APR_SUCCESS) {
        *tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_tenant_by_slug(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *slug)
{
    return find(db, p, tenant, &by_slug, slug);
}

apr_status_t cloudep_tenant_by_id(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *id)
{
    return find(db, p, tenant, &by_id, id);
}

apr_status_t cloudep_tenant_admission(cloudep_db_t *db, apr_pool_t *p, cloudep_admission_t *admission, const char *slug,
                                      const char *invite_code, const char *email)
{
    const int after = CLOUDEP_TENANT_COLUMN_COUNT;
    const char *args[] = {email, invite_code, slug};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &admission_of, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count == 0) {
        return APR_NOTFOUND;
    }
    admission->tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    admission->invite_known = cloudep_cell_true(rows, 0, after);
    admission->invite_expired = cloudep_cell_true(rows, 0, after + 1);
    admission->invite_used_up = cloudep_cell_true(rows, 0, after + 2);
    admission->email_taken = cloudep_cell_true(rows, 0, after + 3);
    return APR_SUCCESS;
}
