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

#define WARNING(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_warning_t, kind, name)
static const cloudep_column_t warning_columns[] = {CLOUDEP_OPERATOR_WARNING_COLUMNS(WARNING, WARNING)};
static const cloudep_record_t warning_record = CLOUDEP_RECORD(cloudep_operator_warning_t, warning_columns);

enum { SCHEMA_STATE, MIGRATION_LIST, WARNINGS };

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
    /* A role may always set its own defaults, so that nothing but looking helps. */
    [WARNINGS] = {
        .label = "operator_migration_warnings",
        .sql =
            "WITH app AS ("
            "  SELECT oid, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS mighty"
            "  FROM pg_roles"
            "  WHERE rolname = 'cloudep_app'"
            "), setting AS ("
            "  SELECT CASE setting.setrole WHEN 0 THEN 'this database' ELSE 'the role cloudep_app' END AS holder,"
            "         lower(split_part(entry, '=', 1)) AS name, entry"
            "  FROM app"
            "  JOIN pg_db_role_setting AS setting"
            "    ON setting.setrole IN (0, app.oid)"
            "  CROSS JOIN LATERAL unnest(setting.setconfig) AS entry"
            "  WHERE setting.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
            "), held AS ("
            "  SELECT app.oid AS app, mighty AS is_held, 'has attributes of an administrator' AS what,"
            "         'ALTER ROLE takes them' AS advice"
            "  FROM app"
            "  UNION ALL"
            "  SELECT app.oid, EXISTS (SELECT FROM pg_auth_members WHERE member = app.oid),"
            "         'is a member of another role', 'REVOKE that role from it'"
            "  FROM app"
            "  UNION ALL"
            "  SELECT app.oid, has_database_privilege(app.oid, current_database(), 'TEMPORARY'),"
            "         'may make temporary tables', 'have setup.sql run again'"
            "  FROM app"
            "  UNION ALL"
            "  SELECT app.oid, has_function_privilege(app.oid, 'pg_catalog.lo_creat(integer)', 'EXECUTE')"
            "         OR has_function_privilege(app.oid, 'pg_catalog.lo_create(oid)', 'EXECUTE')"
            "         OR has_function_privilege(app.oid, 'pg_catalog.lo_from_bytea(oid, bytea)', 'EXECUTE'),"
            "         'may make large objects', 'have a superuser run setup.sql again'"
            "  FROM app"
            "  UNION ALL"
            "  SELECT app.oid, has_table_privilege(app.oid, events.oid, 'DELETE'),"
            "         'may delete events', 'migrate, or REVOKE DELETE ON cloudep.events'"
            "  FROM app"
            "  JOIN pg_class AS events"
            "    ON events.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'cloudep')"
            "    AND events.relname = 'events'"
            ")"
            " SELECT " CLOUDEP_OPERATOR_WARNING_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL)
            " FROM ("
            "   SELECT holder || ' has ' || entry || ', which our statements suffer from: ALTER ... RESET ' || name AS text"
            "   FROM setting"
            "   WHERE name IN ('default_transaction_isolation', 'default_transaction_read_only',"
            "                  'default_transaction_deferrable', 'statement_timeout', 'lock_timeout',"
            "                  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout',"
            "                  'search_path', 'datestyle', 'intervalstyle', 'bytea_output', 'role',"
            "                  'session_replication_role', 'standard_conforming_strings', 'synchronous_commit')"
            "   UNION ALL"
            "   SELECT 'the role cloudep_app ' || what || ': ' || advice"
            "   FROM held"
            "   WHERE is_held"
            " ) AS warning"
            " ORDER BY warning.text",
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

apr_status_t cloudep_operator_migration_warnings(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list)
{
    return cloudep_record_list(list, p, db, &warning_record, &statements[WARNINGS], NULL);
}

apr_status_t cloudep_operator_migration_apply(cloudep_db_t *db, apr_pool_t *p, int version, const char *name,
                                              const char *checksum, const char *sql)
{
    /* The row comes first: when another run was faster, nothing of the migration is tried a second time. */
    const char *script = apr_psprintf(p, LOCK NOTE_AND_APPLY, version, name, checksum, sql);

    return cloudep_db_script(db, p, apr_psprintf(p, "migration %04d", version), script);
}
