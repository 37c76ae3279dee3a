/*
 * db_test.c - statements on a real PostgreSQL: arguments, NULL, statuses, second tries, settings, and connections that
 * went away.
 */
#include <apr_general.h>

#include "postgres.h"
#include "tap.h"

/* What was reported last. */
static char told[256];

static void note(void *baton, const char *label, const char *sqlstate, const char *message)
{
    (void)baton;
    (void)snprintf(told, sizeof(told), "%s %s %s", label, sqlstate, message);
}

static void test_arguments(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t two = {
        .label = "test_two", .sql = "SELECT %s::text || '%%s' || %s::text, %s::text IS NULL", .repeatable = 1};
    static const cloudep_statement_t none = {.label = "test_none", .sql = "SELECT true, false, NULL::boolean"};
    cloudep_args_t many = {0};
    cloudep_rows_t *rows = NULL;

    is_int(cloudep_db_run(db, p, &rows, &two, CLOUDEP_ARGS("a", "b", NULL)), APR_SUCCESS, "three arguments are taken");
    is_str(cloudep_cell(rows, 0, 0), "a%sb", "a doubled percent sign is one, and no parameter");
    is_int(cloudep_cell_true(rows, 0, 1), 1, "NULL arrives as SQL NULL");
    is_int(cloudep_db_run(db, p, &rows, &none, NULL), APR_SUCCESS, "a statement without parameters needs no arguments");
    ok(cloudep_cell_true(rows, 0, 0) && !cloudep_cell_true(rows, 0, 1) && !cloudep_cell_true(rows, 0, 2),
       "of true, false and NULL the first is true");
    is_int(cloudep_db_run(db, p, &rows, &two, CLOUDEP_ARGS("a", "b")), CLOUDEP_EDATABASE,
           "an argument too few is refused");
    is_str(told, "test_two  has 3 parameters and was given 2", "the report of an argument too few says both numbers");
    is_int(cloudep_db_run(db, p, &rows, &none, CLOUDEP_ARGS("a")), CLOUDEP_EDATABASE,
           "an argument too many is refused");
    for (int i = 0; i <= CLOUDEP_ARGS_MAX; i++) {
        cloudep_arg(&many, "x");
    }
    is_int(cloudep_db_run(db, p, &rows, &none, &many), CLOUDEP_EDATABASE,
           "more arguments than there is room for are refused");
}

static void test_one(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t rows_of = {.label = "test_rows",
                                                .sql = "SELECT n FROM generate_series(1, %s::integer) AS rows (n)"};
    cloudep_rows_t *rows = NULL;

    is_int(cloudep_db_run(db, p, &rows, &rows_of, CLOUDEP_ARGS("0")), APR_SUCCESS, "no row is a success to run");
    is_int(cloudep_db_run_one(db, p, &rows, &rows_of, CLOUDEP_ARGS("0")), APR_NOTFOUND,
           "no row is APR_NOTFOUND to run_one");
    is_int(cloudep_db_run_one(db, p, NULL, &rows_of, CLOUDEP_ARGS("0")), APR_NOTFOUND,
           "no row is APR_NOTFOUND to run_one without rows, too");
    is_int(cloudep_db_run_one(db, p, &rows, &rows_of, CLOUDEP_ARGS("1")), APR_SUCCESS, "a row is a success to run_one");
    is_str(cloudep_cell(rows, 0, 0), "1", "run_one returns the row");
}

static void test_failures(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t insert = {.label = "test_insert",
                                               .sql = "INSERT INTO cloudep.tenants (slug, name) VALUES (%s, 'a name')"};
    static const cloudep_statement_t broken = {.label = "test_broken", .sql = "SELECT nothing FROM cloudep.nowhere"};

    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("twice")), APR_SUCCESS, "a row is inserted");
    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("twice")), CLOUDEP_ECONFLICT,
           "a unique violation is a conflict");
    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("Not A Slug")), CLOUDEP_EDATABASE,
           "another violated constraint is a failure of the database");
    ok(!strncmp(told, "test_insert 23514 ", 18), "a violated constraint is reported with its SQLSTATE: %s", told);
    ok(!strstr(told, "Not A Slug"), "the report of a violated constraint holds no data of the row");
    is_int(cloudep_db_run(db, p, NULL, &broken, NULL), CLOUDEP_EDATABASE, "a statement that does not prepare fails");
    ok(!strncmp(told, "test_broken 42P01 ", 18), "a statement that does not prepare is reported: %s", told);
}

/* Two statements of which the second sees what was committed while the first waited. */
static void test_transaction(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t rename = {
        .label = "test_rename", .sql = "UPDATE cloudep.tenants SET name = %s WHERE slug = %s RETURNING slug"};
    static const cloudep_statement_t name_of = {.label = "test_name_of",
                                                .sql = "SELECT name FROM cloudep.tenants WHERE slug = %s"};
    static const cloudep_statement_t broken = {.label = "test_divide", .sql = "SELECT 1 / %s::integer"};
    static const cloudep_statement_t timeout = {.label = "test_timeout",
                                                .sql = "SELECT current_setting('statement_timeout')"};
    static const char end_connections[] =
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE usename = $1";
    cloudep_step_t both[] = {{.st = &rename, .args = CLOUDEP_ARGS("two", "twice")},
                             {.st = &name_of, .args = CLOUDEP_ARGS("twice")}};
    cloudep_step_t nobody[] = {{.st = &rename, .args = CLOUDEP_ARGS("three", "nobody")},
                               {.st = &rename, .args = CLOUDEP_ARGS("three", "twice")}};
    cloudep_step_t fails[] = {{.st = &rename, .args = CLOUDEP_ARGS("four", "twice")},
                              {.st = &broken, .args = CLOUDEP_ARGS("0")}};
    cloudep_rows_t *rows = NULL;

    is_int(cloudep_db_transact(db, p, both, 2), APR_SUCCESS, "two statements run in one transaction");
    is_str(cloudep_cell(both[0].rows, 0, 0), "twice", "the first returns its rows");
    is_str(cloudep_cell(both[1].rows, 0, 0), "two", "the second sees what the first has done");
    is_int(cloudep_db_transact(db, p, nobody, 2), APR_NOTFOUND, "a first statement without a row is APR_NOTFOUND");
    is_int(cloudep_db_run(db, p, &rows, &name_of, CLOUDEP_ARGS("twice")), APR_SUCCESS,
           "the connection is good after it");
    is_str(cloudep_cell(rows, 0, 0), "two", "the second was not run after a first without a row");
    is_int(cloudep_db_transact(db, p, fails, 2), CLOUDEP_EDATABASE, "a second statement that fails is a failure");
    ok(!strncmp(told, "test_divide 22012 ", 18), "the statement that failed is reported: %s", told);
    is_int(cloudep_db_run(db, p, &rows, &name_of, CLOUDEP_ARGS("twice")), APR_SUCCESS,
           "the connection is good after a failed transaction");
    is_str(cloudep_cell(rows, 0, 0), "two", "what the first has done is undone with a second that fails");
    is_int(cloudep_db_transact(db, p, &(cloudep_step_t){.st = &name_of, .args = CLOUDEP_ARGS("nobody")}, 1),
           APR_SUCCESS, "one statement without a row is a success");
    free(postgres_value(end_connections, POSTGRES_OWNER, NULL));
    is_int(cloudep_db_transact(db, p, both, 2), APR_SUCCESS,
           "a transaction on a connection whose server process ended");
    free(postgres_value(end_connections, POSTGRES_OWNER, NULL));
    is_int(cloudep_db_transact(db, p, fails, 2), CLOUDEP_EDATABASE, "one that fails on a new connection");
    is_int(cloudep_db_run(db, p, &rows, &timeout, NULL), APR_SUCCESS, "the settings of a connection are read");
    ok(strcmp(cloudep_cell(rows, 0, 0), "0") != 0,
       "a transaction that was undone has not undone the settings of its connection");
}

static void test_reconnect(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t pid = {.label = "test_pid", .sql = "SELECT pg_backend_pid()", .repeatable = 1};
    static const cloudep_statement_t zone = {
        .label = "test_zone", .sql = "SELECT current_setting('TimeZone')", .repeatable = 1};
    cloudep_rows_t *before = NULL;
    cloudep_rows_t *after = NULL;

    is_int(cloudep_db_run(db, p, &before, &pid, NULL), APR_SUCCESS, "a statement before its server process ends");
    free(postgres_value("SELECT pg_terminate_backend($1::integer, 10000)", cloudep_cell(before, 0, 0), NULL));
    is_int(cloudep_db_run(db, p, &after, &pid, NULL), APR_SUCCESS, "the same statement after its server process ended");
    ok(strcmp(cloudep_cell(before, 0, 0), cloudep_cell(after, 0, 0)) != 0,
       "the answer after that is another server process's");
    is_int(cloudep_db_run(db, p, &after, &zone, NULL), APR_SUCCESS, "the new process answers other statements");
    is_str(cloudep_cell(after, 0, 0), "UTC", "the new server process is set up as the first one was");
    postgres_stop();
    is_int(cloudep_db_run(db, p, &after, &pid, NULL), CLOUDEP_EDATABASE, "without a server a statement fails");
    postgres_start();
    is_int(cloudep_db_run(db, p, &after, &pid, NULL), APR_SUCCESS, "a statement works again when the server is back");
}

/* Fails with a state so many times, counted by a sequence, which no rollback takes back. */
static const char fail_function[] = "CREATE SEQUENCE cloudep.test_calls;"
                                    "CREATE FUNCTION cloudep.test_fail(state text, times integer) RETURNS text AS $$"
                                    " BEGIN"
                                    "  IF pg_catalog.nextval('cloudep.test_calls') <= times THEN"
                                    "   RAISE EXCEPTION 'asked for' USING ERRCODE = state;"
                                    "  END IF;"
                                    "  RETURN pg_catalog.pg_backend_pid();"
                                    " END $$ LANGUAGE plpgsql;"
                                    "GRANT ALL ON SEQUENCE cloudep.test_calls TO PUBLIC;"
                                    "GRANT USAGE ON SCHEMA cloudep TO PUBLIC";

typedef struct retry_case_t {
    const char *state;
    const char *times; /* it fails so often */
    int repeatable;
    apr_status_t status;
    const char *calls; /* are made in all */
    int moved;         /* the last one is on another connection */
} retry_case_t;

static void test_retries(cloudep_db_t *db, apr_pool_t *p)
{
    static const retry_case_t cases[] = {
        {"25006", "1", 0, APR_SUCCESS, "2", 1},       {"25006", "9", 0, CLOUDEP_EDATABASE, "2", 1},
        {"40001", "4", 0, APR_SUCCESS, "5", 0},       {"40001", "9", 0, CLOUDEP_EDATABASE, "5", 0},
        {"40P01", "4", 0, APR_SUCCESS, "5", 0},       {"57P03", "1", 0, APR_SUCCESS, "2", 1},
        {"57P05", "1", 0, APR_SUCCESS, "2", 1},       {"57P01", "1", 0, CLOUDEP_EDATABASE, "1", 1},
        {"57P01", "1", 1, APR_SUCCESS, "2", 1},       {"57P02", "1", 0, CLOUDEP_EDATABASE, "1", 1},
        {"57P02", "1", 1, APR_SUCCESS, "2", 1},       {"08006", "1", 0, CLOUDEP_EDATABASE, "1", 1},
        {"08P01", "1", 1, APR_SUCCESS, "2", 1},       {"22012", "1", 1, CLOUDEP_EDATABASE, "1", 0},
        {"57014", "1", 1, CLOUDEP_EDATABASE, "1", 0},
    };
    static const cloudep_statement_t pid = {.label = "test_pid", .sql = "SELECT pg_backend_pid()", .repeatable = 1};

    postgres_sql(fail_function);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const retry_case_t *c = &cases[i];
        const cloudep_statement_t fail = {.label = c->repeatable ? "test_fail_repeatable" : "test_fail",
                                          .sql = "SELECT cloudep.test_fail(%s, %s::integer)",
                                          .repeatable = c->repeatable};
        const char *name =
            apr_psprintf(p, "%s, %s times, %srepeatable", c->state, c->times, c->repeatable ? "" : "not ");
        cloudep_rows_t *before = NULL;
        cloudep_rows_t *after = NULL;
        char *calls;

        postgres_sql("ALTER SEQUENCE cloudep.test_calls RESTART");
        told[0] = '\0';
        is_int(cloudep_db_run(db, p, &before, &pid, NULL), APR_SUCCESS, "a connection");
        is_int(cloudep_db_run(db, p, NULL, &fail, CLOUDEP_ARGS(c->state, c->times)), c->status,
               apr_psprintf(p, "%s: what it ends with", name));
        calls = postgres_value("SELECT last_value::text FROM cloudep.test_calls", NULL);
        is_str(calls, c->calls, apr_psprintf(p, "%s: so many tries", name));
        free(calls);
        is_int(cloudep_db_run(db, p, &after, &pid, NULL), APR_SUCCESS, "a connection afterwards");
        is_int(strcmp(cloudep_cell(before, 0, 0), cloudep_cell(after, 0, 0)) != 0, c->moved,
               apr_psprintf(p, "%s: whether the connection is another one", name));
        is_int(*told != '\0', c->status != APR_SUCCESS, apr_psprintf(p, "%s: only what no try mended is told", name));
    }
}

/* What roles may set for themselves, each with another value than statements rely on. */
static void test_settings(cloudep_db_t *db, apr_pool_t *p)
{
    static const char *const harmful[][2] = {
        {"default_transaction_isolation", "'repeatable read'"},
        {"default_transaction_deferrable", "on"},
        {"exit_on_error", "on"},
        {"search_path", "public"},
        {"TimeZone", "'Asia/Taipei'"},
        {"DateStyle", "'German, DMY'"},
        {"IntervalStyle", "'iso_8601'"},
        {"bytea_output", "'escape'"},
        {"client_encoding", "'LATIN1'"},
        {"standard_conforming_strings", "off"},
        {"transform_null_equals", "on"},
        {"extra_float_digits", "-15"},
        {"statement_timeout", "1"},
        {"lock_timeout", "1"},
    };
    static const char *const right[] = {"read committed",
                                        "off",
                                        "off",
                                        "pg_catalog, pg_temp",
                                        "UTC",
                                        "ISO, YMD",
                                        "postgres",
                                        "hex",
                                        "UTF8",
                                        "on",
                                        "off",
                                        "1",
                                        "20s",
                                        "5s"};
    static const cloudep_statement_t setting = {
        .label = "test_setting", .sql = "SELECT current_setting(%s)", .repeatable = 1};
    static const cloudep_statement_t name = {
        .label = "test_name", .sql = "SELECT current_setting('application_name')", .repeatable = 1};
    static const cloudep_statement_t end = {.label = "test_end",
                                            .sql = "SELECT pg_terminate_backend(pg_backend_pid())"};
    cloudep_rows_t *rows = NULL;

    for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
        postgres_sql(apr_pstrcat(p, "ALTER ROLE " POSTGRES_OWNER " SET ", harmful[i][0], " = ", harmful[i][1], NULL));
    }
    db->application = "cloudep it's here";
    is_int(cloudep_db_run(db, p, NULL, &end, NULL), CLOUDEP_EDATABASE, "the session ends");
    for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
        is_int(cloudep_db_run(db, p, &rows, &setting, CLOUDEP_ARGS(harmful[i][0])), APR_SUCCESS, harmful[i][0]);
        is_str(cloudep_cell(rows, 0, 0), right[i],
               apr_psprintf(p, "%s is pinned, whatever the role has set", harmful[i][0]));
    }
    is_int(cloudep_db_run(db, p, &rows, &name, NULL), APR_SUCCESS, "the name of a session");
    is_str(cloudep_cell(rows, 0, 0), "cloudep it's here", "a session that has no name is given ours");
    postgres_sql("ALTER ROLE " POSTGRES_OWNER " SET application_name = 'theirs'");
    is_int(cloudep_db_run(db, p, NULL, &end, NULL), CLOUDEP_EDATABASE, "the session ends again");
    is_int(cloudep_db_run(db, p, &rows, &name, NULL), APR_SUCCESS, "the name of a session that has one");
    is_str(cloudep_cell(rows, 0, 0), "theirs", "a name that was given stays");
    postgres_sql("ALTER ROLE " POSTGRES_OWNER " RESET ALL");
}

int main(void)
{
    apr_pool_t *pool;
    cloudep_db_t *db;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    postgres_start();
    db = postgres_db(pool, POSTGRES_OWNER);
    db->report = note;
    test_arguments(db, pool);
    test_one(db, pool);
    test_failures(db, pool);
    test_transaction(db, pool);
    test_reconnect(db, pool);
    test_retries(db, pool);
    test_settings(db, pool);
    return done_testing();
}
