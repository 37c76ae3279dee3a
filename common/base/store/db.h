/*
 * db.h - one statement on PostgreSQL through apr_dbd, without its traps.
 *
 * A step of business is one data-modifying statement, so there are no transactions here. A connection is
 * held only around the statement. What callers need not know: prepared statements that die with a
 * reconnect, NULL, SQLSTATE, and connections that the server closed while they were idle.
 */
#ifndef CLOUDEP_DB_H
#define CLOUDEP_DB_H

#include <apr_dbd.h>
#include <apr_pools.h>
#include "base/status.h"

/* A statement. label is unique, [a-z_][a-z0-9_]*; sql uses %s for parameters (varchar: cast as needed). */
typedef struct cloudep_statement_t {
    const char *label;
    const char *sql;
    int parameters;
    int repeatable; /* reads only, or gives the same end when run twice */
} cloudep_statement_t;

/* What a statement returned; lives in the pool that the statement was run with. */
typedef struct cloudep_rows_t {
    int count;
    int columns;
    const char **cells; /* count * columns texts; NULL is SQL NULL */
} cloudep_rows_t;

/* One lent connection. */
typedef struct cloudep_db_lease_t {
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    apr_pool_t *pool; /* the connection's own */
    void *owner;      /* the lender's */
    int cut_off;      /* its server did not answer: set by watch */
} cloudep_db_lease_t;

/* Where connections come from: mod_dbd's pool in httpd, one connection in cloudepctl. */
typedef struct cloudep_db_t {
    void *baton;
    /* Lends a connection, or CLOUDEP_EDATABASE / CLOUDEP_EOVERLOAD within a bounded time. */
    apr_status_t (*acquire)(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p);
    void (*release)(void *baton, cloudep_db_lease_t *lease);
    /* Told of the socket before a statement goes out and (socket -1) after; may be NULL. Waits in between may be ended
     * by shutting it down. Connecting is not watched: connect_timeout bounds that. */
    void (*watch)(void *baton, cloudep_db_lease_t *lease, int socket);
    /* Told of a failure: SQLSTATE ("" if unknown) and the server's first line. Never row data. */
    void (*report)(void *baton, const char *label, const char *sqlstate, const char *message);
    int statement_timeout; /* ms */
    int lock_timeout;      /* ms */
} cloudep_db_t;

/**
 * Runs one statement and returns what it returned.
 * @param rows  set on success; may be NULL if nobody looks. Lives in p.
 * @param args  st->parameters texts, NULL for SQL NULL
 * @return APR_SUCCESS (also with zero rows), CLOUDEP_ECONFLICT (unique violation), CLOUDEP_ELOCKED (lock
 *         timeout), CLOUDEP_EOVERLOAD (no connection in time), CLOUDEP_EDATABASE (anything else)
 */
apr_status_t cloudep_db_run(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                            const char *const *args);

/** Runs SQL text of several statements without parameters, in one transaction (migrations). */
apr_status_t cloudep_db_script(cloudep_db_t *db, apr_pool_t *p, const char *label, const char *sql);

/** The text in a cell, NULL for SQL NULL. */
static inline const char *cloudep_cell(const cloudep_rows_t *rows, int row, int column)
{
    return rows->cells[row * rows->columns + column];
}

#endif
