/*
 * schema_test.c - what setup.sql and all migrations of sql/ make, line by line against t/unit/schema.txt: columns,
 * constraints, indexes, triggers, functions, and who may do what. And what the migrations do to rows of before.
 *
 * After a migration is added:  BUILD/unit/schema_test --write
 */
#include <apr_general.h>

#include "postgres.h"
#include "tap.h"

#define RECORD "t/unit/schema.txt"

/* clang-format off */

/* Privileges as "who: what, what", of those who do not own the object. */
#define PRIVILEGES(acl, owner) \
    "(SELECT string_agg(role || ' ' || what, '; ' ORDER BY role)" \
    " FROM (SELECT coalesce(grantee.rolname, 'PUBLIC') AS role," \
    "              string_agg(privilege_type, ',' ORDER BY privilege_type) AS what" \
    "       FROM aclexplode(" acl ") AS acl LEFT JOIN pg_roles AS grantee ON grantee.oid = acl.grantee" \
    "       WHERE acl.grantee <> " owner \
    "       GROUP BY 1) AS granted)"

/* Each line begins with its kind and what it is of. */
static const char lines_sql[] =
    "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") || E'\\n' FROM ("
    " SELECT 'table ' || t.relname || ' ' || t.relkind::text || ' owner ' || owner.rolname"
    "        || coalesce(' with ' || array_to_string(t.reloptions, ','), '')"
    "        || coalesce(' grants ' || " PRIVILEGES("t.relacl", "t.relowner") ", '') AS line"
    "   FROM pg_class AS t JOIN pg_roles AS owner ON owner.oid = t.relowner"
    "   WHERE t.relnamespace = 'cloudep'::regnamespace AND t.relkind IN ('r', 'v', 'S', 'p')"
    " UNION ALL"
    " SELECT 'column ' || t.relname || '.' || c.attname || ' ' || format_type(c.atttypid, c.atttypmod)"
    "        || CASE WHEN c.attnotnull THEN ' not null' ELSE '' END"
    "        || CASE c.attidentity WHEN '' THEN '' ELSE ' identity ' || c.attidentity::text END"
    "        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')"
    "        || coalesce(' grants ' || " PRIVILEGES("c.attacl", "t.relowner") ", '')"
    "   FROM pg_attribute AS c JOIN pg_class AS t ON t.oid = c.attrelid"
    "   LEFT JOIN pg_attrdef AS d ON d.adrelid = c.attrelid AND d.adnum = c.attnum"
    "   WHERE t.relnamespace = 'cloudep'::regnamespace AND t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped"
    " UNION ALL"
    " SELECT 'constraint ' || t.relname || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid)"
    "   FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid"
    "   WHERE c.connamespace = 'cloudep'::regnamespace AND c.contype <> 'n'" /* since PostgreSQL 18: NOT NULL */
    " UNION ALL"
    " SELECT 'index ' || pg_get_indexdef(i.indexrelid)"
    "   FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid"
    "   WHERE t.relnamespace = 'cloudep'::regnamespace"
    " UNION ALL"
    " SELECT 'trigger ' || pg_get_triggerdef(g.oid) || ' enabled ' || g.tgenabled::text"
    "   FROM pg_trigger AS g JOIN pg_class AS t ON t.oid = g.tgrelid"
    "   WHERE t.relnamespace = 'cloudep'::regnamespace AND NOT g.tgisinternal"
    " UNION ALL"
    " SELECT 'function ' || f.proname || coalesce(' grants ' || " PRIVILEGES("f.proacl", "f.proowner") ", '')"
    "        || ' ' || regexp_replace(pg_get_functiondef(f.oid), '\\s+', ' ', 'g')"
    "   FROM pg_proc AS f WHERE f.pronamespace = 'cloudep'::regnamespace"
    " UNION ALL"
    " SELECT 'schema cloudep owner ' || owner.rolname"
    "        || coalesce(' grants ' || " PRIVILEGES("s.nspacl", "s.nspowner") ", '')"
    "   FROM pg_namespace AS s JOIN pg_roles AS owner ON owner.oid = s.nspowner WHERE s.nspname = 'cloudep'"
    " UNION ALL"
    " SELECT 'role ' || rolname || ' ' || rolcanlogin || ' ' || rolsuper || ' ' || rolcreaterole || ' ' || rolcreatedb"
    "   FROM pg_roles WHERE rolname LIKE 'cloudep%'"
    " UNION ALL"
    " SELECT 'may ' || role.name || ' ' || may.what || ' ' || may.allowed"
    "   FROM (VALUES ('cloudep_app'), ('cloudep_owner')) AS role (name)"
    "   CROSS JOIN LATERAL (VALUES"
    "     ('create in public', has_schema_privilege(role.name, 'public', 'CREATE')),"
    "     ('create in cloudep', has_schema_privilege(role.name, 'cloudep', 'CREATE')),"
    "     ('make temporary tables', has_database_privilege(role.name, current_database(), 'TEMPORARY')),"
    "     ('lo_creat', has_function_privilege(role.name, 'pg_catalog.lo_creat(integer)', 'EXECUTE')),"
    "     ('lo_create', has_function_privilege(role.name, 'pg_catalog.lo_create(oid)', 'EXECUTE')),"
    "     ('lo_from_bytea', has_function_privilege(role.name, 'pg_catalog.lo_from_bytea(oid, bytea)', 'EXECUTE'))"
    "   ) AS may (what, allowed)"
    ") AS all_of_it (line)";

/* clang-format on */

static apr_pool_t *p;

static const char *value(const char *sql)
{
    char *got = postgres_value(sql, NULL);
    const char *kept = got ? apr_pstrdup(p, got) : NULL;

    free(got);
    return kept;
}

static void is_value(const char *sql, const char *want, const char *name)
{
    is_str(value(sql), want, name);
}

/* Whether text has that line, whole. */
static int has_line(const char *text, const char *line)
{
    const apr_size_t len = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at++) {
        if ((at == text || at[-1] == '\n') && (at[len] == '\n' || !at[len])) {
            return 1;
        }
    }
    return 0;
}

/* Reports each line of the first text that the second one lacks. */
static void has_lines(const char *wanted, const char *text, const char *name)
{
    char *rest = NULL;

    for (char *line = apr_strtok(apr_pstrdup(p, wanted), "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        ok(has_line(text, line), "%s: %.100s", name, line);
    }
}

static void test_record(void)
{
    const char *made = value(lines_sql);
    const char *record = postgres_file(p, postgres_path(p, RECORD));

    has_lines(record, made, "in the schema");
    has_lines(made, record, "and in " RECORD);
}

static int write_record(void)
{
    apr_file_t *file;

    if (apr_file_open(&file, postgres_path(p, RECORD), APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                      APR_FPROT_OS_DEFAULT, p) != APR_SUCCESS) {
        return 1;
    }
    return apr_file_puts(value(lines_sql), file) != APR_SUCCESS || apr_file_close(file) != APR_SUCCESS;
}

/* ---- Rows of before --------------------------------------------------------------------------------------------- */

#define TENANT "a0000000-0000-4000-8000-00000000000a"
#define UID(n) "d0000000-0000-4000-8000-00000000000" n

/* Members of 1.0.0: with a password, with a password and two accounts, with one account alone, with two. */
static void write_members(void)
{
    postgres_sql(
        "INSERT INTO cloudep.tenants (id, slug, name) VALUES ('" TENANT "', 'a', 'A');"
        "INSERT INTO cloudep.members (tenant_id, uid, email, status, origin) VALUES"
        " ('" TENANT "', '" UID(
            "1") "', '1', 'active', 'platform_native'),"
                 " ('" TENANT "', '" UID(
                     "2") "', '2', 'active', 'platform_native'),"
                          " ('" TENANT "', '" UID(
                              "3") "', '3', 'active', 'google'),"
                                   " ('" TENANT "', '" UID(
                                       "4") "', '4', 'active', 'google');"
                                            "INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid) VALUES"
                                            " ('" TENANT "', 'i', 's', '" UID("2") "'), ('" TENANT "', 'j', 's', '" UID(
                                                "2") "'),"
                                                     " ('" TENANT
                                                     "', 'i', 't', '" UID("3") "'),"
                                                                               " ('" TENANT "', 'i', 'u', '" UID(
                                                                                   "4") "'), ('" TENANT
                                                                                        "', 'j', 'u', '" UID("4") "')");
}

/* A session at 192.0.2.n, which ends in so many days. */
static void write_session(const char *n, int days, const char *columns, const char *values)
{
    postgres_sql(apr_psprintf(
        p,
        "INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, address, created_at, idle_expires_at, expires_at%s)"
        " VALUES ('" TENANT "', gen_random_uuid(), '" UID("1") "', 'pwd', '192.0.2.%s', now() - interval '1 hour',"
                                                               " now(), now() + interval '%d days'%s)",
        columns, n, days, values));
}

/* Two at one network; one of an older generation, one that was opened by 1.0.0 before the last change and one after,
 * one that its member has ended and one that something else has. */
static void write_sessions(void)
{
    postgres_sql("UPDATE cloudep.members SET generation = 3, sessions_from = 2,"
                 " generation_at = now() - interval '30 minutes' WHERE uid = '" UID("1") "'");
    write_session("1", 1, ", generation", ", 2");
    write_session("1", 5, ", generation", ", 3");
    write_session("2", 1, ", generation", ", 1");
    write_session("3", 1, "", "");
    write_session("5", 1, ", generation, revoked_at, revoke_reason", ", 3, now(), 'logout'");
    write_session("6", 1, ", generation, revoked_at, revoke_reason", ", 3, now(), 'operator'");
    write_session("7", 1, ", generation", ", 3");
    postgres_sql("UPDATE cloudep.sessions SET address = 'unknown' WHERE address = '192.0.2.7'");
    write_session("4", 1, "", "");
    postgres_sql("UPDATE cloudep.sessions SET created_at = now() WHERE address = '192.0.2.4'");
}

/* All migrations again, with rows where one looks at them. */
static void test_rows(void)
{
    cloudep_db_t *db = postgres_db(p, POSTGRES_OWNER);
    const apr_array_header_t *scripts = postgres_scripts(p);

    postgres_sql("SET client_min_messages = warning; DROP SCHEMA cloudep CASCADE; CREATE SCHEMA cloudep AUTHORIZATION "
                 "cloudep_owner");
    if (cloudep_operator_migration_table(db, p) != APR_SUCCESS) {
        postgres_bail_out("no table of migrations");
    }
    for (int i = 1; i < scripts->nelts; i++) {
        const postgres_script_t *at = &APR_ARRAY_IDX(scripts, i, const postgres_script_t);
        const int number = (int)apr_atoi64(at->name);

        if (number == 6) {
            write_members();
        }
        if (number == 13) {
            write_sessions();
        }
        is_int(cloudep_operator_migration_apply(db, p, number, "n", "0", at->text), APR_SUCCESS,
               apr_psprintf(p, "migration %d", number));
    }
    is_value("SELECT string_agg(ways_in::text, ' ' ORDER BY uid) FROM cloudep.members", "1 3 1 2",
             "migration 6 counts a password and each account as a way in");
    is_value("SELECT string_agg(network, ' ' ORDER BY network) FROM cloudep.known_networks",
             "192.0.2.1 192.0.2.4 192.0.2.5", "migration 13 knows the networks of sessions that live or were left");
    is_value("SELECT string_agg(generation || ' ' || round(extract(epoch FROM known_until - now()) / 86400), ', '"
             " ORDER BY network) FROM cloudep.known_networks",
             "3 95, 3 91, 3 91", "as of the present generation, until 90 days after the last one's end");
}

int main(int argc, const char *const *argv)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    postgres_start();
    if (argc > 1 && !strcmp(argv[1], "--write")) {
        return write_record();
    }
    test_record();
    test_rows();
    return done_testing();
}
