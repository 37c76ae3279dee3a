/*
 * db.c - statements on connections that may die at any time.
 *
 * apr_dbd_pgsql reconnects silently and the new session knows none of the prepared statements, so what was
 * prepared is remembered per server process (PQbackendPID) in the connection's own pool. Rows are always
 * read by number: sequential access reports errors as "no rows" and sleeps on empty results. A session's settings are
 * set when it begins, so that no role's or server's own change what a statement means.
 */
#include "base/store/db.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "base/metrics.h"

#define SESSION_KEY "cloudep:db-session"
#define SETTING_TRIES 5

typedef struct prepared_t {
    apr_dbd_prepared_t *statement;
    int parameters;
} prepared_t;

/* What one server process behind one connection knows. */
typedef struct session_t {
    apr_pool_t *pool;     /* cleared when the server process changes */
    apr_hash_t *prepared; /* label -> prepared_t */
    int backend;
} session_t;

/* Why a statement failed. */
typedef struct failure_t {
    const char *label;    /* of the statement */
    const char *sqlstate; /* "" if unknown */
    const char *line;     /* the server's first line */
    int sent;             /* the statement was on its way */
} failure_t;

/* Another try may help, and how many there may be then, the first one included. */
typedef enum retry_t { RETRY_NEVER = 1, RETRY_CONNECTION = 2, RETRY_CONFLICT = 5 } retry_t;

/* Failures that say more than that the statement failed. */
static const struct {
    const char *sqlstate; /* or its class: the first two characters */
    int undone;           /* it is certain that nothing was done, so that also what is not repeatable is tried again */
    int closes;           /* the connection is of no more use */
} faults[] = {
    {"25006", 1, 1}, /* read-only: a primary became a standby, or was closed to writes, and kept its connections */
    {"40001", 1, 0}, /* serialization failure, also a standby's conflict with recovery */
    {"40P01", 1, 0}, /* deadlock */
    {"57P03", 1, 1}, /* no connections now: it starts or stops */
    {"57P05", 1, 1}, /* the connection was idle for too long */
    {"57P01", 0, 1}, /* shutdown, or pg_terminate_backend: perhaps while it committed */
    {"57P02", 0, 1}, /* another server process crashed */
    {"08", 0, 1},    /* connection exceptions */
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* Splits libpq's "ERROR:  23505: text\nDETAIL: ..." into state and first line; details may hold row data. */
static const char *sqlstate_of(apr_pool_t *p, const char *text, const char **line)
{
    const char *at = text ? strstr(text, ":  ") : NULL;
    const char *end = text ? strchr(text, '\n') : NULL;

    *line = text ? (end ? apr_pstrmemdup(p, text, (apr_size_t)(end - text)) : text) : "";
    if (at && strlen(at) > 9 && at[8] == ':') {
        return apr_pstrmemdup(p, at + 3, 5);
    }
    return "";
}

static apr_status_t status_of(const char *sqlstate)
{
    if (!strcmp(sqlstate, "23505")) {
        return CLOUDEP_ECONFLICT;
    }
    if (!strcmp(sqlstate, "55P03")) {
        return CLOUDEP_ELOCKED;
    }
    return CLOUDEP_EDATABASE;
}

/* An idle connection with something to read was closed by the server: ask before sending. Its last words come first,
 * and libpq notices the end when it reads on. */
static void notice_closed(PGconn *pg)
{
    struct pollfd fd = {.fd = PQsocket(pg), .events = POLLIN};

    while (fd.fd >= 0 && poll(&fd, 1, 0) > 0 && PQconsumeInput(pg)) {
        /* there may be more */
    }
}

/*
 * Every setting that statements or the reading of rows rely on: a role, a database, DBDParams or postgresql.conf may
 * have another one. Left to the administrator are default_transaction_read_only, which closes a server to writes, and
 * synchronous_commit. Argument: a number of milliseconds.
 */
static const char pinned[] = "SET default_transaction_isolation = 'read committed';"
                             "SET default_transaction_deferrable = off;"
                             "SET exit_on_error = off;"
                             "SET search_path = pg_catalog, pg_temp;"
                             "SET TIME ZONE 'UTC';"
                             "SET DateStyle = 'ISO, YMD';"
                             "SET IntervalStyle = 'postgres';"
                             "SET bytea_output = 'hex';"
                             "SET client_encoding = 'UTF8';"
                             "SET standard_conforming_strings = on;"
                             "SET transform_null_equals = off;"
                             "SET extra_float_digits = 1;"
                             "SET lock_timeout = %d;";

/* Names the session in pg_stat_activity, unless DBDParams or the role has a name for it. */
static const char *naming(const cloudep_db_t *db, const cloudep_db_lease_t *lease, PGconn *pg, apr_pool_t *p)
{
    const char *given = PQparameterStatus(pg, "application_name");

    if (!db->application || (given && *given)) {
        return "";
    }
    return apr_psprintf(p, "SET application_name = '%s'",
                        apr_dbd_escape(lease->driver, p, db->application, lease->handle));
}

/*
 * The first thing of a session: the timeout that the role or the database has would count for the settings as well. It
 * counts for this, too, which is short; so a few tries.
 */
static int set_statement_timeout(const cloudep_db_t *db, const cloudep_db_lease_t *lease, apr_pool_t *p)
{
    const char *sql = apr_psprintf(p, "SET statement_timeout = %d", db->statement_timeout);
    int affected;
    int failed = 1;

    for (int tries = 0; failed && tries < SETTING_TRIES; tries++) {
        failed = apr_dbd_query(lease->driver, lease->handle, &affected, sql);
    }
    return failed;
}

static apr_status_t begin_session(cloudep_db_t *db, cloudep_db_lease_t *lease, PGconn *pg, session_t *session,
                                  apr_pool_t *p)
{
    int affected;
    const char *sql = apr_pstrcat(p, apr_psprintf(p, pinned, db->lock_timeout), naming(db, lease, pg, p), NULL);

    apr_pool_clear(session->pool);
    session->prepared = apr_hash_make(session->pool);
    session->backend = PQbackendPID(pg);
    (void)PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    if (set_statement_timeout(db, lease, p) || apr_dbd_query(lease->driver, lease->handle, &affected, sql)) {
        session->backend = 0;
        return CLOUDEP_EDATABASE;
    }
    return APR_SUCCESS;
}

/* Makes sure that a connection is alive, as far as can be known without asking. */
static apr_status_t revive(const cloudep_db_lease_t *lease, apr_pool_t *p, PGconn *pg)
{
    notice_closed(pg);
    if (PQstatus(pg) == CONNECTION_OK || apr_dbd_check_conn(lease->driver, p, lease->handle) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return CLOUDEP_EDATABASE;
}

static apr_status_t session_of(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, session_t **out)
{
    void *found = NULL;
    session_t *session;
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);

    (void)apr_pool_userdata_get(&found, SESSION_KEY, lease->pool);
    session = found;
    if (!session) {
        session = apr_pcalloc(lease->pool, sizeof(*session));
        apr_pool_create(&session->pool, lease->pool);
        (void)apr_pool_userdata_setn(session, SESSION_KEY, NULL, lease->pool);
    }
    *out = session;
    if (session->backend == PQbackendPID(pg)) {
        return APR_SUCCESS;
    }
    return begin_session(db, lease, pg, session, p);
}

/* How many %s there are; %% is a percent sign. */
static int parameters_of(const char *sql)
{
    int n = 0;

    for (const char *at = strchr(sql, '%'); at && at[1]; at = strchr(at + 2, '%')) {
        n += at[1] == 's';
    }
    return n;
}

static int prepare(cloudep_db_lease_t *lease, session_t *session, const cloudep_statement_t *st, prepared_t **prepared)
{
    int rv;

    *prepared = apr_hash_get(session->prepared, st->label, APR_HASH_KEY_STRING);
    if (*prepared) {
        return 0;
    }
    *prepared = apr_pcalloc(session->pool, sizeof(**prepared));
    (*prepared)->parameters = parameters_of(st->sql);
    rv = apr_dbd_prepare(lease->driver, session->pool, lease->handle, st->sql, st->label, &(*prepared)->statement);
    if (!rv) {
        apr_hash_set(session->prepared, st->label, APR_HASH_KEY_STRING, *prepared);
    }
    return rv;
}

static apr_status_t copy_rows(cloudep_db_lease_t *lease, apr_pool_t *p, apr_dbd_results_t *results,
                              cloudep_rows_t **out)
{
    cloudep_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    apr_dbd_row_t *row = NULL;

    rows->count = apr_dbd_num_tuples(lease->driver, results);
    rows->columns = apr_dbd_num_cols(lease->driver, results);
    if (rows->count < 0) {
        return CLOUDEP_EDATABASE;
    }
    rows->cells = apr_pcalloc(p, sizeof(char *) * (apr_size_t)rows->count * (apr_size_t)rows->columns + 1);
    for (int i = 0; i < rows->count; i++) {
        if (apr_dbd_get_row(lease->driver, p, results, &row, i + 1)) {
            return CLOUDEP_EDATABASE;
        }
        for (int c = 0; c < rows->columns; c++) {
            /* APR_ENOENT is NULL; get_entry could not tell it from the empty text. */
            (void)apr_dbd_datum_get(lease->driver, row, c, APR_DBD_TYPE_STRING, &rows->cells[i * rows->columns + c]);
        }
    }
    *out = rows;
    return APR_SUCCESS;
}

/* What the last call on a connection failed with. */
static apr_status_t failed(failure_t *failure, const cloudep_db_lease_t *lease, apr_pool_t *p)
{
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);

    failure->sqlstate = sqlstate_of(p, apr_dbd_error(lease->driver, lease->handle, 0), &failure->line);
    return PQstatus(pg) == CONNECTION_OK ? status_of(failure->sqlstate) : CLOUDEP_EDATABASE;
}

/* One try on a connection that was alive a moment ago. */
static apr_status_t execute(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_rows_t **rows,
                            const cloudep_statement_t *st, cloudep_args_t *args, failure_t *failure)
{
    session_t *session;
    prepared_t *prepared;
    apr_dbd_results_t *results = NULL;

    if (session_of(db, lease, p, &session) != APR_SUCCESS || prepare(lease, session, st, &prepared)) {
        return failed(failure, lease, p);
    }
    /* apr_dbd reads as many as there are parameters, however many there are. */
    if (prepared->parameters != args->count) {
        failure->line = apr_psprintf(p, "has %d parameters and was given %d", prepared->parameters, args->count);
        return CLOUDEP_EDATABASE;
    }
    failure->sent = 1;
    if (apr_dbd_pselect(lease->driver, p, lease->handle, &results, prepared->statement, 1, args->count, args->values)) {
        return failed(failure, lease, p);
    }
    return copy_rows(lease, p, results, rows);
}

/* So that libpq, and with it apr_dbd and mod_dbd, make a new connection before the next use. */
static void close_connection(PGconn *pg)
{
    (void)shutdown(PQsocket(pg), SHUT_RDWR);
    while (PQstatus(pg) == CONNECTION_OK && PQconsumeInput(pg)) {
        /* what was on its way, then the end */
    }
}

/* Whether another try may help: the connection, or somebody else's statement, was at fault. */
static retry_t judge(int repeatable, const cloudep_db_lease_t *lease, const failure_t *failure)
{
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);
    int undone = repeatable || !failure->sent;
    size_t at = 0;

    while (at < FAULTS && strncmp(faults[at].sqlstate, failure->sqlstate, strlen(faults[at].sqlstate)) != 0) {
        at++;
    }
    if (at < FAULTS) {
        undone |= faults[at].undone;
        if (faults[at].closes) {
            close_connection(pg);
        }
        else {
            return undone ? RETRY_CONFLICT : RETRY_NEVER;
        }
    }
    return undone && PQstatus(pg) != CONNECTION_OK && !lease->cut_off ? RETRY_CONNECTION : RETRY_NEVER;
}

/* The same, watched. */
static apr_status_t execute_watched(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *step,
                                    failure_t *failure)
{
    cloudep_args_t none = {0};
    /* apr_dbd wants a writable array, yet only reads it. */
    cloudep_args_t args = step->args ? *step->args : none;
    apr_status_t rv;

    failure->label = step->st->label;
    if (db->watch) {
        db->watch(db->baton, lease, PQsocket(apr_dbd_native_handle(lease->driver, lease->handle)));
    }
    rv = execute(db, lease, p, &step->rows, step->st, &args, failure);
    if (db->watch) {
        db->watch(db->baton, lease, -1);
    }
    return rv;
}

/* BEGIN, COMMIT or ROLLBACK, which apr_dbd's own transactions get wrong: one that failed ends as a success there. */
static apr_status_t command(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, const char *sql,
                            failure_t *failure)
{
    int affected;
    int error;

    failure->label = sql;
    if (db->watch) {
        db->watch(db->baton, lease, PQsocket(apr_dbd_native_handle(lease->driver, lease->handle)));
    }
    error = apr_dbd_query(lease->driver, lease->handle, &affected, sql);
    if (db->watch) {
        db->watch(db->baton, lease, -1);
    }
    return error ? failed(failure, lease, p) : APR_SUCCESS;
}

/* All steps, or nothing. failure->sent: it may have been committed. */
static apr_status_t transact(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *steps,
                             int count, failure_t *failure)
{
    session_t *session;
    failure_t unused = {0};
    apr_status_t rv;

    failure->label = steps->st->label;
    if (session_of(db, lease, p, &session) != APR_SUCCESS) { /* its SETs must not be undone with the transaction */
        return failed(failure, lease, p);
    }
    rv = command(db, lease, p, "BEGIN", failure);
    for (int i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = execute_watched(db, lease, p, &steps[i], failure);
        if (rv == APR_SUCCESS && i == 0 && steps[i].rows->count == 0) {
            rv = APR_NOTFOUND;
        }
    }
    failure->sent = rv == APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        return command(db, lease, p, "COMMIT", failure);
    }
    if (PQstatus(apr_dbd_native_handle(lease->driver, lease->handle)) == CONNECTION_OK) {
        (void)command(db, lease, p, "ROLLBACK", &unused);
    }
    return rv;
}

/* One try. */
static apr_status_t attempt(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *steps,
                            int count, failure_t *failure, retry_t *retry)
{
    apr_status_t rv = revive(lease, p, apr_dbd_native_handle(lease->driver, lease->handle));

    *retry = RETRY_NEVER;
    *failure = (failure_t){steps->st->label, "", "no connection", 0};
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = count == 1 ? execute_watched(db, lease, p, steps, failure) : transact(db, lease, p, steps, count, failure);
    if (rv == CLOUDEP_EDATABASE) {
        *retry = judge(count == 1 && steps->st->repeatable, lease, failure);
    }
    return rv;
}

static const char *result_of(apr_status_t rv)
{
    switch (rv) {
    case APR_SUCCESS:
    case APR_NOTFOUND:
        return "done";
    case CLOUDEP_ECONFLICT:
        return "conflict";
    case CLOUDEP_ELOCKED:
        return "locked";
    case CLOUDEP_EOVERLOAD:
        return "overload";
    default:
        return "failed";
    }
}

static apr_status_t transact_anew(cloudep_db_t *db, apr_pool_t *p, cloudep_step_t *steps, int count)
{
    cloudep_db_lease_t lease = {0};
    failure_t failure;
    retry_t retry;
    int tries = 0;
    const apr_time_t last = apr_time_now() + apr_time_from_msec(db->statement_timeout);
    apr_status_t rv = db->acquire(db->baton, &lease, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    do {
        rv = attempt(db, &lease, p, steps, count, &failure, &retry);
        tries++;
    } while (rv != APR_SUCCESS && tries < (int)retry && apr_time_now() < last);
    if (rv == CLOUDEP_EDATABASE && db->report) {
        db->report(db->baton, failure.label, failure.sqlstate, failure.line);
    }
    db->release(db->baton, &lease);
    return rv;
}

apr_status_t cloudep_db_transact(cloudep_db_t *db, apr_pool_t *p, cloudep_step_t *steps, int count)
{
    const apr_time_t began = apr_time_now();
    const apr_status_t rv = transact_anew(db, p, steps, count);

    cloudep_count(CLOUDEP_METRIC_STATEMENTS, steps->st->label, result_of(rv), 1);
    cloudep_observe(CLOUDEP_METRIC_STATEMENT_TIME, NULL, apr_time_now() - began);
    return rv;
}

apr_status_t cloudep_db_run(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                            const cloudep_args_t *args)
{
    cloudep_step_t step = {.st = st, .args = args};
    apr_status_t rv = cloudep_db_transact(db, p, &step, 1);

    if (rv == APR_SUCCESS && rows) {
        *rows = step.rows;
    }
    return rv;
}

apr_status_t cloudep_db_run_one(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                                const cloudep_args_t *args)
{
    cloudep_rows_t *found;
    apr_status_t rv = cloudep_db_run(db, p, &found, st, args);

    if (rv == APR_SUCCESS && rows) {
        *rows = found;
    }
    return rv == APR_SUCCESS && found->count == 0 ? APR_NOTFOUND : rv;
}

apr_status_t cloudep_db_number(int *number, apr_pool_t *p, cloudep_db_t *db, const cloudep_statement_t *st,
                               const cloudep_args_t *args)
{
    cloudep_rows_t *rows = NULL;
    apr_status_t rv = cloudep_db_run(db, p, &rows, st, args);

    *number = rows && rows->count ? (int)apr_atoi64(cloudep_cell(rows, 0, 0)) : 0;
    return rv;
}

static apr_status_t run_script(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, const char *label,
                               const char *sql)
{
    failure_t failure = {0};
    session_t *session;
    int affected;
    apr_status_t rv;

    if ((rv = revive(lease, p, apr_dbd_native_handle(lease->driver, lease->handle))) ||
        (rv = session_of(db, lease, p, &session))) {
        return rv;
    }
    /* A simple query of several statements is one transaction to PostgreSQL. */
    if (!apr_dbd_query(lease->driver, lease->handle, &affected, sql)) {
        return APR_SUCCESS;
    }
    rv = failed(&failure, lease, p);
    if (rv == CLOUDEP_EDATABASE && db->report) {
        db->report(db->baton, label, failure.sqlstate, failure.line);
    }
    return rv;
}

apr_status_t cloudep_db_script(cloudep_db_t *db, apr_pool_t *p, const char *label, const char *sql)
{
    cloudep_db_lease_t lease = {0};
    apr_status_t rv = db->acquire(db->baton, &lease, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = run_script(db, &lease, p, label, sql);
    db->release(db->baton, &lease);
    return rv;
}

int cloudep_db_awaits_standby(const cloudep_db_lease_t *lease, int backend, apr_pool_t *p)
{
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);
    const char *const values[] = {apr_itoa(p, backend)};
    PGresult *result;
    int waits;

    if (revive(lease, p, pg) != APR_SUCCESS) {
        return 0;
    }
    /* clang-format off */
    result = PQexecParams(pg,
        "SELECT"
        " FROM pg_catalog.pg_stat_activity"
        " WHERE pid = $1::integer"
        "   AND wait_event = 'SyncRep'",
        1, NULL, values, NULL, NULL, 0);
    /* clang-format on */
    waits = PQntuples(result) > 0;
    PQclear(result);
    return waits;
}
