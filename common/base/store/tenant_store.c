/*
 * tenant_store.c - reads tenants and what admits a new member to one.
 */
#include "base/store/tenant_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

#define TENANT(kind, name, sql) CLOUDEP_COLUMN(cloudep_tenant_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_TENANT_COLUMNS(TENANT, TENANT, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_tenant_t, columns);

enum { BY_SLUG, BY_ID, ADMISSION };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [BY_SLUG] = {
        .label = "tenant_by_slug",
        .sql =
            "SELECT " CLOUDEP_SQL_TENANT("tenant")
            " FROM cloudep.tenants AS tenant"
            " WHERE tenant.slug = %s",
        .repeatable = 1,
    },
    [BY_ID] = {
        .label = "tenant_by_id",
        .sql =
            "SELECT " CLOUDEP_SQL_TENANT("tenant")
            " FROM cloudep.tenants AS tenant"
            " WHERE tenant.id = %s::uuid",
        .repeatable = 1,
    },
    [ADMISSION] = {
        .label = "tenant_admission",
        .sql =
            "SELECT " CLOUDEP_SQL_TENANT("tenant") ","
            "       invite.id IS NOT NULL,"
            "       coalesce(invite.expires_at <= now(), false),"
            "       coalesce(invite.uses >= invite.max_uses, false),"
            "       member.uid IS NOT NULL,"
            "       coalesce(member.status IN ('reserved', 'pending') AND member.reserved_by IS NULL, false)"
            " FROM cloudep.tenants AS tenant"
            " LEFT JOIN cloudep.invites AS invite"
            "   ON invite.tenant_id = tenant.id"
            "   AND invite.code = %s"
            "   AND invite.revoked_at IS NULL"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = tenant.id"
            "   AND member.email = %s"
            " WHERE tenant.slug = %s",
        .repeatable = 1,
    },
};
/* The columns of ADMISSION. */
enum { INVITE_KNOWN = CLOUDEP_TENANT_COLUMN_COUNT, INVITE_EXPIRED, INVITE_USED_UP, EMAIL_TAKEN, EMAIL_PENDING };
/* clang-format on */
const cloudep_statement_list_t cloudep_tenant_statements = CLOUDEP_STATEMENT_LIST(statements);

const cloudep_tenant_t *cloudep_tenant_of_row(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column)
{
    cloudep_tenant_t *tenant;

    if (!cloudep_cell(rows, row, column)) {
        return NULL;
    }
    tenant = apr_pcalloc(p, sizeof(*tenant));
    cloudep_record_read(tenant, p, &record, rows, row, column);
    return tenant;
}

static apr_status_t find(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                         const cloudep_statement_t *st, const char *value)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, st, CLOUDEP_ARGS(value));

    if (rv == APR_SUCCESS) {
        *tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_tenant_by_slug(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *slug)
{
    return find(db, p, tenant, &statements[BY_SLUG], slug);
}

apr_status_t cloudep_tenant_by_id(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *id)
{
    return find(db, p, tenant, &statements[BY_ID], id);
}

apr_status_t cloudep_tenant_admission(cloudep_db_t *db, apr_pool_t *p, cloudep_admission_t *admission, const char *slug,
                                      const char *invite_code, const char *email)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[ADMISSION], CLOUDEP_ARGS(invite_code, email, slug));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    admission->tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    admission->invite_known = cloudep_cell_true(rows, 0, INVITE_KNOWN);
    admission->invite_expired = cloudep_cell_true(rows, 0, INVITE_EXPIRED);
    admission->invite_used_up = cloudep_cell_true(rows, 0, INVITE_USED_UP);
    admission->email_taken = cloudep_cell_true(rows, 0, EMAIL_TAKEN);
    admission->email_pending = cloudep_cell_true(rows, 0, EMAIL_PENDING);
    return APR_SUCCESS;
}
