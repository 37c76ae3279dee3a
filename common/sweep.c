/*
 * sweep.c - the thread that finishes what a crash or an absent provider left half done.
 *
 * Members that never arrived or were told to leave are claimed by one node at a time, removed at the identity
 * provider, and only then here, so that no orphan stays there. Rows whose time is over go as well.
 */
#include "private.h"

#include <http_log.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#define BATCH 50

typedef struct sweep_t {
    server_rec *main_server;
    apr_pool_t *pool;
    apr_thread_t *thread;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *stopped;
    int stop;
    int interval; /* seconds */
} sweep_t;

static const cloudep_statement_t remove_old = {
    .label = "sweep_remove_old",
    .sql =
        "WITH s AS (DELETE FROM cloudep.sessions WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM cloudep.sessions"
        " WHERE expires_at < now() - interval '1 day' LIMIT 1000)),"
        " l AS (DELETE FROM cloudep.lockouts WHERE (tenant_id, kind, subject) IN (SELECT tenant_id, kind, subject"
        " FROM cloudep.lockouts WHERE last_at < now() - interval '2 days' LIMIT 1000))"
        " DELETE FROM cloudep.outbox WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM cloudep.outbox"
        " WHERE created_at < now() - interval '7 days' AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)"
        " LIMIT 1000)",
    .repeatable = 1,
};

static void sweep_one(server_rec *s, const cloudep_config_t *config, void *baton)
{
    cloudep_idp_context_t ctx = {.s = s, .p = baton, .config = config};
    cloudep_rows_t *members;
    apr_status_t rv;

    if (!config->run->db || !config->run->idp) {
        return;
    }
    rv = cloudep_member_claim_unfinished(config->run->db, ctx.p, &members, config->reserved_lifetime,
                                         config->pending_lifetime, BATCH);
    for (int i = 0; rv == APR_SUCCESS && i < members->count; i++) {
        cloudep_tenant_t tenant = {.id = cloudep_cell(members, i, 0), .organization = cloudep_cell(members, i, 4)};
        cloudep_idp_user_t user = {
            .tenant = &tenant, .uid = cloudep_cell(members, i, 1), .email = cloudep_cell(members, i, 2)};
        apr_status_t done = cloudep_finish_removal(&ctx, &user);

        ap_log_error(APLOG_MARK, done == APR_SUCCESS ? APLOG_INFO : APLOG_WARNING, 0, s,
                     CENO(160) "member %s of tenant %s: removal %s", user.uid, tenant.id,
                     done == APR_SUCCESS ? "finished" : cloudep_status_name(done));
    }
    if (rv == APR_SUCCESS) {
        (void)cloudep_db_run(config->run->db, ctx.p, NULL, &remove_old, NULL);
    }
}

static int wait_for_turn(sweep_t *sweep)
{
    int stop;

    apr_thread_mutex_lock(sweep->mutex);
    if (!sweep->stop) {
        (void)apr_thread_cond_timedwait(sweep->stopped, sweep->mutex, apr_time_from_sec(sweep->interval));
    }
    stop = sweep->stop;
    apr_thread_mutex_unlock(sweep->mutex);
    return !stop;
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *sweepv)
{
    sweep_t *sweep = sweepv;
    apr_pool_t *turn;

    (void)apr_setup_signal_thread(); /* signals are for the child's main thread */
    apr_pool_create(&turn, sweep->pool);
    while (wait_for_turn(sweep)) {
        cloudep_each_runtime(sweep->main_server, sweep_one, turn);
        apr_pool_clear(turn);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static apr_status_t stop(void *sweepv)
{
    sweep_t *sweep = sweepv;
    apr_status_t rv;

    apr_thread_mutex_lock(sweep->mutex);
    sweep->stop = 1;
    apr_thread_cond_signal(sweep->stopped);
    apr_thread_mutex_unlock(sweep->mutex);
    rv = apr_thread_join(&rv, sweep->thread);
    apr_pool_destroy(sweep->pool);
    return rv;
}

static void shortest(server_rec *s, const cloudep_config_t *config, void *sweepv)
{
    sweep_t *sweep = sweepv;

    (void)s;
    if (!sweep->interval || config->sweep_interval < sweep->interval) {
        sweep->interval = config->sweep_interval;
    }
}

void cloudep_sweep_start(server_rec *main_server, apr_pool_t *pchild)
{
    sweep_t *sweep = apr_pcalloc(pchild, sizeof(*sweep));
    apr_status_t rv;

    sweep->main_server = main_server;
    cloudep_each_runtime(main_server, shortest, sweep);
    /* A pool of its own: pchild belongs to the thread that runs child_init. */
    rv = apr_pool_create_unmanaged_ex(&sweep->pool, NULL, NULL);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&sweep->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&sweep->stopped, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&sweep->thread, NULL, run, sweep, pchild);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, main_server, CENO(161) "the sweep could not be started");
        return;
    }
    apr_pool_pre_cleanup_register(pchild, sweep, stop);
}
