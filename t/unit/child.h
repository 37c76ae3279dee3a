/*
 * child.h - a child of httpd as far as the threads of a service need it: a server with the settings of flow.h, the pool
 * that ends with the child, and a table that a thread has to wait for.
 *
 *     flow_start();
 *     child_begin(cloudep_event_start);    its threads run
 *     child_hold("events");                until a thread waits for the table, poke() is called
 *     child_release();
 *     child_waits(apr_time_from_sec(60));  whether that is how long its threads wait if nobody wakes them
 *     child_end();                         an orderly stop: the last run of each thread has been
 */
#ifndef CLOUDEP_TEST_CHILD_H
#define CLOUDEP_TEST_CHILD_H

#include <apr_atomic.h>
#include <apr_thread_cond.h>
#include <httpd.h>

#include "flow.h"

#define CHILD_HANGS 20 /* seconds: what did not happen by then does not */

static struct {
    server_rec server;
    void *settings[1]; /* of the server's modules: ours is the first */
    apr_pool_t *pool;
    cloudep_db_t *db;
    apr_uint32_t failed;         /* statements; atomic */
    apr_interval_time_t longest; /* that a thread was about to wait; atomic */
    PGconn *holder;
} child;

/** Waits until the expression is true. Returns whether it became so. */
#define child_until(expression)                                                                                        \
    ({                                                                                                                 \
        const apr_time_t end_ = apr_time_now() + apr_time_from_sec(CHILD_HANGS);                                       \
        int is_;                                                                                                       \
                                                                                                                       \
        while (!(is_ = (expression)) && apr_time_now() < end_) {                                                       \
            (void)usleep(2000);                                                                                        \
        }                                                                                                              \
        is_;                                                                                                           \
    })

/* APR's, as our threads call it: how long they would wait is remembered, and they look often whether they are woken. */
apr_status_t apr_thread_cond_timedwait(apr_thread_cond_t *cond, apr_thread_mutex_t *mutex, apr_interval_time_t timeout)
{
    (void)cond;
    if (timeout > __atomic_load_n(&child.longest, __ATOMIC_RELAXED)) {
        __atomic_store_n(&child.longest, timeout, __ATOMIC_RELAXED);
    }
    (void)apr_thread_mutex_unlock(mutex);
    (void)usleep(1000);
    (void)apr_thread_mutex_lock(mutex);
    return timeout <= 1000 ? APR_TIMEUP : APR_SUCCESS;
}

/** Whether that was so long, but for the moments that a busy machine takes; to be asked before the child ends. */
static inline int child_waits(apr_interval_time_t interval)
{
    const apr_interval_time_t nearly = interval - interval / 10;

    return child_until(__atomic_load_n(&child.longest, __ATOMIC_RELAXED) > nearly) &&
           __atomic_load_n(&child.longest, __ATOMIC_RELAXED) <= interval;
}

static inline void child_report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    (void)baton;
    (void)label;
    (void)sqlstate;
    (void)message;
    (void)apr_atomic_inc32(&child.failed);
}

/* Connections of the child's own, as its threads open some while the test goes on. */
static inline cloudep_db_t *child_database(void)
{
    apr_pool_t *pool;

    if (!child.db) {
        flow_must(apr_pool_create_unmanaged_ex(&pool, NULL, NULL), "a pool");
        child.db = postgres_db(pool, POSTGRES_APP);
        child.db->report = child_report;
    }
    return child.db;
}

/** A server with settings. */
static inline void child_server(server_rec *server, void **settings, cloudep_config_t *config)
{
    *settings = config;
    server->module_config = (struct ap_conf_vector_t *)settings;
}

static inline void child_begin(void (*start)(struct server_rec *main_server, apr_pool_t *pchild))
{
    flow.run.db = child_database();
    child_server(&child.server, child.settings, &flow.config);
    flow_must(apr_pool_create_unmanaged_ex(&child.pool, NULL, NULL), "a pool");
    __atomic_store_n(&child.longest, 0, __ATOMIC_RELAXED);
    start(&child.server, child.pool);
}

static inline void child_end(void)
{
    apr_pool_destroy(child.pool);
}

/** Whether SQL that yields a number yields more than none. */
static inline int child_any(const char *sql)
{
    char *value = postgres_value(sql, NULL);
    const int any = value && atoi(value) > 0;

    free(value);
    return any;
}

#define CHILD_WAITING                                                                                                  \
    "SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation"                                      \
    " WHERE NOT l.granted AND c.relname = '%s'"

/** Holds a table until a thread waits for it, which poke brings about. */
static inline void child_hold(const char *table, void (*poke)(void))
{
    const char *waiting = apr_psprintf(flow.pool, CHILD_WAITING, table);

    child.holder = postgres_connect("cloudep", POSTGRES_SUPERUSER);
    postgres_exec(child.holder, apr_psprintf(flow.pool, "BEGIN; LOCK TABLE cloudep.%s", table));
    poke();
    if (!child_until(child_any(waiting))) {
        flow_bail_out("no thread came to the table");
    }
}

static inline void child_release(void)
{
    postgres_exec(child.holder, "ROLLBACK");
    PQfinish(child.holder);
}

#endif
