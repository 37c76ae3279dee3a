/*
 * db.c - lends mod_dbd's pooled connections, with a bound on the wait for one.
 *
 * mod_dbd waits for a free connection without limit and connects under its pool's lock, so a permit is taken
 * first: who gets none in time is told to come back, and nobody queues behind a dead database.
 */
#include "private.h"

#include <mod_dbd.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

typedef struct lender_t {
    server_rec *s;
    APR_OPTIONAL_FN_TYPE(ap_dbd_open) *open; /* mod_dbd may not be loaded at all */
    APR_OPTIONAL_FN_TYPE(ap_dbd_close) *close;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *returned;
    int permits;
    apr_interval_time_t wait;
    apr_pool_t *pool;
} lender_t;

static apr_status_t take_permit(lender_t *lender)
{
    apr_time_t deadline = apr_time_now() + lender->wait;
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(lender->mutex);
    while (lender->permits == 0 && rv == APR_SUCCESS) {
        apr_interval_time_t left = deadline - apr_time_now();

        rv = left > 0 ? apr_thread_cond_timedwait(lender->returned, lender->mutex, left) : APR_TIMEUP;
    }
    if (lender->permits > 0) {
        lender->permits--;
        rv = APR_SUCCESS;
    }
    apr_thread_mutex_unlock(lender->mutex);
    return rv == APR_SUCCESS ? APR_SUCCESS : CLOUDEP_EOVERLOAD;
}

static void give_permit(lender_t *lender)
{
    apr_thread_mutex_lock(lender->mutex);
    lender->permits++;
    apr_thread_cond_signal(lender->returned);
    apr_thread_mutex_unlock(lender->mutex);
}

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    lender_t *lender = baton;
    ap_dbd_t *dbd;
    apr_status_t rv = take_permit(lender);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, lender->s, CENO(140) "no database connection was free in time");
        return rv;
    }
    /* After one broken connection mod_dbd gives up without trying another. */
    dbd = lender->open(p, lender->s);
    if (!dbd) {
        dbd = lender->open(p, lender->s);
    }
    if (!dbd) {
        give_permit(lender);
        return CLOUDEP_EDATABASE;
    }
    lease->driver = dbd->driver;
    lease->handle = dbd->handle;
    lease->pool = dbd->pool;
    lease->owner = dbd;
    return APR_SUCCESS;
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    lender_t *lender = baton;

    lender->close(lender->s, lease->owner);
    give_permit(lender);
}

static void report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, ((lender_t *)baton)->s, CENO(141) "statement %s: %s %s", label, sqlstate,
                 message);
}

cloudep_db_t *cloudep_db_create(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_db_t *db = apr_pcalloc(pchild, sizeof(*db));
    lender_t *lender = apr_pcalloc(pchild, sizeof(*lender));

    if (apr_thread_mutex_create(&lender->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS ||
        apr_thread_cond_create(&lender->returned, pchild) != APR_SUCCESS) {
        return NULL;
    }
    lender->s = s;
    lender->open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    lender->close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    if (!lender->open || !lender->close) {
        return NULL; /* post_config has refused this already */
    }
    lender->permits = config->database_connections;
    lender->wait = (apr_interval_time_t)config->database_wait * 1000;
    db->baton = lender;
    db->acquire = acquire;
    db->release = release;
    db->report = report;
    db->statement_timeout = config->statement_timeout;
    db->lock_timeout = config->lock_timeout;
    return db;
}
