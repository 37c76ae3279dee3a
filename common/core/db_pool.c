/*
 * db_pool.c - leases of mod_dbd's pooled connections, with a bound on every wait for one and for its answer.
 *
 * mod_dbd waits for a free connection without limit, and connects under its pool's lock. So a request takes a slot
 * first, and one thread at a time asks mod_dbd. libpq waits for an answer without limit; the watchdog ends that wait.
 * Once PostgreSQL has failed, one request at a time tries it, and the others fail at once until one has succeeded.
 *
 * A commit that waits for a synchronous standby hangs on in its server process after the watchdog has ended the wait
 * for it. Its slot hangs with it, so that these processes do not pile up.
 */
#include "core/db_pool.h"

#include <mod_dbd.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <libpq-fe.h>
#include <string.h>
#include "base/metrics.h"
#include "base/status.h"
#include "core/dbd.h"
#include "core/module.h"
#include "core/watchdog.h"

/* How long the server itself has to cancel a statement, before the watchdog does. */
#define CANCEL_TIME apr_time_from_sec(1)
/* How long others wait for the request that tries whether PostgreSQL is back. */
#define PROBE_WAIT apr_time_from_msec(250)
/* After a first try that took this long there is no second one: the server does not answer. */
#define SLOW_FAILURE apr_time_from_msec(500)

/* Leave to use one connection. There are as many as CloudEPDatabaseConnections says. */
typedef struct slot_t {
    struct slot_t *next;
    ap_dbd_t *dbd;
    int number; /* its slot at the watchdog */
    int probe;  /* this request tries whether PostgreSQL is back */
    int watched;
    int backend; /* the server process that was asked last */
    int hung;    /* the one that was given up and may still wait for a standby; 0: none */
} slot_t;

typedef struct db_pool_t {
    server_rec *s;
    APR_OPTIONAL_FN_TYPE(ap_dbd_open) * open; /* mod_dbd may not be loaded at all */
    APR_OPTIONAL_FN_TYPE(ap_dbd_close) * close;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *changed;
    slot_t *free;
    slot_t *hung;    /* their server processes may still wait for a synchronous standby */
    int opening;     /* a thread is in mod_dbd, perhaps connecting */
    int failed_last; /* the last connection failed */
    int probing;     /* a request tries whether PostgreSQL is back */
    int waiting;     /* threads that wait for a slot */
    apr_interval_time_t wait;
    cloudep_watchdog_t *watchdog;
    cloudep_dbd_t dbd;    /* what mod_dbd was told, for messages */
    int unreachable_told; /* each outage is told once */
    int standby_told;
} db_pool_t;

static int has_slot(const db_pool_t *pool)
{
    return (pool->free || pool->hung) && !pool->opening && !(pool->failed_last && pool->probing);
}

static apr_status_t take_slot(db_pool_t *pool, slot_t **slot)
{
    apr_time_t entered = apr_time_now();
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(pool->mutex);
    pool->waiting++;
    while (!has_slot(pool) && rv == APR_SUCCESS) {
        apr_interval_time_t left = entered + (pool->failed_last ? PROBE_WAIT : pool->wait) - apr_time_now();

        rv = left > 0 ? apr_thread_cond_timedwait(pool->changed, pool->mutex, left) : CLOUDEP_EOVERLOAD;
        rv = APR_STATUS_IS_TIMEUP(rv) ? APR_SUCCESS : rv; /* a slot may be free by now */
    }
    pool->waiting--;
    if (rv == APR_SUCCESS) {
        /* A hung slot answers what a failure was: the server, or only a standby. */
        slot_t **list = pool->hung && (pool->failed_last || !pool->free) ? &pool->hung : &pool->free;

        *slot = *list;
        *list = (*slot)->next;
        pool->opening = 1;
        (*slot)->probe = pool->failed_last;
        pool->probing |= pool->failed_last;
    }
    else if (pool->failed_last) {
        rv = CLOUDEP_EDATABASE;
    }
    apr_thread_mutex_unlock(pool->mutex);
    return rv;
}

/* The caller holds the mutex. Only threads that can go on are woken: waking all of many took half of httpd's time. */
static void wake(db_pool_t *pool, int all)
{
    if (pool->waiting && all) {
        apr_thread_cond_broadcast(pool->changed);
    }
    else if (pool->waiting && has_slot(pool)) {
        apr_thread_cond_signal(pool->changed);
    }
}

static void end_opening(db_pool_t *pool)
{
    apr_thread_mutex_lock(pool->mutex);
    pool->opening = 0;
    wake(pool, 0);
    apr_thread_mutex_unlock(pool->mutex);
}

/* Returns whether this ends an outage that was told. */
static int return_slot(db_pool_t *pool, slot_t *slot, int failed)
{
    slot_t **list = slot->hung ? &pool->hung : &pool->free;
    int reached;

    apr_thread_mutex_lock(pool->mutex);
    slot->next = *list;
    *list = slot;
    if (slot->probe) {
        pool->probing = 0;
    }
    wake(pool, failed || pool->failed_last);
    pool->failed_last = failed;
    reached = !failed && pool->unreachable_told;
    if (reached) {
        pool->unreachable_told = 0;
    }
    apr_thread_mutex_unlock(pool->mutex);
    return reached;
}

static ap_dbd_t *open_connection(db_pool_t *pool, apr_pool_t *p)
{
    apr_time_t began = apr_time_now();
    ap_dbd_t *dbd = pool->open(p, pool->s);

    /* After one broken connection mod_dbd gives up without trying another. */
    return dbd || apr_time_now() - began > SLOW_FAILURE ? dbd : pool->open(p, pool->s);
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    db_pool_t *pool = baton;
    slot_t *slot = lease->owner;
    int failed = PQstatus(apr_dbd_native_handle(lease->driver, lease->handle)) != CONNECTION_OK;

    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_USED, NULL, -1);
    pool->close(pool->s, slot->dbd);
    if (return_slot(pool, slot, failed)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, pool->s, CENO(1241) "PostgreSQL can be reached again");
    }
}

static void watch(void *baton, cloudep_db_lease_t *lease, int socket)
{
    db_pool_t *pool = baton;
    slot_t *slot = lease->owner;

    if (socket >= 0) {
        slot->backend = PQbackendPID(apr_dbd_native_handle(lease->driver, lease->handle));
        slot->watched = cloudep_watchdog_begin(pool->watchdog, slot->number, socket) == APR_SUCCESS;
    }
    else if (slot->watched) {
        slot->watched = 0;
        lease->cut_off = cloudep_watchdog_end(pool->watchdog, slot->number);
        if (lease->cut_off) {
            slot->hung = slot->backend;
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, pool->s, CENO(142) "PostgreSQL did not answer in time");
        }
    }
}

static void tell_unreachable(db_pool_t *pool, apr_pool_t *p)
{
    const char *passfile;
    int told;

    apr_thread_mutex_lock(pool->mutex);
    told = pool->unreachable_told;
    pool->unreachable_told = 1;
    apr_thread_mutex_unlock(pool->mutex);
    if (!told) {
        passfile = cloudep_dbd_passfile_fault(&pool->dbd, p);
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, pool->s,
                     CENO(1240) "PostgreSQL cannot be reached: DBDParams (%s) lead to no server that takes writes, or "
                                "it refuses them; mod_dbd's message before this one has its words%s%s",
                     pool->dbd.target, passfile ? ". " : "", passfile ? passfile : "");
    }
}

/* A slot may be used again once the server process that it gave up has got its answer: so a child never has more of
 * those, with the connections in use, than it has slots. */
static int is_usable(db_pool_t *pool, slot_t *slot, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    int awaits;

    watch(pool, lease, PQsocket(apr_dbd_native_handle(lease->driver, lease->handle)));
    awaits = cloudep_db_awaits_standby(lease, slot->hung, p);
    watch(pool, lease, -1);
    if (lease->cut_off) {
        return 0; /* this server answers nothing */
    }
    if (!awaits) {
        slot->hung = 0;
        pool->standby_told = 0;
    }
    if (slot->hung && !pool->standby_told) {
        pool->standby_told = 1;
        ap_log_error(
            APLOG_MARK, APLOG_ERR, 0, pool->s,
            CENO(1242) "commits wait for a synchronous standby, each with one of this child's connections until "
                       "there are no more (CloudEPDatabaseConnections): bring it back, or change "
                       "synchronous_standby_names");
    }
    return !slot->hung;
}

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    db_pool_t *pool = baton;
    slot_t *slot;
    apr_status_t rv;

    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_AWAITED, NULL, 1);
    rv = take_slot(pool, &slot);
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_AWAITED, NULL, -1);
    if (rv != APR_SUCCESS) {
        cloudep_count(CLOUDEP_METRIC_CONNECTIONS_REFUSED, rv == CLOUDEP_EDATABASE ? "database" : "overload", NULL, 1);
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, pool->s, CENO(140) "%s",
                     rv == CLOUDEP_EDATABASE ? "the database has failed and nobody could reach it again yet"
                                             : "no database connection was free in time");
        return rv;
    }
    slot->dbd = open_connection(pool, p);
    if (!slot->dbd) {
        tell_unreachable(pool, p);
        end_opening(pool);
        return_slot(pool, slot, 1);
        return CLOUDEP_EDATABASE;
    }
    lease->driver = slot->dbd->driver;
    lease->handle = slot->dbd->handle;
    lease->pool = slot->dbd->pool;
    lease->owner = slot;
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_USED, NULL, 1);
    if (slot->hung && !is_usable(pool, slot, lease, p)) {
        end_opening(pool);
        release(pool, lease);
        return lease->cut_off ? CLOUDEP_EDATABASE : CLOUDEP_EOVERLOAD;
    }
    end_opening(pool);
    return APR_SUCCESS;
}

static void report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    const char *remedy = strcmp(sqlstate, "25006") != 0
                             ? ""
                             : ": this server takes no writes. Name all servers and target_session_attrs=read-write in "
                               "DBDParams; see default_transaction_read_only of the server and of the role";

    ap_log_error(APLOG_MARK, APLOG_ERR, 0, ((db_pool_t *)baton)->s, CENO(141) "statement %s: %s %s%s", label, sqlstate,
                 message, remedy);
}

/* Makes the slots, the watchdog and what guards them. */
static apr_status_t equip(db_pool_t *pool, const cloudep_config_t *config, apr_pool_t *pchild)
{
    const int count = cloudep_dbd_connections(pool->s, config, pchild);
    apr_status_t rv = apr_thread_mutex_create(&pool->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    slot_t *slots = apr_pcalloc(pchild, sizeof(*slots) * (apr_size_t)count);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&pool->changed, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_watchdog_create(&pool->watchdog, pchild, count,
                                     apr_time_from_msec(config->statement_timeout) + CANCEL_TIME);
    }
    for (int i = count - 1; i >= 0; i--) {
        slots[i].number = i;
        slots[i].next = pool->free;
        pool->free = &slots[i];
    }
    return rv;
}

cloudep_db_t *cloudep_db_create(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_db_t *db = apr_pcalloc(pchild, sizeof(*db));
    db_pool_t *pool = apr_pcalloc(pchild, sizeof(*pool));

    pool->s = s;
    pool->open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    pool->close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    if (!pool->open || !pool->close) {
        return NULL; /* the start has refused this already */
    }
    if (equip(pool, config, pchild) != APR_SUCCESS) {
        return NULL;
    }
    cloudep_dbd_read(&pool->dbd, s, pchild);
    pool->wait = (apr_interval_time_t)config->database_wait * 1000;
    db->baton = pool;
    db->acquire = acquire;
    db->release = release;
    db->watch = watch;
    db->report = report;
    db->application = apr_pstrcat(pchild, "cloudep ", s->server_hostname, NULL);
    db->statement_timeout = config->statement_timeout;
    db->lock_timeout = config->lock_timeout;
    return db;
}

int cloudep_db_is_hung(const cloudep_db_t *db)
{
    db_pool_t *pool = db->baton;
    int hung;

    apr_thread_mutex_lock(pool->mutex);
    hung = pool->hung != NULL;
    apr_thread_mutex_unlock(pool->mutex);
    return hung;
}
