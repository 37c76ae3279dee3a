/*
 * db.c - statements on connections that may die at any time.
 *
 * apr_dbd_pgsql reconnects silently and the new session knows none of the prepared statements, so what was
 * prepared is remembered per server process (PQbackendPID) in the connection's own pool. Rows are always
 * read by number: sequential access reports errors as "no rows" and sleeps on empty results.
 */
#include "base/store/db.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#define SESSION_KEY "cloudep:db-session"

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

static void report(cloudep_db_t *db, const char *label, const char *sqlstate, const char *message)
{
    if (db->report) {
        db->report(db->baton, label, sqlstate, message);
    }
}

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

/* An idle connection with something to read was closed by the server (or told so): ask before sending. */
static void notice_closed(PGconn *pg)
{
    struct pollfd fd = {.fd = PQsocket(pg), .events = POLLIN};

    if (fd.fd >= 0 && poll(&fd, 1, 0) > 0) {
        (void)PQconsumeInput(pg);
    }
}

static apr_status_t begin_session(cloudep_db_t *db, cloudep_db_lease_t *lease, PGconn *pg, session_t *session,
                                  apr_pool_t *p)
{
    int affected;
    const char *sql = apr_psprintf(p, "SET statement_timeout = %d; SET lock_timeout = %d; SET TIME ZONE 'UTC'",
                                   db->statement_timeout, db->lock_timeout);

    apr_pool_clear(session->pool);
    session->prepared = apr_hash_make(session->pool);
    session->backend = PQbackendPID(pg);
    (void)PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    if (apr_dbd_query(lease->driver, lease->handle, &affected, sql)) {
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

static apr_status_t failure(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, const char *label)
{
    const char *line;
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);
    const char *text = apr_dbd_error(lease->driver, lease->handle, 0);
    const char *state = sqlstate_of(p, text, &line);
    apr_status_t rv = PQstatus(pg) == CONNECTION_OK ? status_of(state) : CLOUDEP_EDATABASE;

    if (rv == CLOUDEP_EDATABASE) {
        report(db, label, state, line);
    }
    return rv;
}

/* One try on a connection that was alive a moment ago. */
static apr_status_t execute(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_rows_t **rows,
                            const cloudep_statement_t *st, cloudep_args_t *args, int *sent)
{
    session_t *session;
    prepared_t *prepared;
    apr_dbd_results_t *results = NULL;

    *sent = 0;
    if (session_of(db, lease, p, &session) != APR_SUCCESS || prepare(lease, session, st, &prepared)) {
        return failure(db, lease, p, st->label);
    }
    /* apr_dbd reads as many as there are parameters, however many there are. */
    if (prepared->parameters != args->count) {
        report(db, st->label, "",
               apr_psprintf(p, "has %d parameters and was given %d", prepared->parameters, args->count));
        return CLOUDEP_EDATABASE;
    }
    *sent = 1;
    if (apr_dbd_pselect(lease->driver, p, lease->handle, &results, prepared->statement, 1, args->count, args->values)) {
        return failure(db, lease, p, st->label);
    }
    return copy_rows(lease, p, results, rows);
}

/* The same, watched. */
static apr_status_t execute_watched(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *step,
                                    int *sent)
{
    cloudep_args_t none = {0};
    /* apr_dbd wants a writable array, yet only reads it. */
    cloudep_args_t args = step->args ? *step->args : none;
    apr_status_t rv;

    if (db->watch) {
        db->watch(db->baton, lease, PQsocket(apr_dbd_native_handle(lease->driver, lease->handle)));
    }
    rv = execute(db, lease, p, &step->rows, step->st, &args, sent);
    if (db->watch) {
        db->watch(db->baton, lease, -1);
    }
    return rv;
}

/* BEGIN, COMMIT or ROLLBACK, which apr_dbd's own transactions get wrong: one that failed ends as a success there. */
static apr_status_t command(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, const char *sql)
{
    int affected;
    int failed;

    if (db->watch) {
        db->watch(db->baton, lease, PQsocket(apr_dbd_native_handle(lease->driver, lease->handle)));
    }
    failed = apr_dbd_query(lease->driver, lease->handle, &affected, sql);
    if (db->watch) {
        db->watch(db->baton, lease, -1);
    }
    return failed ? failure(db, lease, p, sql) : APR_SUCCESS;
}

/* All steps, or nothing. *sent: it may have been committed. */
static apr_status_t transact(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *steps,
                             int count, int *sent)
{
    session_t *session;
    int step_sent;
    apr_status_t rv;

    *sent = 0;
    if (session_of(db, lease, p, &session) != APR_SUCCESS) { /* its SETs must not be undone with the transaction */
        return failure(db, lease, p, steps->st->label);
    }
    rv = command(db, lease, p, "BEGIN");
    for (int i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = execute_watched(db, lease, p, &steps[i], &step_sent);
        if (rv == APR_SUCCESS && i == 0 && steps[i].rows->count == 0) {
            rv = APR_NOTFOUND;
        }
    }
    if (rv == APR_SUCCESS) {
        *sent = 1;
        return command(db, lease, p, "COMMIT");
    }
    if (PQstatus(apr_dbd_native_handle(lease->driver, lease->handle)) == CONNECTION_OK) {
        (void)command(db, lease, p, "ROLLBACK");
    }
    return rv;
}

/* One try. *again is set when another one may help: the connection, not the statement or a server that keeps silent,
 * was at fault. */
static apr_status_t attempt(cloudep_db_t *db, cloudep_db_lease_t *lease, apr_pool_t *p, cloudep_step_t *steps,
                            int count, int *again)
{
    PGconn *pg = apr_dbd_native_handle(lease->driver, lease->handle);
    const int repeatable = count == 1 && steps->st->repeatable;
    apr_status_t rv = revive(lease, p, pg);
    int sent;

    *again = 0;
    if (rv != APR_SUCCESS) {
        report(db, steps->st->label, "", "no connection");
        return rv;
    }
    rv = count == 1 ? execute_watched(db, lease, p, steps, &sent) : transact(db, lease, p, steps, count, &sent);
    *again = rv != APR_SUCCESS && PQstatus(pg) != CONNECTION_OK && !lease->cut_off && (repeatable || !sent);
    return rv;
}

apr_status_t cloudep_db_transact(cloudep_db_t *db, apr_pool_t *p, cloudep_step_t *steps, int count)
{
    cloudep_db_lease_t lease = {0};
    int again = 0;
    apr_status_t rv = db->acquire(db->baton, &lease, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int tries = 0; tries == 0 || (again && tries < 2); tries++) {
        rv = attempt(db, &lease, p, steps, count, &again);
    }
    db->release(db->baton, &lease);
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
    session_t *session;
    int affected;
    apr_status_t rv;

    if ((rv = revive(lease, p, apr_dbd_native_handle(lease->driver, lease->handle))) ||
        (rv = session_of(db, lease, p, &session))) {
        return rv;
    }
    /* A simple query of several statements is one transaction to PostgreSQL. */
    return apr_dbd_query(lease->driver, lease->handle, &affected, sql) ? failure(db, lease, p, label) : APR_SUCCESS;
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
