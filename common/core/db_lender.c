/*
 * db_lender.c - lends mod_dbd's pooled connections, with a bound on every wait for one and for its answer.
 *
 * mod_dbd waits for a free connection without limit and connects under its pool's lock, so a loan is taken first,
 * and one thread at a time asks mod_dbd. libpq waits for an answer without limit: the watchdog cuts that off. Once
 * PostgreSQL has failed, one request at a time tries it and the others are answered at once, until one succeeded.
 */
#include "core/db_lender.h"

#include <mod_dbd.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <libpq-fe.h>
#include "base/status.h"
#include "core/module.h"
#include "core/watchdog.h"

/* How long the server itself has to cancel a statement, before the watchdog does. */
#define CANCEL_TIME apr_time_from_sec(1)
/* How long others wait for the request that tries whether PostgreSQL is back. */
#define PROBE_WAIT apr_time_from_msec(250)
/* A second try is not worth it when the first one failed as slowly as this: nobody answers there. */
#define SLOW_FAILURE apr_time_from_msec(500)

/* What one of those holds who may use a connection. */
typedef struct loan_t {
    struct loan_t *next;
    ap_dbd_t *dbd;
    int number; /* its slot at the watchdog */
    int probe;
    int watched;
} loan_t;

typedef struct lender_t {
    server_rec *s;
    APR_OPTIONAL_FN_TYPE(ap_dbd_open) * open; /* mod_dbd may not be loaded at all */
    APR_OPTIONAL_FN_TYPE(ap_dbd_close) * close;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *changed;
    loan_t *free;
    int opening; /* somebody is in mod_dbd, perhaps connecting */
    int suspect; /* the last that was heard of PostgreSQL is a failure */
    int probing; /* somebody tries whether it still is */
    int waiting;
    apr_interval_time_t wait;
    cloudep_watchdog_t *watchdog;
} lender_t;

static int may_take(const lender_t *lender)
{
    return lender->free && !lender->opening && !(lender->suspect && lender->probing);
}

static apr_status_t take_loan(lender_t *lender, loan_t **loan)
{
    apr_time_t entered = apr_time_now();
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(lender->mutex);
    lender->waiting++;
    while (!may_take(lender) && rv == APR_SUCCESS) {
        apr_interval_time_t left = entered + (lender->suspect ? PROBE_WAIT : lender->wait) - apr_time_now();

        rv = left > 0 ? apr_thread_cond_timedwait(lender->changed, lender->mutex, left) : CLOUDEP_EOVERLOAD;
        rv = APR_STATUS_IS_TIMEUP(rv) ? APR_SUCCESS : rv; /* it may be free all the same */
    }
    lender->waiting--;
    if (rv == APR_SUCCESS) {
        *loan = lender->free;
        lender->free = (*loan)->next;
        lender->opening = 1;
        (*loan)->probe = lender->suspect;
        lender->probing |= lender->suspect;
    }
    else if (lender->suspect) {
        rv = CLOUDEP_EDATABASE;
    }
    apr_thread_mutex_unlock(lender->mutex);
    return rv;
}

/* Call it with the mutex held. Nobody is woken for nothing: with many in line, that is half of all that httpd does. */
static void tell(lender_t *lender, int all)
{
    if (lender->waiting && all) {
        apr_thread_cond_broadcast(lender->changed);
    }
    else if (lender->waiting && may_take(lender)) {
        apr_thread_cond_signal(lender->changed);
    }
}

static void opened(lender_t *lender)
{
    apr_thread_mutex_lock(lender->mutex);
    lender->opening = 0;
    tell(lender, 0);
    apr_thread_mutex_unlock(lender->mutex);
}

static void give_back(lender_t *lender, loan_t *loan, int failed)
{
    apr_thread_mutex_lock(lender->mutex);
    loan->next = lender->free;
    lender->free = loan;
    if (loan->probe) {
        lender->probing = 0;
    }
    tell(lender, failed || lender->suspect);
    lender->suspect = failed;
    apr_thread_mutex_unlock(lender->mutex);
}

static ap_dbd_t *open_connection(lender_t *lender, apr_pool_t *p)
{
    apr_time_t began = apr_time_now();
    ap_dbd_t *dbd = lender->open(p, lender->s);

    /* After one broken connection mod_dbd gives up without trying another. */
    return dbd || apr_time_now() - began > SLOW_FAILURE ? dbd : lender->open(p, lender->s);
}

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    lender_t *lender = baton;
    loan_t *loan;
    apr_status_t rv = take_loan(lender, &loan);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, lender->s, CENO(140) "%s",
                     rv == CLOUDEP_EDATABASE ? "the database has failed and nobody could reach it again yet"
                                             : "no database connection was free in time");
        return rv;
    }
    loan->dbd = open_connection(lender, p);
    opened(lender);
    if (!loan->dbd) {
        give_back(lender, loan, 1);
        return CLOUDEP_EDATABASE;
    }
    lease->driver = loan->dbd->driver;
    lease->handle = loan->dbd->handle;
    lease->pool = loan->dbd->pool;
    lease->owner = loan;
    return APR_SUCCESS;
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    lender_t *lender = baton;
    loan_t *loan = lease->owner;
    int failed = PQstatus(apr_dbd_native_handle(lease->driver, lease->handle)) != CONNECTION_OK;

    lender->close(lender->s, loan->dbd);
    give_back(lender, loan, failed);
}

static void watch(void *baton, cloudep_db_lease_t *lease, int socket)
{
    lender_t *lender = baton;
    loan_t *loan = lease->owner;

    if (socket >= 0) {
        loan->watched = cloudep_watchdog_begin(lender->watchdog, loan->number, socket) == APR_SUCCESS;
    }
    else if (loan->watched) {
        loan->watched = 0;
        lease->cut_off = cloudep_watchdog_end(lender->watchdog, loan->number);
        if (lease->cut_off) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, lender->s, CENO(142) "PostgreSQL did not answer in time");
        }
    }
}

static void report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, ((lender_t *)baton)->s, CENO(141) "statement %s: %s %s", label, sqlstate,
                 message);
}

/* Makes the loans, the watchdog and what guards them. */
static apr_status_t equip(lender_t *lender, const cloudep_config_t *config, apr_pool_t *pchild)
{
    apr_status_t rv = apr_thread_mutex_create(&lender->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    loan_t *loans = apr_pcalloc(pchild, sizeof(*loans) * (apr_size_t)config->database_connections);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&lender->changed, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_watchdog_create(&lender->watchdog, pchild, config->database_connections,
                                     apr_time_from_msec(config->statement_timeout) + CANCEL_TIME);
    }
    for (int i = config->database_connections - 1; i >= 0; i--) {
        loans[i].number = i;
        loans[i].next = lender->free;
        lender->free = &loans[i];
    }
    return rv;
}

cloudep_db_t *cloudep_db_create(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_db_t *db = apr_pcalloc(pchild, sizeof(*db));
    lender_t *lender = apr_pcalloc(pchild, sizeof(*lender));

    lender->s = s;
    lender->open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    lender->close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    if (!lender->open || !lender->close) {
        return NULL; /* post_config has refused this already */
    }
    if (equip(lender, config, pchild) != APR_SUCCESS) {
        return NULL;
    }
    lender->wait = (apr_interval_time_t)config->database_wait * 1000;
    db->baton = lender;
    db->acquire = acquire;
    db->release = release;
    db->watch = watch;
    db->report = report;
    db->statement_timeout = config->statement_timeout;
    db->lock_timeout = config->lock_timeout;
    return db;
}
