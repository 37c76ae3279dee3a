/*
 * operator_migration_store.c - which migrations the database has, and adding one.
 *
 * A migration and its row are one transaction, and every change takes one advisory lock first, so of two runs
 * at the same time the second finds what the first has done.
 */
#include <apr_strings.h>
#include "base/store/operator_store.h"
#include "base/store/statements.h"

#define SCHEMA(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_schema_t, kind, name)
static const cloudep_column_t schema_columns[] = {CLOUDEP_OPERATOR_SCHEMA_COLUMNS(SCHEMA, SCHEMA, "")};
static const cloudep_record_t schema_record = CLOUDEP_RECORD(cloudep_operator_schema_t, schema_columns);

#define MIGRATION(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_migration_t, kind, name)
static const cloudep_column_t migration_columns[] = {CLOUDEP_OPERATOR_MIGRATION_COLUMNS(MIGRATION, MIGRATION, "")};
static const cloudep_record_t migration_record = CLOUDEP_RECORD(cloudep_operator_migration_t, migration_columns);

enum { SCHEMA_STATE, MIGRATION_LIST };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    /* The catalogues are read directly: to_regclass() fails for those who may not use the schema. */
    [SCHEMA_STATE] = {
        .label = "operator_schema",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_SCHEMA_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "namespace")
            " FROM (VALUES (1)) AS always (n)"
            " LEFT JOIN pg_namespace AS namespace"
            "   ON namespace.nspname = 'cloudep'",
        .repeatable = 1,
    },
    [MIGRATION_LIST] = {
        .label = "operator_migration_list",
        .sql =
            "SELECT " CLOUDEP_OPERATOR_MIGRATION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "migration")
            " FROM cloudep.migrations AS migration"
            " ORDER BY migration.version",
        .repeatable = 1,
    },
};

/* The number is CloudEP's own choice; it only has to be the same in every version of this tool. */
#define LOCK "SELECT pg_advisory_xact_lock(4367680543168);\n"

#define TABLE \
    "CREATE TABLE IF NOT EXISTS cloudep.migrations (" \
    "  version integer PRIMARY KEY," \
    "  name text NOT NULL," \
    "  checksum text NOT NULL," \
    "  applied_at timestamptz NOT NULL DEFAULT now()" \
    ")"

#define NOTE_AND_APPLY \
    "INSERT INTO cloudep.migrations (version, name, checksum)" \
    " VALUES (%d, '%s', '%s');\n" \
    "%s"

/* clang-format on */
const cloudep_statement_list_t cloudep_operator_migration_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_operator_schema(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_schema_t *schema)
{
    return cloudep_record_one(schema, p, db, &schema_record, &statements[SCHEMA_STATE], NULL);
}

apr_status_t cloudep_operator_migration_table(cloudep_db_t *db, apr_pool_t *p)
{
    return cloudep_db_script(db, p, "operator_migration_table", LOCK TABLE);
}

apr_status_t cloudep_operator_migration_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list)
{
    return cloudep_record_list(list, p, db, &migration_record, &statements[MIGRATION_LIST], NULL);
}

apr_status_t cloudep_operator_migration_apply(cloudep_db_t *db, apr_pool_t *p, int version, const char *name,
                                              const char *checksum, const char *sql)
{
    /* The row comes first: when another run was faster, nothing of the migration is tried a second time. */
    const char *script = apr_psprintf(p, LOCK NOTE_AND_APPLY, version, name, checksum, sql);

    return cloudep_db_script(db, p, apr_psprintf(p, "migration %04d", version), script);
}
