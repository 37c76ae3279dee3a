/*
 * delivery.c - the threads that deliver: one for each channel of each server, so that a slow SMS gateway holds up no
 * mail, and one virtual host's mail server no other's.
 */
#include "core/module.h"
#include "core/runtime.h"
#include "outbox/outbox_private.h"

#include <apr_atomic.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#define POLL apr_time_from_sec(2)
#define STOP_WITHIN apr_time_from_msec(2500)

typedef struct delivery_thread_t {
    cloudep_worker_t worker;
    cloudep_outbox_t *outbox;
    apr_pool_t *pool;
    apr_thread_t *thread;
    int woken;
    int running;
} delivery_thread_t;

struct cloudep_outbox_t {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex; /* woken and running of all threads */
    apr_thread_cond_t *changed;
    apr_uint32_t stop;           /* atomic */
    apr_array_header_t *threads; /* of delivery_thread_t * */
};

/* ---- A thread ------------------------------------------------------------------------------------------- */

/* Waits until there may be something to do. Returns 0 when the thread has to end. */
static int wait_for_work(delivery_thread_t *thread, int more)
{
    cloudep_outbox_t *outbox = thread->outbox;
    cloudep_worker_t *worker = &thread->worker;
    const apr_time_t now = apr_time_now();
    const apr_time_t until =
        worker->not_before > now && worker->not_before < now + POLL ? worker->not_before : now + POLL;
    apr_interval_time_t left;
    int woken;

    (void)apr_thread_mutex_lock(outbox->mutex);
    while (!more && !thread->woken && !apr_atomic_read32(&outbox->stop) && (left = until - apr_time_now()) > 0) {
        (void)apr_thread_cond_timedwait(outbox->changed, outbox->mutex, left);
    }
    woken = thread->woken;
    thread->woken = 0;
    (void)apr_thread_mutex_unlock(outbox->mutex);
    /* The request that woke us has just used the database. */
    if (woken && worker->db_wait && !worker->rest) {
        worker->not_before = 0;
    }
    return !apr_atomic_read32(&outbox->stop);
}

static void *APR_THREAD_FUNC run(apr_thread_t *self, void *baton)
{
    delivery_thread_t *thread = baton;
    cloudep_outbox_t *outbox = thread->outbox;
    apr_pool_t *round;
    int more = 1;

    /* Signals are for the child's main thread. */
    (void)apr_setup_signal_thread();
    apr_pool_create(&round, thread->pool);
    while (wait_for_work(thread, more)) {
        more = cloudep_worker_round(&thread->worker, round);
        apr_pool_clear(round);
    }
    (void)cloudep_worker_mark(&thread->worker, round);
    apr_pool_destroy(round);
    (void)apr_thread_mutex_lock(outbox->mutex);
    thread->running = 0;
    (void)apr_thread_cond_broadcast(outbox->changed);
    (void)apr_thread_mutex_unlock(outbox->mutex);
    apr_thread_exit(self, APR_SUCCESS);
    return NULL;
}

void cloudep_delivery_wake(cloudep_outbox_t *outbox, const cloudep_config_t *config)
{
    /* A thread that a hard stop left behind must not touch what is being taken down. */
    if (!outbox || apr_atomic_read32(&outbox->stop)) {
        return;
    }
    (void)apr_thread_mutex_lock(outbox->mutex);
    for (int i = 0; i < outbox->threads->nelts; i++) {
        delivery_thread_t *thread = APR_ARRAY_IDX(outbox->threads, i, delivery_thread_t *);

        thread->woken |= thread->worker.config->run == config->run;
    }
    (void)apr_thread_cond_broadcast(outbox->changed);
    (void)apr_thread_mutex_unlock(outbox->mutex);
}

/* ---- Stop ----------------------------------------------------------------------------------------------- */

/*
 * A transfer ends within a second of the stop; a statement on a database that hangs may not, and the end of this child
 * is not worth waiting for that.
 */
static apr_status_t stop_threads(void *baton)
{
    cloudep_outbox_t *outbox = baton;
    const apr_time_t deadline = apr_time_now() + STOP_WITHIN;
    apr_interval_time_t left;
    apr_status_t ended;

    apr_atomic_set32(&outbox->stop, 1);
    (void)apr_thread_mutex_lock(outbox->mutex);
    (void)apr_thread_cond_broadcast(outbox->changed);
    for (int i = 0; i < outbox->threads->nelts; i++) {
        while (APR_ARRAY_IDX(outbox->threads, i, delivery_thread_t *)->running &&
               (left = deadline - apr_time_now()) > 0) {
            (void)apr_thread_cond_timedwait(outbox->changed, outbox->mutex, left);
        }
    }
    (void)apr_thread_mutex_unlock(outbox->mutex);
    for (int i = 0; i < outbox->threads->nelts; i++) {
        delivery_thread_t *thread = APR_ARRAY_IDX(outbox->threads, i, delivery_thread_t *);

        if (!thread->running) {
            if (thread->thread) {
                (void)apr_thread_join(&ended, thread->thread);
            }
            apr_pool_destroy(thread->pool);
        }
    }
    return APR_SUCCESS;
}

/* ---- Start ---------------------------------------------------------------------------------------------- */

/* A pool with an allocator of its own, as pools of other threads must not be touched. */
static apr_pool_t *make_pool(void)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;

    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_pool_create_unmanaged_ex(&pool, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    return pool;
}

/* What a worker needs beside its settings. On failure *error is a sentence for the operator. */
static apr_status_t equip(cloudep_worker_t *worker, apr_pool_t *pool, const char **error)
{
    const cloudep_runtime_t *run = worker->config->run;

    if (!strcmp(worker->share.channel, CLOUDEP_CHANNEL_SMS)) {
        return cloudep_sms_check(run->outbox_setup->sms, pool, error);
    }
    return cloudep_mailer_create(&worker->mailer, pool, run->outbox_setup->mail, run->http, worker->stop, error);
}

static void add_thread(cloudep_outbox_t *outbox, server_rec *s, const cloudep_config_t *config, const char *channel)
{
    delivery_thread_t *thread = apr_pcalloc(outbox->pool, sizeof(*thread));
    const char *error = "out of memory";
    apr_status_t rv = APR_ENOMEM;

    thread->outbox = outbox;
    thread->pool = make_pool();
    if (thread->pool) {
        cloudep_worker_init(&thread->worker, thread->pool, s, config, channel, &outbox->stop);
        rv = equip(&thread->worker, thread->pool, &error);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(707) "this child cannot send %s: %s", channel, error);
    }
    /* A folder that cannot be written to now may be mended while we run. */
    if (rv != APR_ENOMEM && rv != CLOUDEP_EUNSET) {
        APR_ARRAY_PUSH(outbox->threads, delivery_thread_t *) = thread;
    }
}

static void add_server(server_rec *s, const cloudep_config_t *config, void *baton)
{
    cloudep_outbox_t *outbox = baton;
    cloudep_runtime_t *run = config->run;

    if (!run->db || !run->sealing || !run->outbox_setup) {
        return;
    }
    run->outbox = outbox;
    if (run->outbox_setup->mail) {
        add_thread(outbox, s, config, CLOUDEP_CHANNEL_MAIL);
    }
    if (run->outbox_setup->sms) {
        add_thread(outbox, s, config, CLOUDEP_CHANNEL_SMS);
    }
}

/*
 * Chooses the worker that sends what is the main server's. Where the main server lacks that channel, it is one of the
 * first virtual host of the configuration that has it: httpd's list has those in reverse.
 */
static void choose_main(const cloudep_outbox_t *outbox, const char *channel)
{
    cloudep_worker_t *chosen = NULL;

    for (int i = 0; i < outbox->threads->nelts; i++) {
        cloudep_worker_t *worker = &APR_ARRAY_IDX(outbox->threads, i, delivery_thread_t *)->worker;

        if (!strcmp(worker->share.channel, channel) && (!chosen || chosen->s->is_virtual)) {
            chosen = worker;
        }
    }
    if (chosen) {
        chosen->share.is_main = 1;
    }
}

apr_status_t cloudep_outbox_child_init(server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_outbox_t *outbox = apr_pcalloc(pchild, sizeof(*outbox));
    apr_status_t rv = apr_thread_mutex_create(&outbox->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    if (rv != APR_SUCCESS || (rv = apr_thread_cond_create(&outbox->changed, pchild)) != APR_SUCCESS) {
        return rv;
    }
    outbox->pool = pchild;
    outbox->threads = apr_array_make(pchild, 4, sizeof(delivery_thread_t *));
    cloudep_each_runtime(main_server, add_server, outbox);
    choose_main(outbox, CLOUDEP_CHANNEL_MAIL);
    choose_main(outbox, CLOUDEP_CHANNEL_SMS);
    /* Before the cleanups of what the threads use: mod_dbd's pool, the HTTP handles. */
    apr_pool_pre_cleanup_register(pchild, outbox, stop_threads);
    for (int i = 0; rv == APR_SUCCESS && i < outbox->threads->nelts; i++) {
        delivery_thread_t *thread = APR_ARRAY_IDX(outbox->threads, i, delivery_thread_t *);

        thread->running = 1;
        rv = apr_thread_create(&thread->thread, NULL, run, thread, pchild);
        thread->running = rv == APR_SUCCESS;
    }
    return rv;
}
