/*
 * database.c - one connection for the tool, lent to the statements of common/base like httpd's pool is.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* A stop for statements that hang; migrations lift the first. In milliseconds. */
#define STATEMENT_TIMEOUT (60 * 1000)
#define LOCK_TIMEOUT (10 * 1000)

typedef struct cloudepctl_link_t {
    cloudep_db_lease_t lease; /* driver NULL: not connected yet */
    const char *sqlstate;
    const char *message; /* the server's last complaint */
} cloudepctl_link_t;

/* Notices ("already exists, skipping") are no news to the operator. */
static void no_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static const char *first_line(apr_pool_t *p, const char *text)
{
    return apr_pstrmemdup(p, text, strcspn(text, "\n"));
}

static apr_status_t connect_to(cloudepctl_t *ctl, const char *conninfo)
{
    cloudep_db_lease_t *lease = &ctl->link->lease;
    const apr_dbd_driver_t *driver = NULL;
    const char *error = NULL;

    if (apr_dbd_init(ctl->pool) != APR_SUCCESS || apr_dbd_get_driver(ctl->pool, "pgsql", &driver) != APR_SUCCESS) {
        ctl->link->message = "APR's driver for PostgreSQL cannot be loaded (Debian: libaprutil1-dbd-pgsql)";
        return CLOUDEP_EDATABASE;
    }
    /* What the operator has set counts; these are for what was left open. */
    (void)setenv("PGCONNECT_TIMEOUT", "10", 0);
    (void)setenv("PGAPPNAME", "cloudepctl", 0);
    (void)setenv("PGCLIENTENCODING", "UTF8", 1);
    if (apr_dbd_open_ex(driver, ctl->pool, conninfo, &lease->handle, &error) != APR_SUCCESS) {
        ctl->link->message = error && *error ? first_line(ctl->pool, error) : "no connection";
        return CLOUDEP_EDATABASE;
    }
    lease->driver = driver;
    lease->pool = ctl->pool;
    (void)PQsetNoticeProcessor(apr_dbd_native_handle(driver, lease->handle), no_notice, NULL);
    return APR_SUCCESS;
}

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    cloudepctl_t *ctl = baton;
    const char *conninfo = cloudepctl_option(ctl, "database");

    (void)p;
    if (!conninfo) {
        conninfo = getenv("CLOUDEP_DATABASE");
    }
    if (!conninfo) {
        return CLOUDEP_EUNSET;
    }
    if (!ctl->link->lease.driver) {
        apr_status_t rv = connect_to(ctl, conninfo);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *lease = ctl->link->lease;
    return APR_SUCCESS;
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    (void)baton;
    (void)lease;
}

/* "ERROR:  23505: text" loses what the operator cannot use. */
static void report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    cloudepctl_t *ctl = baton;
    const char *mark = *sqlstate ? strstr(message, sqlstate) : NULL;

    (void)label;
    ctl->link->sqlstate = apr_pstrdup(ctl->pool, sqlstate);
    ctl->link->message = apr_pstrdup(ctl->pool, mark && mark[5] == ':' ? mark + 7 : message);
}

void cloudepctl_database_init(cloudepctl_t *ctl)
{
    ctl->link = apr_pcalloc(ctl->pool, sizeof(*ctl->link));
    ctl->link->sqlstate = "";
    ctl->db.baton = ctl;
    ctl->db.acquire = acquire;
    ctl->db.release = release;
    ctl->db.report = report;
    ctl->db.statement_timeout = STATEMENT_TIMEOUT;
    ctl->db.lock_timeout = LOCK_TIMEOUT;
}

int cloudepctl_database_failed(cloudepctl_t *ctl, apr_status_t rv)
{
    const char *state = ctl->link->sqlstate;
    const char *message = ctl->link->message ? ctl->link->message : "it gave no reason";

    if (rv == CLOUDEP_EUNSET) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "no database: give --database or set CLOUDEP_DATABASE");
    }
    if (rv == CLOUDEP_ELOCKED) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_DATABASE,
                               "database: another transaction held a lock for %d seconds; nothing was changed",
                               ctl->db.lock_timeout / 1000);
    }
    if (rv == CLOUDEP_ECONFLICT) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_EXISTS, "database: exists already");
    }
    /* No such schema, table or column. */
    if (!strcmp(state, "3F000") || !strcmp(state, "42P01") || !strcmp(state, "42703")) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_DATABASE, "database: %s (run cloudepctl migrate first)", message);
    }
    return cloudepctl_fail(ctl, CLOUDEPCTL_DATABASE, "database: %s", message);
}
