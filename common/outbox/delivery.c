/*
 * delivery.c - the threads that deliver, one for each channel, so that a slow SMS gateway delays no mail.
 *
 * A message is sent at least once and, as far as can be known, at most once: what was acknowledged but could not be
 * marked, because the database had gone, is remembered and marked before anything else is claimed. While a server
 * cannot be used at all, one message at a time probes it, and the others keep their attempts.
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
#include "base/text/json.h"
#include "base/crypto/seal.h"

#define POLL apr_time_from_sec(2)
#define BATCH 16
/* A claim must not end during a transfer, which takes 30 s at most. */
#define LAST_START apr_time_from_sec(CLOUDEP_OUTBOX_CLAIM - 35)
/* After so many tries, about a day, a message is given up whatever its lifetime. */
#define MAX_ATTEMPTS 100
/* A thread that has something to mark goes back to the database sooner than one that only wants to claim. */
#define MARK_AGAIN apr_time_from_msec(250)
#define CLAIM_AGAIN_FIRST apr_time_from_sec(1)
#define CLAIM_AGAIN_MAX apr_time_from_sec(8)
#define PROBE_FIRST apr_time_from_sec(1)
#define PROBE_MAX apr_time_from_sec(10)

/* A delivered message that is not marked as such in its row yet. */
typedef struct unmarked_t {
    char tenant_id[37];
    char id[37];
} unmarked_t;

/* One channel of one server. */
typedef struct transport_t {
    server_rec *s;
    const cloudep_config_t *config;
    cloudep_mailer_t *mailer;     /* mail only */
    apr_array_header_t *unmarked; /* of unmarked_t */
    apr_time_t not_before;
    apr_interval_time_t pause;      /* 0: the mail server or gateway could be used last time */
    apr_interval_time_t claim_wait; /* 0: the database could */
} transport_t;

typedef struct worker_t {
    cloudep_outbox_t *outbox;
    const char *channel;
    apr_pool_t *pool;
    apr_array_header_t *transports; /* of transport_t */
    apr_thread_t *thread;
    int woken;
    int running;
} worker_t;

enum { MAIL, SMS, CHANNELS };

struct cloudep_outbox_t {
    apr_thread_mutex_t *mutex; /* woken and running of all workers */
    apr_thread_cond_t *changed;
    apr_uint32_t stop; /* atomic */
    worker_t workers[CHANNELS];
};

/* ---- One message ---------------------------------------------------------------------------------------- */

static apr_status_t open_params(json_t **params, const transport_t *transport, apr_pool_t *p,
                                const cloudep_outbox_row_t *row, const char **error)
{
    const unsigned char *plain;
    const char *reason;
    apr_size_t len;
    apr_status_t rv;

    *error = "the message has no content";
    if (!row->params) {
        return CLOUDEP_EDATA;
    }
    *error = "the message cannot be unsealed";
    rv = cloudep_unseal(&plain, &len, p, transport->config->run->sealing, row->params,
                        cloudep_outbox_aad(p, row->tenant_id, row->target, row->template));
    if (rv == APR_SUCCESS) {
        return cloudep_json_parse(params, &reason, (const char *)plain, len, p) == APR_SUCCESS ? APR_SUCCESS
                                                                                               : CLOUDEP_EDATA;
    }
    /* Another node may have the key that this one lacks. */
    return rv == APR_NOTFOUND ? CLOUDEP_EPROVIDER : CLOUDEP_EDATA;
}

static apr_status_t transfer(transport_t *transport, apr_pool_t *p, const cloudep_outbox_row_t *row,
                             const cloudep_text_t *text, apr_uint32_t *stop, int more, const char **error)
{
    if (transport->mailer) {
        cloudep_mail_t mail = {.to = row->target,
                               .subject = text->subject,
                               .text = text->text,
                               .html = text->html,
                               .language = text->language,
                               .id = row->id,
                               .date = row->created_at};

        return cloudep_mailer_send(transport->mailer, p, &mail, more, error);
    }
    return cloudep_sms_send(transport->config->run->outbox_setup->sms, transport->config->run->http, p,
                            &(const cloudep_sms_t){.to = row->target, .text = text->text, .id = row->id}, stop, error);
}

/* Unseals, renders and sends. The result is one of cloudep_mailer_send()'s. */
static apr_status_t deliver(transport_t *transport, apr_pool_t *p, const cloudep_outbox_row_t *row, apr_uint32_t *stop,
                            int more, const char **error)
{
    const cloudep_outbox_setup_t *setup = transport->config->run->outbox_setup;
    cloudep_text_t text;
    json_t *params;
    apr_status_t rv = open_params(&params, transport, p, row, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *error = "the message cannot be rendered";
    if (cloudep_messages_render(&text, transport->mailer ? setup->mail_messages : setup->sms_messages, p, row->template,
                                row->language, params, row->target, row->created_at) != APR_SUCCESS) {
        return CLOUDEP_EDATA;
    }
    return transfer(transport, p, row, &text, stop, more, error);
}

/* ---- How it ended --------------------------------------------------------------------------------------- */

static void remember(transport_t *transport, const cloudep_outbox_row_t *row)
{
    unmarked_t *unmarked = apr_array_push(transport->unmarked);

    apr_cpystrn(unmarked->tenant_id, row->tenant_id, sizeof(unmarked->tenant_id));
    apr_cpystrn(unmarked->id, row->id, sizeof(unmarked->id));
}

/* The first wait, then twice the last one, up to a limit. */
static apr_interval_time_t next_wait(apr_interval_time_t last, apr_interval_time_t first, apr_interval_time_t max)
{
    if (!last) {
        return first;
    }
    return last * 2 < max ? last * 2 : max;
}

static void wait_for_database(transport_t *transport)
{
    transport->claim_wait = next_wait(transport->claim_wait, CLAIM_AGAIN_FIRST, CLAIM_AGAIN_MAX);
    transport->not_before = apr_time_now() + (transport->unmarked->nelts ? MARK_AGAIN : transport->claim_wait);
}

static void note_transport(transport_t *transport, const cloudep_outbox_row_t *row, int usable, const char *error)
{
    if (usable) {
        if (transport->pause) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, transport->s, CENO(701) "%s can be delivered again",
                         row->channel);
        }
        transport->pause = 0;
        return;
    }
    if (!transport->pause) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, transport->s, CENO(702) "%s cannot be delivered at present: %s",
                     row->channel, error);
    }
    transport->pause = next_wait(transport->pause, PROBE_FIRST, PROBE_MAX);
    transport->not_before = apr_time_now() + transport->pause;
}

/* Writes down how a try ended. */
static apr_status_t mark(transport_t *transport, apr_pool_t *p, const cloudep_outbox_row_t *row, apr_status_t outcome,
                         const char *error)
{
    cloudep_db_t *db = transport->config->run->db;

    if (outcome == APR_SUCCESS) {
        apr_status_t rv = cloudep_outbox_delivered(db, p, row->tenant_id, row->id);

        ap_log_error(APLOG_MARK, APLOG_INFO, 0, transport->s, CENO(703) "%s %s (%s) delivered, attempt %d",
                     row->channel, row->id, row->template, row->attempts);
        if (rv != APR_SUCCESS) {
            remember(transport, row);
        }
        return rv;
    }
    if (outcome == APR_EINTR) {
        return cloudep_outbox_release(db, p, row->tenant_id, row->id);
    }
    if (outcome == CLOUDEP_EREFUSED || outcome == CLOUDEP_EDATA || row->attempts >= MAX_ATTEMPTS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, transport->s, CENO(704) "%s %s (%s) given up, attempt %d: %s",
                     row->channel, row->id, row->template, row->attempts, error);
        return cloudep_outbox_give_up(db, p, row->tenant_id, row->id, error);
    }
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, transport->s, CENO(705) "%s %s (%s) put off, attempt %d: %s", row->channel,
                 row->id, row->template, row->attempts, error);
    return cloudep_outbox_retry(db, p, row->tenant_id, row->id, error);
}

/* Whether an outcome says something of the server rather than of the message. */
static int is_about_server(apr_status_t outcome)
{
    return outcome != APR_SUCCESS && outcome != CLOUDEP_EREFUSED && outcome != CLOUDEP_EDATA &&
           outcome != CLOUDEP_EPROVIDER && outcome != APR_EINTR;
}

/* ---- One run of a transport ----------------------------------------------------------------------------- */

static apr_status_t mark_remembered(transport_t *transport, apr_pool_t *p)
{
    while (transport->unmarked->nelts) {
        const unmarked_t *last = &APR_ARRAY_IDX(transport->unmarked, transport->unmarked->nelts - 1, unmarked_t);
        apr_status_t rv = cloudep_outbox_delivered(transport->config->run->db, p, last->tenant_id, last->id);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        transport->unmarked->nelts--;
    }
    return APR_SUCCESS;
}

/* Delivers claimed rows one after the other. Rows that there is no time or no server for are released. */
static apr_status_t deliver_rows(transport_t *transport, apr_pool_t *p, const apr_array_header_t *rows,
                                 apr_time_t claimed_at, apr_uint32_t *stop)
{
    apr_status_t failed = APR_SUCCESS;
    int down = 0;

    for (int i = 0; i < rows->nelts; i++) {
        const cloudep_outbox_row_t *row = &APR_ARRAY_IDX(rows, i, cloudep_outbox_row_t);
        const char *error = "";
        apr_status_t outcome = APR_EINTR;
        apr_status_t rv;

        if (row->expired) {
            /* A decoy's message is never sent. */
            ap_log_error(APLOG_MARK, strcmp(row->target, CLOUDEP_DECOY_TARGET) ? APLOG_WARNING : APLOG_DEBUG, 0,
                         transport->s, CENO(706) "%s %s (%s) expired after %d attempts", row->channel, row->id,
                         row->template, row->attempts);
            continue;
        }
        if (!apr_atomic_read32(stop) && !down && failed == APR_SUCCESS && apr_time_now() - claimed_at < LAST_START) {
            outcome = deliver(transport, p, row, stop, i + 1 < rows->nelts, &error);
        }
        rv = mark(transport, p, row, outcome, error);
        if (outcome != APR_EINTR && outcome != CLOUDEP_EDATA) {
            down = is_about_server(outcome);
            note_transport(transport, row, !down, error);
        }
        if (rv != APR_SUCCESS && failed != APR_SUCCESS) {
            break; /* the database has gone: the other claims end by themselves */
        }
        failed = rv == APR_SUCCESS ? failed : rv;
    }
    if (transport->mailer) {
        cloudep_mailer_disconnect(transport->mailer);
    }
    return failed;
}

/* Returns whether there may be more to do at once. */
static int run_transport(worker_t *worker, transport_t *transport, apr_pool_t *p)
{
    cloudep_db_t *db = transport->config->run->db;
    apr_array_header_t *rows = NULL;
    int limit = transport->pause ? 1 : BATCH;
    apr_interval_time_t pause = transport->pause;
    apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (now < transport->not_before) {
        return 0;
    }
    rv = mark_remembered(transport, p);
    if (rv == APR_SUCCESS) {
        rv = cloudep_outbox_claim(db, p, &rows, worker->channel, limit);
    }
    if (rv == APR_SUCCESS) {
        rv = deliver_rows(transport, p, rows, now, &worker->outbox->stop);
    }
    if (rv != APR_SUCCESS) {
        wait_for_database(transport);
        return 0;
    }
    transport->claim_wait = 0;
    return rows->nelts && (rows->nelts == limit || pause) && !transport->pause;
}

/* ---- Threads -------------------------------------------------------------------------------------------- */

/* Waits until there may be something to do. Returns 0 when the worker has to end. */
static int wait_for_work(worker_t *worker, int more)
{
    cloudep_outbox_t *outbox = worker->outbox;
    apr_time_t until = apr_time_now() + POLL;
    apr_interval_time_t left;
    int woken;

    for (int i = 0; i < worker->transports->nelts; i++) {
        apr_time_t next = APR_ARRAY_IDX(worker->transports, i, transport_t).not_before;

        until = next > apr_time_now() && next < until ? next : until;
    }
    (void)apr_thread_mutex_lock(outbox->mutex);
    while (!more && !worker->woken && !apr_atomic_read32(&outbox->stop) && (left = until - apr_time_now()) > 0) {
        (void)apr_thread_cond_timedwait(outbox->changed, outbox->mutex, left);
    }
    woken = worker->woken;
    worker->woken = 0;
    (void)apr_thread_mutex_unlock(outbox->mutex);
    for (int i = 0; woken && i < worker->transports->nelts; i++) {
        transport_t *transport = &APR_ARRAY_IDX(worker->transports, i, transport_t);

        /* The request that woke this thread has just used the database. */
        if (transport->claim_wait && !transport->pause) {
            transport->not_before = 0;
        }
    }
    return !apr_atomic_read32(&outbox->stop);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *baton)
{
    worker_t *worker = baton;
    cloudep_outbox_t *outbox = worker->outbox;
    apr_pool_t *scratch;
    int more = 1;

    /* Signals are for the child's main thread. */
    (void)apr_setup_signal_thread();
    apr_pool_create(&scratch, worker->pool);
    while (wait_for_work(worker, more)) {
        more = 0;
        for (int i = 0; i < worker->transports->nelts && !apr_atomic_read32(&outbox->stop); i++) {
            more |= run_transport(worker, &APR_ARRAY_IDX(worker->transports, i, transport_t), scratch);
            apr_pool_clear(scratch);
        }
    }
    for (int i = 0; i < worker->transports->nelts; i++) {
        (void)mark_remembered(&APR_ARRAY_IDX(worker->transports, i, transport_t), scratch);
    }
    apr_pool_destroy(scratch);
    (void)apr_thread_mutex_lock(outbox->mutex);
    worker->running = 0;
    (void)apr_thread_cond_broadcast(outbox->changed);
    (void)apr_thread_mutex_unlock(outbox->mutex);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

void cloudep_delivery_wake(cloudep_outbox_t *outbox)
{
    /* A request thread that a hard stop did not wait for must not touch what is being destroyed. */
    if (!outbox || apr_atomic_read32(&outbox->stop)) {
        return;
    }
    (void)apr_thread_mutex_lock(outbox->mutex);
    for (int i = 0; i < CHANNELS; i++) {
        outbox->workers[i].woken = 1;
    }
    (void)apr_thread_cond_broadcast(outbox->changed);
    (void)apr_thread_mutex_unlock(outbox->mutex);
}

/*
 * A transfer ends within a second of the stop; a statement on a database that hangs may not, and the end of this child
 * is not delayed for it.
 */
static apr_status_t stop_workers(void *baton)
{
    cloudep_outbox_t *outbox = baton;
    apr_time_t deadline = apr_time_now() + apr_time_from_msec(2500);
    apr_interval_time_t left;
    apr_status_t ended;

    apr_atomic_set32(&outbox->stop, 1);
    (void)apr_thread_mutex_lock(outbox->mutex);
    (void)apr_thread_cond_broadcast(outbox->changed);
    for (int i = 0; i < CHANNELS; i++) {
        while (outbox->workers[i].running && (left = deadline - apr_time_now()) > 0) {
            (void)apr_thread_cond_timedwait(outbox->changed, outbox->mutex, left);
        }
    }
    (void)apr_thread_mutex_unlock(outbox->mutex);
    for (int i = 0; i < CHANNELS; i++) {
        if (!outbox->workers[i].running) {
            if (outbox->workers[i].thread) {
                (void)apr_thread_join(&ended, outbox->workers[i].thread);
            }
            apr_pool_destroy(outbox->workers[i].pool);
        }
    }
    return APR_SUCCESS;
}

static void add_transport(worker_t *worker, server_rec *s, const cloudep_config_t *config, cloudep_mailer_t *mailer)
{
    transport_t *transport = apr_array_push(worker->transports);

    *transport = (transport_t){.s = s, .config = config, .mailer = mailer};
    transport->unmarked = apr_array_make(worker->pool, BATCH, sizeof(unmarked_t));
}

static void add_server(server_rec *s, const cloudep_config_t *config, void *baton)
{
    cloudep_outbox_t *outbox = baton;
    cloudep_runtime_t *run = config->run;
    worker_t *mail = &outbox->workers[MAIL];
    cloudep_mailer_t *mailer;

    if (!run->db || !run->sealing || !run->outbox_setup) {
        return;
    }
    run->outbox = outbox;
    if (run->outbox_setup->mail) {
        if (cloudep_mailer_create(&mailer, mail->pool, run->outbox_setup->mail, run->http, &outbox->stop) !=
            APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(707) "this child cannot send mail");
            return;
        }
        add_transport(mail, s, config, mailer);
    }
    if (run->outbox_setup->sms) {
        add_transport(&outbox->workers[SMS], s, config, NULL);
    }
}

static apr_status_t make_worker(worker_t *worker, cloudep_outbox_t *outbox, const char *channel)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    /* With an allocator of its own, as pools of other threads must not be touched. */
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create_unmanaged_ex(&worker->pool, NULL, allocator);
    }
    if (rv == APR_SUCCESS) {
        apr_allocator_owner_set(allocator, worker->pool);
        worker->outbox = outbox;
        worker->channel = channel;
        worker->transports = apr_array_make(worker->pool, 2, sizeof(transport_t));
    }
    return rv;
}

apr_status_t cloudep_outbox_child_init(server_rec *main_server, apr_pool_t *pchild)
{
    static const char *const channels[CHANNELS] = {CLOUDEP_CHANNEL_MAIL, CLOUDEP_CHANNEL_SMS};
    cloudep_outbox_t *outbox = apr_pcalloc(pchild, sizeof(*outbox));
    apr_status_t rv = apr_thread_mutex_create(&outbox->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&outbox->changed, pchild);
    }
    for (int i = 0; rv == APR_SUCCESS && i < CHANNELS; i++) {
        rv = make_worker(&outbox->workers[i], outbox, channels[i]);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    cloudep_each_runtime(main_server, add_server, outbox);
    /* Before the cleanups of what the threads use: mod_dbd's pool, the HTTP handles. */
    apr_pool_pre_cleanup_register(pchild, outbox, stop_workers);
    for (int i = 0; rv == APR_SUCCESS && i < CHANNELS; i++) {
        if (outbox->workers[i].transports->nelts) {
            outbox->workers[i].running = 1;
            rv = apr_thread_create(&outbox->workers[i].thread, NULL, run, &outbox->workers[i], pchild);
        }
        if (rv != APR_SUCCESS) {
            outbox->workers[i].running = 0;
        }
    }
    return rv;
}
