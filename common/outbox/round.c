/*
 * round.c - one round of a worker: lease what is due, try each message, write down what became of it.
 *
 * A message is sent at least once and, as far as can be known, at most once: what was sent but could not be marked,
 * because the database had gone, is remembered and marked before anything else is leased. While a server cannot be
 * used, one message at a time probes it, and the others keep their attempts.
 */
#include "base/metrics.h"
#include "core/module.h"
#include "core/runtime.h"
#include "outbox/outbox_private.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <apr_uuid.h>

#define BATCH 16
/* A lease may not run out under a transfer, which takes 30 s at most. */
#define LAST_START apr_time_from_sec(CLOUDEP_OUTBOX_LEASE - 35)
/* At a day's worth of tries a message is given up, whatever its lifetime. */
#define MAX_ATTEMPTS 100
/* A worker with something to mark is back at the database sooner than one that only wants to lease. */
#define MARK_AGAIN apr_time_from_msec(250)
#define LEASE_AGAIN_FIRST apr_time_from_sec(1)
#define LEASE_AGAIN_MAX apr_time_from_sec(8)
#define PROBE_FIRST apr_time_from_sec(1)
#define PROBE_MAX apr_time_from_sec(10)
#define SEEN_EVERY apr_time_from_sec(60)

/* A sent message whose row does not know it yet. */
typedef struct unmarked_t {
    char tenant_id[APR_UUID_FORMATTED_LENGTH + 1];
    char id[APR_UUID_FORMATTED_LENGTH + 1];
} unmarked_t;

void cloudep_worker_init(cloudep_worker_t *worker, apr_pool_t *pool, server_rec *s, const cloudep_config_t *config,
                         const char *channel)
{
    *worker = (cloudep_worker_t){.s = s, .config = config};
    worker->share.channel = channel;
    worker->share.name = config->run->outbox_setup->name;
    worker->unmarked = apr_array_make(pool, BATCH, sizeof(unmarked_t));
}

/* ---- Waiting -------------------------------------------------------------------------------------------- */

/* The first wait, then twice the last one, up to a limit. */
static apr_interval_time_t next_wait(apr_interval_time_t last, apr_interval_time_t first, apr_interval_time_t max)
{
    if (!last) {
        return first;
    }
    return last * 2 < max ? last * 2 : max;
}

static void wait_for_database(cloudep_worker_t *worker)
{
    worker->db_wait = next_wait(worker->db_wait, LEASE_AGAIN_FIRST, LEASE_AGAIN_MAX);
    worker->not_before = apr_time_now() + (worker->unmarked->nelts ? MARK_AGAIN : worker->db_wait);
}

static const char *name_of(const cloudep_worker_t *worker)
{
    return worker->share.name ? worker->share.name : "of the main server";
}

/* A try has shown whether the server can be used. */
static void note_server(cloudep_worker_t *worker, int usable, const char *error)
{
    if (usable) {
        if (worker->rest) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, worker->s, CENO(701) "%s can be delivered again (outbox %s)",
                         worker->share.channel, name_of(worker));
        }
        worker->rest = 0;
        return;
    }
    if (!worker->rest) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, worker->s, CENO(702) "%s cannot be delivered at present (outbox %s): %s",
                     worker->share.channel, name_of(worker), error);
    }
    worker->rest = next_wait(worker->rest, PROBE_FIRST, PROBE_MAX);
    worker->not_before = apr_time_now() + worker->rest;
}

/* ---- Marking -------------------------------------------------------------------------------------------- */

static void remember(cloudep_worker_t *worker, const cloudep_outbox_row_t *row)
{
    unmarked_t *unmarked = apr_array_push(worker->unmarked);

    apr_cpystrn(unmarked->tenant_id, row->tenant_id, sizeof(unmarked->tenant_id));
    apr_cpystrn(unmarked->id, row->id, sizeof(unmarked->id));
}

apr_status_t cloudep_worker_mark(cloudep_worker_t *worker, apr_pool_t *p)
{
    while (worker->unmarked->nelts) {
        const unmarked_t *last = &APR_ARRAY_IDX(worker->unmarked, worker->unmarked->nelts - 1, unmarked_t);
        apr_status_t rv = cloudep_outbox_delivered(worker->config->run->db, p, last->tenant_id, last->id);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        worker->unmarked->nelts--;
    }
    return APR_SUCCESS;
}

static apr_status_t mark_sent(cloudep_worker_t *worker, apr_pool_t *p, const cloudep_outbox_row_t *row)
{
    apr_status_t rv = cloudep_outbox_delivered(worker->config->run->db, p, row->tenant_id, row->id);

    ap_log_error(APLOG_MARK, APLOG_INFO, 0, worker->s, CENO(703) "%s %s (%s) delivered, attempt %d", row->channel,
                 row->id, row->template, row->attempts);
    if (rv != APR_SUCCESS) {
        remember(worker, row);
    }
    return rv;
}

/* Writes down how a try ended. */
static apr_status_t mark(cloudep_worker_t *worker, apr_pool_t *p, const cloudep_outbox_row_t *row,
                         cloudep_verdict_e verdict, const char *error)
{
    cloudep_db_t *db = worker->config->run->db;

    if (verdict == CLOUDEP_SENT) {
        return mark_sent(worker, p, row);
    }
    if (verdict == CLOUDEP_NOT_TRIED) {
        return cloudep_outbox_release(db, p, row->tenant_id, row->id);
    }
    if (verdict == CLOUDEP_RECIPIENT_REFUSED || verdict == CLOUDEP_MESSAGE_REFUSED || row->attempts >= MAX_ATTEMPTS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, worker->s,
                     CENO(704) "%s %s (%s) of tenant %s given up, attempt %d: %s", row->channel, row->id, row->template,
                     row->tenant_id, row->attempts, error);
        return cloudep_outbox_give_up(db, p, row->tenant_id, row->id, error);
    }
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, worker->s, CENO(705) "%s %s (%s) of tenant %s put off, attempt %d: %s",
                 row->channel, row->id, row->template, row->tenant_id, row->attempts, error);
    return cloudep_outbox_retry(db, p, row->tenant_id, row->id, error);
}

/* ---- Trying --------------------------------------------------------------------------------------------- */

static void tell_expired(const cloudep_worker_t *worker, const cloudep_outbox_row_t *row)
{
    /* A decoy's was never meant to arrive. */
    ap_log_error(APLOG_MARK, strcmp(row->target, CLOUDEP_DECOY_TARGET) ? APLOG_WARNING : APLOG_DEBUG, 0, worker->s,
                 CENO(706) "%s %s (%s) of tenant %s expired after %d attempts", row->channel, row->id, row->template,
                 row->tenant_id, row->attempts);
}

static void count_attempt(const cloudep_worker_t *worker, cloudep_verdict_e verdict)
{
    static const char *const words[] = {"sent", "recipient_refused", "message_refused", "put_off", "server_down"};

    cloudep_count(CLOUDEP_METRIC_MESSAGES, worker->share.channel, words[verdict], 1);
}

/* Tries the leased rows one after the other. Those that no time or no server is left for are handed back. */
static apr_status_t work_off(cloudep_worker_t *worker, apr_pool_t *p, const apr_array_header_t *rows,
                             apr_time_t leased_at)
{
    apr_status_t failed = APR_SUCCESS;
    int down = 0;

    for (int i = 0; i < rows->nelts; i++) {
        const cloudep_outbox_row_t *row = &APR_ARRAY_IDX(rows, i, cloudep_outbox_row_t);
        const char *error = "";
        cloudep_verdict_e verdict = CLOUDEP_NOT_TRIED;
        apr_status_t rv;

        if (row->expired) {
            tell_expired(worker, row);
            continue;
        }
        if (!apr_atomic_read32(worker->stop) && !down && failed == APR_SUCCESS &&
            apr_time_now() - leased_at < LAST_START) {
            verdict = cloudep_attempt(worker, p, row, i + 1 < rows->nelts, &error);
        }
        rv = mark(worker, p, row, verdict, error);
        if (verdict != CLOUDEP_NOT_TRIED) {
            down = verdict == CLOUDEP_SERVER_DOWN;
            count_attempt(worker, verdict);
            note_server(worker, !down, error);
        }
        if (rv != APR_SUCCESS && failed != APR_SUCCESS) {
            break; /* the database has gone: the other leases run out by themselves */
        }
        failed = rv == APR_SUCCESS ? failed : rv;
    }
    if (worker->mailer) {
        cloudep_mailer_disconnect(worker->mailer);
    }
    return failed;
}

static apr_status_t say_seen(cloudep_worker_t *worker, apr_pool_t *p, apr_time_t now)
{
    apr_status_t rv = APR_SUCCESS;

    if (worker->share.name && now - worker->seen_at >= SEEN_EVERY) {
        rv = cloudep_outbox_seen(worker->config->run->db, p, worker->share.name);
        worker->seen_at = rv == APR_SUCCESS ? now : worker->seen_at;
    }
    return rv;
}

int cloudep_worker_round(cloudep_worker_t *worker, apr_pool_t *p)
{
    apr_array_header_t *rows = NULL;
    const apr_interval_time_t rest = worker->rest;
    const int limit = rest ? 1 : BATCH;
    const apr_time_t now = apr_time_now();
    apr_status_t rv;

    if (now < worker->not_before) {
        return 0;
    }
    rv = cloudep_worker_mark(worker, p);
    if (rv == APR_SUCCESS) {
        rv = say_seen(worker, p, now);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_outbox_claim(worker->config->run->db, p, &rows, &worker->share, limit);
    }
    if (rv == APR_SUCCESS) {
        rv = work_off(worker, p, rows, now);
    }
    if (rv != APR_SUCCESS) {
        wait_for_database(worker);
        return 0;
    }
    worker->db_wait = 0;
    return rows->nelts && (rows->nelts == limit || rest) && !worker->rest;
}
