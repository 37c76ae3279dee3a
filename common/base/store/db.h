/*
 * db.h - one statement on PostgreSQL through apr_dbd, without its traps.
 *
 * A step of business is one data-modifying statement. Where its second half has to see what others committed while the
 * first waited for a lock, it is two statements in one transaction: the parts of one statement all see what was before
 * the wait (PostgreSQL, READ COMMITTED). A connection is held only around a step. What callers need not know: prepared
 * statements that die with a reconnect, NULL, SQLSTATE,
 * settings of the role, and connections that the server closed while they were idle.
 *
 * A statement is tried again, within statement_timeout, where that can do no harm: on a new connection when the old one
 * is of no use (closed, or its server takes no writes any more) and the statement is repeatable or was certainly not
 * carried out; and, up to five times in all, after a deadlock or a serialization failure.
 */
#ifndef CLOUDEP_DB_H
#define CLOUDEP_DB_H

#include <apr_dbd.h>
#include <apr_pools.h>
#include "base/status.h"

/*
 * A statement. label names the prepared statement, so it is unique: [a-z_][a-z0-9_]*. sql uses %s for parameters (their
 * type is text: cast as needed) and %% for a percent sign, and nothing else of that kind.
 */
typedef struct cloudep_statement_t {
    const char *label;
    const char *sql;
    int repeatable; /* reads only, or gives the same end when run twice */
} cloudep_statement_t;

/* More parameters than any statement has. */
#define CLOUDEP_ARGS_MAX 32

/* The arguments of a statement in the order of its parameters; NULL is SQL NULL. The texts belong to the caller. */
typedef struct cloudep_args_t {
    int count; /* of those given, even where there was no room for them: such a statement is refused */
    const char *values[CLOUDEP_ARGS_MAX];
} cloudep_args_t;

/* Arguments written down at once: a cloudep_args_t * that lives as long as the block around it. */
#define CLOUDEP_ARGS(...)                                                                                              \
    (&(cloudep_args_t){sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), {__VA_ARGS__}})

/** Appends one argument. */
static inline void cloudep_arg(cloudep_args_t *args, const char *value)
{
    if (args->count < CLOUDEP_ARGS_MAX) {
        args->values[args->count] = value;
    }
    args->count++;
}

/** A flag as an argument. */
static inline const char *cloudep_arg_boolean(int value)
{
    return value ? "true" : "false";
}

/* What a statement returned; lives in the pool that the statement was run with. */
typedef struct cloudep_rows_t {
    int count;
    int columns;
    const char **cells; /* count * columns texts; NULL is SQL NULL */
} cloudep_rows_t;

/* A lease of one connection. */
typedef struct cloudep_db_lease_t {
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    apr_pool_t *pool; /* the connection's own */
    void *owner;      /* the pool's */
    int cut_off;      /* its server did not answer: set by watch */
} cloudep_db_lease_t;

/* Where connections come from: mod_dbd's pool in httpd, one connection in cloudepctl. */
typedef struct cloudep_db_t {
    void *baton;
    /* Leases a connection, or CLOUDEP_EDATABASE / CLOUDEP_EOVERLOAD within a bounded time. */
    apr_status_t (*acquire)(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p);
    void (*release)(void *baton, cloudep_db_lease_t *lease);
    /* Told of the socket before a statement goes out and (socket -1) after; may be NULL. Waits in between may be ended
     * by shutting it down. Connecting is not watched: connect_timeout bounds that. */
    void (*watch)(void *baton, cloudep_db_lease_t *lease, int socket);
    /* Told of a failure that no other try mended: SQLSTATE ("" if unknown) and the server's first line. Never row data.
     */
    void (*report)(void *baton, const char *label, const char *sqlstate, const char *message);
    int statement_timeout;   /* ms */
    int lock_timeout;        /* ms */
    const char *application; /* application_name of sessions that have none; NULL: leave it empty */
} cloudep_db_t;

/**
 * Runs one statement and returns what it returned.
 * @param rows  set on success; may be NULL if nobody looks. Lives in p.
 * @param args  as many as the statement has parameters; NULL: none
 * @return APR_SUCCESS (also with zero rows), CLOUDEP_ECONFLICT (unique violation), CLOUDEP_ELOCKED (lock
 *         timeout), CLOUDEP_EOVERLOAD (no connection in time), CLOUDEP_EDATABASE (anything else; with the wrong number
 *         of arguments nothing is sent)
 */
apr_status_t cloudep_db_run(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                            const cloudep_args_t *args);

/**
 * Runs a statement that returns a row when it found, or did, something.
 * @return APR_NOTFOUND: it returned none; else as cloudep_db_run
 */
apr_status_t cloudep_db_run_one(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                                const cloudep_args_t *args);

/**
 * Runs a statement that returns one number, or no row, which is 0.
 * @param number 0 also after a failure
 * @return as cloudep_db_run
 */
apr_status_t cloudep_db_number(int *number, apr_pool_t *p, cloudep_db_t *db, const cloudep_statement_t *st,
                               const cloudep_args_t *args);

/* One statement of a transaction. */
typedef struct cloudep_step_t {
    const cloudep_statement_t *st;
    const cloudep_args_t *args; /* NULL: none */
    cloudep_rows_t *rows;       /* set on success: what it returned; lives in the pool */
} cloudep_step_t;

/**
 * Runs statements in one transaction, one after the other: each sees what was committed before it began.
 * @param count 1 is a statement by itself, whose rows nobody looks at
 * @return APR_NOTFOUND: of several, the first returned no row, and nothing was done; else as cloudep_db_run. What
 * failed was undone, unless the connection broke while the end was being committed
 */
apr_status_t cloudep_db_transact(cloudep_db_t *db, apr_pool_t *p, cloudep_step_t *steps, int count);

/** Runs SQL text of several statements without parameters, in one transaction (migrations). */
apr_status_t cloudep_db_script(cloudep_db_t *db, apr_pool_t *p, const char *label, const char *sql);

/**
 * Whether a server process still waits for a synchronous standby to confirm its commit: neither statement_timeout nor
 * the end of its connection ends that. Asks on a connection of the same role, outside of any statement.
 * @param backend the id of the process
 * @return 0 also where it could not be asked
 */
int cloudep_db_awaits_standby(const cloudep_db_lease_t *lease, int backend, apr_pool_t *p);

/** The text in a cell, NULL for SQL NULL. */
static inline const char *cloudep_cell(const cloudep_rows_t *rows, int row, int column)
{
    return rows->cells[row * rows->columns + column];
}

/** Whether a cell is true; SQL NULL is not. */
static inline int cloudep_cell_true(const cloudep_rows_t *rows, int row, int column)
{
    const char *cell = cloudep_cell(rows, row, column);

    return cell && cell[0] == 't';
}

#endif
