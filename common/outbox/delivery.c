/*
 * delivery.c - the threads that deliver: one for each channel of each server, so that a slow SMS gateway holds up no
 * mail, and one virtual host's mail server no other's.
 */
#include "outbox/outbox_private.h"

#include <apr_atomic.h>
#include <string.h>
#include "core/background.h"
#include "core/module.h"
#include "core/runtime.h"

#define POLL apr_time_from_sec(2)

/* A worker and its thread. */
typedef struct delivery_t {
    cloudep_worker_t worker;
    apr_pool_t *pool;                 /* the worker's own */
    cloudep_background_t *background; /* NULL: it does not run */
    apr_uint32_t woken;               /* atomic: by a request */
} delivery_t;

struct cloudep_outbox_t {
    apr_pool_t *pool;
    apr_array_header_t *deliveries; /* of delivery_t * */
};

/* ---- A turn --------------------------------------------------------------------------------------------- */

static void take_turn(void *baton, apr_pool_t *p, int last)
{
    delivery_t *delivery = baton;
    cloudep_worker_t *worker = &delivery->worker;
    apr_interval_time_t wait;

    worker->stop = cloudep_background_stop(delivery->background);
    if (last) {
        (void)cloudep_worker_mark(worker, p);
        apr_pool_destroy(delivery->pool);
        return;
    }
    /* The request that woke us has just used the database. */
    if (apr_atomic_xchg32(&delivery->woken, 0) && worker->db_wait && !worker->rest) {
        worker->not_before = 0;
    }
    if (cloudep_worker_round(worker, p)) {
        cloudep_background_next(delivery->background, 0);
    }
    else if ((wait = worker->not_before - apr_time_now()) > 0 && wait < POLL) {
        cloudep_background_next(delivery->background, wait);
    }
}

void cloudep_delivery_wake(cloudep_outbox_t *outbox, const cloudep_config_t *config)
{
    for (int i = 0; outbox && i < outbox->deliveries->nelts; i++) {
        delivery_t *delivery = APR_ARRAY_IDX(outbox->deliveries, i, delivery_t *);

        if (delivery->background && delivery->worker.config->run == config->run) {
            apr_atomic_set32(&delivery->woken, 1);
            cloudep_background_wake(delivery->background);
        }
    }
}

/* ---- Start ---------------------------------------------------------------------------------------------- */

/* What a worker needs beside its settings. On failure *error is a sentence for the operator. */
static apr_status_t equip(cloudep_worker_t *worker, apr_pool_t *pool, const char **error)
{
    const cloudep_runtime_t *run = worker->config->run;

    if (!strcmp(worker->share.channel, CLOUDEP_CHANNEL_SMS)) {
        return cloudep_sms_check(run->outbox_setup->sms, pool, error);
    }
    return cloudep_mailer_create(&worker->mailer, pool, run->outbox_setup->mail, run->http, error);
}

static void add_worker(cloudep_outbox_t *outbox, server_rec *s, const cloudep_config_t *config, const char *channel)
{
    delivery_t *delivery = apr_pcalloc(outbox->pool, sizeof(*delivery));
    const char *error = "out of memory";
    apr_status_t rv = apr_pool_create_unmanaged_ex(&delivery->pool, NULL, NULL);

    if (rv == APR_SUCCESS) {
        cloudep_worker_init(&delivery->worker, delivery->pool, s, config, channel);
        rv = equip(&delivery->worker, delivery->pool, &error);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(707) "this child cannot send %s: %s", channel, error);
    }
    /* A folder that cannot be written to now may be mended while we run. */
    if (rv != APR_ENOMEM && rv != CLOUDEP_EUNSET) {
        APR_ARRAY_PUSH(outbox->deliveries, delivery_t *) = delivery;
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
        add_worker(outbox, s, config, CLOUDEP_CHANNEL_MAIL);
    }
    if (run->outbox_setup->sms) {
        add_worker(outbox, s, config, CLOUDEP_CHANNEL_SMS);
    }
}

/*
 * Chooses the worker that sends what is the main server's. Where the main server lacks that channel, it is one of the
 * first virtual host of the configuration that has it: httpd's list has those in reverse.
 */
static void choose_main(const cloudep_outbox_t *outbox, const char *channel)
{
    cloudep_worker_t *chosen = NULL;

    for (int i = 0; i < outbox->deliveries->nelts; i++) {
        cloudep_worker_t *worker = &APR_ARRAY_IDX(outbox->deliveries, i, delivery_t *)->worker;

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
    apr_status_t rv = APR_SUCCESS;

    outbox->pool = pchild;
    outbox->deliveries = apr_array_make(pchild, 4, sizeof(delivery_t *));
    cloudep_each_runtime(main_server, add_server, outbox);
    choose_main(outbox, CLOUDEP_CHANNEL_MAIL);
    choose_main(outbox, CLOUDEP_CHANNEL_SMS);
    for (int i = 0; rv == APR_SUCCESS && i < outbox->deliveries->nelts; i++) {
        delivery_t *delivery = APR_ARRAY_IDX(outbox->deliveries, i, delivery_t *);

        rv = cloudep_background_start(&delivery->background, pchild, POLL, take_turn, delivery);
        if (rv == APR_SUCCESS) {
            cloudep_background_wake(delivery->background);
        }
    }
    return rv;
}
