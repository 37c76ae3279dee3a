/*
 * db_test.c - statements on a real PostgreSQL: arguments, NULL, statuses, second tries, settings, scripts, and
 * connections that went away.
 */
#include <apr_general.h>
#include <sys/socket.h>

#include "counted.h"
#include "postgres.h"
#include "tap.h"

/* What was reported last. */
static char told[256];

static void note(void *baton, const char *label, const char *sqlstate, const char *message)
{
    (void)baton;
    (void)snprintf(told, sizeof(told), "%s %s %s", label, sqlstate, message);
}

/* Connections that were leased and not given back. */
static int leased;
static apr_status_t refusal; /* what the next lease is refused with; 0: it is not */

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    const apr_status_t rv = refusal ? refusal : postgres_acquire(baton, lease, p);

    leased += rv == APR_SUCCESS;
    return rv;
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    leased--;
    postgres_release(baton, lease);
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

static void test_rows(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t cells = {
        .label = "test_cells",
        .sql = "SELECT n, nullif(n, '2'), '' FROM (VALUES ('1'), ('2'), ('3')) AS rows (n) ORDER BY n"};
    static const cloudep_statement_t number = {.label = "test_number", .sql = "SELECT %s::integer WHERE %s::boolean"};
    cloudep_rows_t *rows = NULL;
    int n = -1;

    is_int(cloudep_db_run(db, p, &rows, &cells, NULL), APR_SUCCESS, "three rows of three cells");
    is_str(apr_psprintf(p, "%d of %d", rows->count, rows->columns), "3 of 3", "are counted");
    is_str(apr_pstrcat(p, cloudep_cell(rows, 0, 0), cloudep_cell(rows, 1, 0), cloudep_cell(rows, 2, 0), NULL), "123",
           "and come in their order");
    is_str(cloudep_cell(rows, 2, 1), "3", "each cell is where it was");
    is_str(cloudep_cell(rows, 1, 1), NULL, "SQL NULL is NULL");
    is_str(cloudep_cell(rows, 1, 2), "", "and the empty text is not");
    is_int(cloudep_db_number(&n, p, db, &number, CLOUDEP_ARGS("42", "true")), APR_SUCCESS, "a number");
    is_int(n, 42, "is read");
    is_int(cloudep_db_number(&n, p, db, &number, CLOUDEP_ARGS("42", "false")), APR_SUCCESS, "without a row");
    is_int(n, 0, "it is 0");
    n = 7;
    is_int(cloudep_db_number(&n, p, db, &number, CLOUDEP_ARGS("x", "true")), CLOUDEP_EDATABASE, "a number that fails");
    is_int(n, 0, "is 0, too");
}

static void test_failures(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t insert = {.label = "test_insert",
                                               .sql = "INSERT INTO cloudep.tenants (slug, name) VALUES (%s, 'a name')"};
    static const cloudep_statement_t broken = {.label = "test_broken", .sql = "SELECT nothing FROM cloudep.nowhere"};

    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("twice")), APR_SUCCESS, "a row is inserted");
    told[0] = '\0';
    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("twice")), CLOUDEP_ECONFLICT,
           "a unique violation is a conflict");
    is_str(told, "", "which is no failure of the database to report");
    is_int(cloudep_db_run(db, p, NULL, &insert, CLOUDEP_ARGS("Not A Slug")), CLOUDEP_EDATABASE,
           "another violated constraint is a failure of the database");
    ok(!strncmp(told, "test_insert 23514 ", 18), "a violated constraint is reported with its SQLSTATE: %s", told);
    ok(!strstr(told, "Not A Slug"), "the report of a violated constraint holds no data of the row");
    is_int(cloudep_db_run(db, p, NULL, &broken, NULL), CLOUDEP_EDATABASE, "a statement that does not prepare fails");
    ok(!strncmp(told, "test_broken 42P01 ", 18), "a statement that does not prepare is reported: %s", told);
    told[0] = '\0';
    is_int(cloudep_db_run(db, p, NULL, &broken, NULL), CLOUDEP_EDATABASE, "and fails another time");
    ok(!strncmp(told, "test_broken 42P01 ", 18), "for the same reason: it does not count as prepared: %s", told);
}

/* What is counted of a statement: its label, and how it ended. */
static void test_counted(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t raise = {
        .label = "test_counted", .sql = "SELECT FROM (SELECT cloudep.test_raise(%s)) AS raised WHERE %s::boolean"};
    static const cloudep_statement_t second = {.label = "test_second", .sql = "SELECT true"};
    static const struct {
        const char *state, *result;
        apr_status_t status;
    } cases[] = {{"23505", "conflict", CLOUDEP_ECONFLICT},
                 {"55P03", "locked", CLOUDEP_ELOCKED},
                 {"22012", "failed", CLOUDEP_EDATABASE}};
    cloudep_step_t steps[] = {{.st = &raise, .args = CLOUDEP_ARGS(NULL, "false")}, {.st = &second}};

    (void)count_in(64);
    postgres_sql("CREATE FUNCTION cloudep.test_raise(state text) RETURNS integer AS $$ BEGIN"
                 " IF state IS NOT NULL THEN RAISE EXCEPTION 'asked for' USING ERRCODE = state; END IF;"
                 " RETURN 1; END $$ LANGUAGE plpgsql");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        told[0] = '\0';
        is_int(cloudep_db_run(db, p, NULL, &raise, CLOUDEP_ARGS(cases[i].state, "true")), cases[i].status,
               apr_psprintf(p, "%s: its status", cases[i].state));
        is_int(*told != '\0', cases[i].status == CLOUDEP_EDATABASE,
               apr_psprintf(p, "%s: only what failed is reported", cases[i].state));
        is_int(counted(CLOUDEP_METRIC_STATEMENTS, "test_counted", cases[i].result), 1,
               apr_psprintf(p, "%s: counts as %s", cases[i].state, cases[i].result));
    }
    refusal = CLOUDEP_EOVERLOAD;
    is_int(cloudep_db_run(db, p, NULL, &raise, CLOUDEP_ARGS(NULL, "true")), CLOUDEP_EOVERLOAD, "without a connection");
    refusal = APR_SUCCESS;
    is_int(counted(CLOUDEP_METRIC_STATEMENTS, "test_counted", "overload"), 1, "overload is counted");
    is_int(cloudep_db_transact(db, p, steps, 2), APR_NOTFOUND, "a transaction that finds nothing");
    is_int(counted(CLOUDEP_METRIC_STATEMENTS, "test_counted", "done"), 1, "counts as done, by its first statement");
    is_int(counted(CLOUDEP_METRIC_STATEMENTS, "test_second", "done"), -1, "and not by the others");
    is_int(cloudep_db_run(db, p, NULL, &second, NULL), APR_SUCCESS, "a success");
    is_int(counted(CLOUDEP_METRIC_STATEMENTS, "test_second", "done"), 1, "counts as done");
    ok(counted_series(CLOUDEP_METRIC_STATEMENT_TIME, "", "").values[CLOUDEP_BUCKETS] > 0, "and its time is taken");
    cloudep_share_cells(NULL);
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
    static const cloudep_statement_t add = {.label = "test_add",
                                            .sql = "INSERT INTO cloudep.tenants (slug, name) VALUES ('undone', 'x')"};
    cloudep_step_t tells_nothing[] = {{.st = &add}, {.st = &name_of, .args = CLOUDEP_ARGS("undone")}};
    cloudep_step_t finds_nothing[] = {{.st = &rename, .args = CLOUDEP_ARGS("two", "twice")},
                                      {.st = &name_of, .args = CLOUDEP_ARGS("nobody")}};
    cloudep_rows_t *rows = NULL;

    is_int(cloudep_db_transact(db, p, both, 2), APR_SUCCESS, "two statements run in one transaction");
    is_str(cloudep_cell(both[0].rows, 0, 0), "twice", "the first returns its rows");
    is_str(cloudep_cell(both[1].rows, 0, 0), "two", "the second sees what the first has done");
    is_int(cloudep_db_transact(db, p, nobody, 2), APR_NOTFOUND, "a first statement without a row is APR_NOTFOUND");
    is_int(cloudep_db_run(db, p, &rows, &name_of, CLOUDEP_ARGS("twice")), APR_SUCCESS,
           "the connection is good after it");
    is_str(cloudep_cell(rows, 0, 0), "two", "the second was not run after a first without a row");
    is_int(cloudep_db_transact(db, p, tells_nothing, 2), APR_NOTFOUND, "a first statement that returns no row");
    is_int(cloudep_db_run(db, p, &rows, &name_of, CLOUDEP_ARGS("undone")), APR_SUCCESS, "may have done something");
    is_int(rows->count, 0, "which is undone");
    postgres_sql("UPDATE cloudep.tenants SET name = 'one' WHERE slug = 'twice'");
    is_int(cloudep_db_transact(db, p, finds_nothing, 2), APR_SUCCESS, "a second statement without a row is a success");
    is_int(finds_nothing[1].rows->count, 0, "which has no row");
    is_int(cloudep_db_run(db, p, &rows, &name_of, CLOUDEP_ARGS("twice")), APR_SUCCESS, "what the first has done");
    is_str(cloudep_cell(rows, 0, 0), "two", "is committed");
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
    static const cloudep_statement_t once = {.label = "test_once", .sql = "SELECT pg_backend_pid()"};
    static const cloudep_statement_t zone = {
        .label = "test_zone", .sql = "SELECT current_setting('TimeZone')", .repeatable = 1};
    cloudep_rows_t *before = NULL;
    cloudep_rows_t *after = NULL;

    is_int(cloudep_db_run(db, p, &before, &pid, NULL), APR_SUCCESS, "a statement before its server process ends");
    free(postgres_value("SELECT pg_terminate_backend($1::integer, 10000)", cloudep_cell(before, 0, 0), NULL));
    is_int(cloudep_db_run(db, p, &after, &pid, NULL), APR_SUCCESS, "the same statement after its server process ended");
    ok(strcmp(cloudep_cell(before, 0, 0), cloudep_cell(after, 0, 0)) != 0,
       "the answer after that is another server process's");
    is_int(cloudep_db_run(db, p, &before, &once, NULL), APR_SUCCESS, "a statement that may run once only");
    free(postgres_value("SELECT pg_terminate_backend($1::integer, 10000)", cloudep_cell(before, 0, 0), NULL));
    is_int(cloudep_db_run(db, p, &after, &once, NULL), APR_SUCCESS,
           "is not sent on a connection that the server has closed");
    is_int(cloudep_db_run(db, p, &after, &zone, NULL), APR_SUCCESS, "the new process answers other statements");
    is_str(cloudep_cell(after, 0, 0), "UTC", "the new server process is set up as the first one was");
    postgres_stop();
    is_int(cloudep_db_run(db, p, &after, &pid, NULL), CLOUDEP_EDATABASE, "without a server a statement fails");
    is_str(told, "test_pid  no connection", "which is reported as that");
    is_int(cloudep_db_script(db, p, "a script", "SELECT 1"), CLOUDEP_EDATABASE, "so does a script");
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

/* ---- Transactions that fail, and connections that break */

/* What fails when it is committed, a row each. */
static const char commit_function[] =
    "CREATE TABLE cloudep.test_commits (state text, times integer);"
    "CREATE FUNCTION cloudep.test_commit() RETURNS trigger AS $$"
    " BEGIN PERFORM cloudep.test_fail(NEW.state, NEW.times); RETURN NULL; END $$ LANGUAGE plpgsql;"
    "CREATE CONSTRAINT TRIGGER test_commit AFTER INSERT ON cloudep.test_commits DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION cloudep.test_commit();"
    "GRANT ALL ON cloudep.test_commits TO PUBLIC";

static const cloudep_statement_t fails_now = {.label = "test_fails_now",
                                              .sql = "SELECT cloudep.test_fail(%s, %s::integer)"};
static const cloudep_statement_t fails_at_commit = {
    .label = "test_fails_at_commit",
    .sql = "INSERT INTO cloudep.test_commits VALUES (%s, %s::integer) RETURNING state",
    .repeatable = 1};
static const cloudep_statement_t nothing = {.label = "test_nothing", .sql = "SELECT true", .repeatable = 1};

/* How a transaction ends whose last statement, or whose commit, fails so many times; and after how many tries. */
static void is_transaction(cloudep_db_t *db, apr_pool_t *p, int at_commit, const char *state, const char *times,
                           const char *want, const char *name)
{
    cloudep_step_t now[] = {{.st = &nothing}, {.st = &fails_now, .args = CLOUDEP_ARGS(state, times)}};
    cloudep_step_t then[] = {{.st = &fails_at_commit, .args = CLOUDEP_ARGS(state, times)}, {.st = &nothing}};
    apr_status_t rv;
    char *calls;

    postgres_sql("ALTER SEQUENCE cloudep.test_calls RESTART");
    rv = cloudep_db_transact(db, p, at_commit ? then : now, 2);
    calls = postgres_value("SELECT last_value::text FROM cloudep.test_calls", NULL);
    is_str(apr_pstrcat(p,
                       rv == APR_SUCCESS         ? "success"
                       : rv == CLOUDEP_EDATABASE ? "failure"
                                                 : "other",
                       " ", calls, NULL),
           want, name);
    free(calls);
}

static void test_transactions_again(cloudep_db_t *db, apr_pool_t *p)
{
    const int timeout = db->statement_timeout;

    postgres_sql(commit_function);
    is_transaction(db, p, 0, "40001", "4", "success 5", "a transaction that was undone by another is tried again");
    is_transaction(db, p, 0, "40001", "9", "failure 5", "five times in all");
    is_transaction(db, p, 0, "57P01", "1", "success 2", "one whose server process ends before the commit is");
    is_transaction(db, p, 0, "57P01", "9", "failure 2", "twice in all");
    is_transaction(db, p, 0, "22012", "1", "failure 1", "one that fails by itself is not");
    is_transaction(db, p, 1, "40001", "1", "success 2", "one that another undoes at the commit is");
    is_transaction(db, p, 1, "57P01", "1", "failure 1", "one whose server process ends at the commit is not");
    ok(!strncmp(told, "COMMIT 57P01 ", 13), "which is reported as the commit's: %s", told);
    db->statement_timeout = 0;
    is_transaction(db, p, 0, "40001", "1", "failure 1", "nothing is tried again after statement_timeout");
    db->statement_timeout = timeout;
}

static int watched;  /* statements that have begun, and not ended */
static int watches;  /* that have begun */
static int cut_at;   /* the one whose connection breaks before it is sent; 0: none */
static int cuts_off; /* whether that is because the server does not answer */

static void watch(void *baton, cloudep_db_lease_t *lease, int socket)
{
    (void)baton;
    watched += socket >= 0 ? 1 : -1;
    if (socket >= 0 && ++watches == cut_at) {
        lease->cut_off = cuts_off;
        (void)shutdown(socket, SHUT_RDWR);
    }
}

/* How something ends whose connection breaks at that statement. */
static void is_cut(cloudep_db_t *db, apr_pool_t *p, int steps, int at, apr_status_t want, const char *name)
{
    cloudep_step_t two[] = {{.st = &nothing}, {.st = &nothing}};

    is_int(cloudep_db_run(db, p, NULL, &nothing, NULL), APR_SUCCESS, "a connection");
    watches = 0;
    cut_at = at;
    is_int(cloudep_db_transact(db, p, two, steps), want, name);
    is_int(watched, 0, "what is watched ends");
    cut_at = 0;
}

static void test_watched(cloudep_db_t *db, apr_pool_t *p)
{
    db->watch = watch;
    is_cut(db, p, 2, 99, APR_SUCCESS, "a transaction");
    is_int(watches, 4, "all statements of a transaction are watched, its ends too");
    is_cut(db, p, 1, 1, APR_SUCCESS, "a statement whose connection breaks is sent on another one");
    is_cut(db, p, 2, 1, APR_SUCCESS, "a transaction whose connection breaks at its beginning is tried again");
    is_cut(db, p, 2, 2, APR_SUCCESS, "so is one at its first statement");
    is_cut(db, p, 2, 3, APR_SUCCESS, "or at its last");
    is_cut(db, p, 2, 4, CLOUDEP_EDATABASE, "one that may have been committed is not");
    cuts_off = 1;
    is_cut(db, p, 1, 1, CLOUDEP_EDATABASE, "nothing is sent again to a server that does not answer");
    db->watch = NULL;
}

/* ---- Scripts */

static void test_script(cloudep_db_t *db, apr_pool_t *p)
{
    static const cloudep_statement_t end = {.label = "test_end",
                                            .sql = "SELECT pg_terminate_backend(pg_backend_pid())"};
    static const char sum[] = "SELECT coalesce(sum(n), 0)::text FROM cloudep.test_script";
    char *got;

    is_int(cloudep_db_script(db, p, "a script",
                             "CREATE TABLE cloudep.test_script (n integer UNIQUE);"
                             "INSERT INTO cloudep.test_script VALUES (1)"),
           APR_SUCCESS, "a script of two statements");
    told[0] = '\0';
    is_int(cloudep_db_script(db, p, "a script",
                             "INSERT INTO cloudep.test_script VALUES (2);"
                             "INSERT INTO cloudep.test_script VALUES (1)"),
           CLOUDEP_ECONFLICT, "one that breaks a unique constraint is a conflict");
    is_str(told, "", "which is not reported");
    is_int(cloudep_db_script(db, p, "a script", "INSERT INTO cloudep.test_script VALUES (4); SELECT 1 / 0"),
           CLOUDEP_EDATABASE, "one that fails");
    ok(!strncmp(told, "a script 22012 ", 15), "is reported by its label: %s", told);
    got = postgres_value(sum, NULL);
    is_str(got, "1", "what fails does nothing");
    free(got);
    postgres_sql("ALTER ROLE " POSTGRES_OWNER " SET TimeZone = 'Asia/Taipei'");
    is_int(cloudep_db_run(db, p, NULL, &end, NULL), CLOUDEP_EDATABASE, "the session ends");
    is_int(cloudep_db_script(db, p, "a script",
                             "INSERT INTO cloudep.test_script SELECT 10 + extract(timezone FROM now())"),
           APR_SUCCESS, "a script on a new connection");
    got = postgres_value(sum, NULL);
    is_str(got, "11", "has the settings that statements rely on");
    free(got);
    postgres_sql("ALTER ROLE " POSTGRES_OWNER " RESET ALL");
    refusal = CLOUDEP_EOVERLOAD;
    is_int(cloudep_db_script(db, p, "a script", "SELECT 1"), CLOUDEP_EOVERLOAD, "without a connection it says why");
    refusal = APR_SUCCESS;
}

/* ---- A commit that waits for a standby */

/* Has a server process of the owner wait for a standby that there is not. It takes a moment for the setting to count.
 */
static PGconn *wait_for_standby(apr_pool_t *p)
{
    PGconn *pg = postgres_connect("cloudep", POSTGRES_OWNER);
    int waits = 0;

    postgres_exec(pg, "SET synchronous_commit = on");
    postgres_sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    postgres_sql("SELECT pg_reload_conf()");
    for (int tries = 0; !waits && tries < 1000; tries++) {
        char *found;

        if (!PQisBusy(pg)) {
            while (PQgetResult(pg)) {
            }
            (void)PQsendQuery(pg, "UPDATE cloudep.test_script SET n = n");
        }
        (void)usleep(10000);
        (void)PQconsumeInput(pg);
        postgres_sql("SELECT pg_stat_clear_snapshot()");
        found = postgres_value("SELECT wait_event FROM pg_stat_activity WHERE pid = $1::integer AND state = 'active'",
                               apr_itoa(p, PQbackendPID(pg)), NULL);
        waits = found && !strcmp(found, "SyncRep");
        free(found);
    }
    ok(waits, "a commit waits for a standby");
    return pg;
}

static void test_standby(cloudep_db_t *db, apr_pool_t *p)
{
    PGconn *pg = wait_for_standby(p);
    PGconn *idle = postgres_connect("cloudep", POSTGRES_OWNER);
    cloudep_db_lease_t lease = {0};

    is_int(db->acquire(db->baton, &lease, p), APR_SUCCESS, "a connection to ask on");
    is_int(cloudep_db_awaits_standby(&lease, PQbackendPID(pg), p), 1, "a server process that waits is told");
    is_int(cloudep_db_awaits_standby(&lease, PQbackendPID(idle), p), 0, "another one does not wait");
    postgres_sql("ALTER SYSTEM RESET synchronous_standby_names");
    postgres_sql("SELECT pg_reload_conf()");
    PQclear(PQgetResult(pg));
    is_int(cloudep_db_awaits_standby(&lease, PQbackendPID(pg), p), 0, "nor does it any more when it was let go");
    db->release(db->baton, &lease);
    PQfinish(pg);
    PQfinish(idle);
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
    db->lock_timeout = -5;
    is_int(cloudep_db_run(db, p, &rows, &name, NULL), CLOUDEP_EDATABASE, "a session that cannot be set up is not used");
    db->lock_timeout = 5000;
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
    db->acquire = acquire;
    db->release = release;
    test_arguments(db, pool);
    test_one(db, pool);
    test_rows(db, pool);
    test_failures(db, pool);
    test_counted(db, pool);
    test_transaction(db, pool);
    test_reconnect(db, pool);
    test_retries(db, pool);
    test_transactions_again(db, pool);
    test_watched(db, pool);
    test_script(db, pool);
    test_standby(db, pool);
    test_settings(db, pool);
    is_int(leased, 0, "every connection was given back");
    return done_testing();
}
