/*
 * operator_migration_store.c - which migrations the database has, and adding one.
 *
 * A migration and its row are one transaction, and every change takes one advisory lock first, so of two runs
 * at the same time the second finds what the first has done.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>
#include "base/store/tenant_store.h"

/* The catalogues are read directly: to_regclass() fails for those who may not use the schema. */
static const cloudep_statement_t schema_state = {
    .label = "operator_schema",
    .sql = "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'CREATE'), false),"
           " EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloudep_app'),"
           " EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'migrations')"
           " FROM (VALUES (1)) AS one (row) LEFT JOIN pg_namespace n ON n.nspname = 'cloudep'",
    .parameters = 0,
    .repeatable = 1,
};

static const cloudep_statement_t migration_list = {
    .label = "operator_migration_list",
    .sql = "SELECT json_build_object('version', m.version, 'name', m.name, 'checksum', m.checksum,"
           " 'applied_at', to_char(m.applied_at" CLOUDEP_OPERATOR_UTC "))"
           " FROM cloudep.migrations m ORDER BY m.version",
    .parameters = 0,
    .repeatable = 1,
};

/* The number is CloudEP's own choice; it only has to be the same in every version of this tool. */
#define LOCK "SELECT pg_advisory_xact_lock(4367680543168);\n"

apr_status_t cloudep_operator_schema(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_schema_t *schema)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &schema_state, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    schema->schema = cloudep_cell_true(rows, 0, 0);
    schema->may_create = cloudep_cell_true(rows, 0, 1);
    schema->app_role = cloudep_cell_true(rows, 0, 2);
    schema->table = cloudep_cell_true(rows, 0, 3);
    return APR_SUCCESS;
}

apr_status_t cloudep_operator_migration_table(cloudep_db_t *db, apr_pool_t *p)
{
    return cloudep_db_script(db, p, "operator_migration_table",
                             LOCK "CREATE TABLE IF NOT EXISTS cloudep.migrations (version integer PRIMARY KEY,"
                                  " name text NOT NULL, checksum text NOT NULL,"
                                  " applied_at timestamptz NOT NULL DEFAULT now())");
}

apr_status_t cloudep_operator_migration_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows)
{
    return cloudep_db_run(db, p, rows, &migration_list, NULL);
}

apr_status_t cloudep_operator_migration_apply(cloudep_db_t *db, apr_pool_t *p, int version, const char *name,
                                              const char *checksum, const char *sql)
{
    /* The row comes first: when another run was faster, nothing of the migration is tried a second time. */
    const char *script =
        apr_psprintf(p, LOCK "INSERT INTO cloudep.migrations (version, name, checksum) VALUES (%d, '%s', '%s');\n%s",
                     version, name, checksum, sql);

    return cloudep_db_script(db, p, apr_psprintf(p, "migration %04d", version), script);
}
