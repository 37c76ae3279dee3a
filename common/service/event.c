/*
 * event.c - see event.h.
 *
 * The dispatcher calls this at the end of every operation, so no flow can forget it; flows only note whom they are
 * about. Rows are written in batches by a thread of the child, so a request pays for a line in the log and nothing
 * else. An orderly stop writes what is left. A child that is killed loses the rows of at most FLUSH_INTERVAL, and those
 * that a database which was away could not take; their lines are in the log.
 */
#include "service/event.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include "base/metrics.h"
#include "base/status.h"
#include "base/store/event_store.h"
#include "core/background.h"
#include "core/event_log.h"
#include "core/settings.h"
#include "core/runtime.h"
#include "core/trace.h"
#include "service/event_tally.h"

#define FLUSH_INTERVAL apr_time_from_msec(500)
#define TALLY_INTERVAL apr_time_from_msec(950) /* every second run */
#define FLUSH_AT 200                           /* events that are written without waiting for more */
#define EXPIRIES 5                             /* of one run, so that new events need not wait */
#define BATCH 1000                             /* rows of a statement */
#define QUEUE_MAX 10000                        /* events that wait for a database that is away */

/* Records in the order in which they came; malloc'ed, as no request's pool lives long enough. */
typedef struct queue_t {
    char **records;
    int count;
    int room;
} queue_t;

typedef struct cloudep_events_t {
    struct server_rec *s;
    const cloudep_config_t *config;
    cloudep_background_t *background;
    cloudep_tally_t *tally;
    apr_time_t next_tally; /* the thread's, as is the next */
    apr_time_t next_expiry;
    apr_thread_mutex_t *mutex; /* of what follows */
    queue_t queue;
    int dropped;
    int closed; /* the thread has run for the last time */
} cloudep_events_t;

/* ---- In the request ---- */

/* Takes the record over. 0: there is no room. */
static int push(queue_t *queue, char *record)
{
    if (queue->count == queue->room) {
        int room = queue->room ? 2 * queue->room : 256;
        char **records = realloc(queue->records, (size_t)room * sizeof(*records));

        if (!records) {
            return 0;
        }
        queue->records = records;
        queue->room = room;
    }
    queue->records[queue->count++] = record;
    return 1;
}

static void enqueue(cloudep_events_t *events, const char *record)
{
    char *copy = strdup(record);
    int wake = 0;

    apr_thread_mutex_lock(events->mutex);
    if (!copy || events->closed || events->queue.count >= QUEUE_MAX || !push(&events->queue, copy)) {
        events->dropped++;
        free(copy);
    }
    else {
        wake = events->queue.count == FLUSH_AT;
    }
    apr_thread_mutex_unlock(events->mutex);
    if (wake) {
        cloudep_background_wake(events->background);
    }
}

static void log_line(const cloudep_context_t *ctx, const char *line)
{
    cloudep_context_t copy = *ctx;
    const cloudep_context_t *untraced = &copy;

    copy.traceparent = NULL; /* the object has it */
    if (!cloudep_event_log_write(ctx, line)) {
        CLOUDEP_LOG(untraced, NOTICE, 0, CENO(400) "%s", line);
    }
}

/* Writes an event down: its line now, its row in a moment. What is of no tenant is in the log only. */
static void write_event(const cloudep_context_t *ctx, const cloudep_event_t *event)
{
    cloudep_events_t *events = ctx->config->run->events;
    const char *line = cloudep_event_line(event, ctx->p);
    const char *record = cloudep_event_record(event, ctx->p);

    if (!line || !record) {
        CLOUDEP_LOG(ctx, ERR, 0, CENO(401) "an event could not be written");
        return;
    }
    log_line(ctx, line);
    if (events && event->tenant_id) {
        enqueue(events, record);
    }
}

/* Whether a credential of the account was compared: budgets bound how often that is. */
static int was_guess(cloudep_reason_e reason)
{
    return reason == CLOUDEP_CREDENTIALS_WRONG || reason == CLOUDEP_PASSWORD_WRONG || reason == CLOUDEP_CODE_WRONG ||
           reason == CLOUDEP_TOTP_WRONG || reason == CLOUDEP_BACKUP_CODE_WRONG;
}

static cloudep_tally_e add(const cloudep_context_t *ctx, const cloudep_event_t *event, const char *network, int shared)
{
    const char *line = cloudep_event_line(event, ctx->p);
    const char *record = cloudep_event_record(event, ctx->p);
    const char *key = apr_pstrcat(ctx->p, event->name, "\n", event->outcome, "\n", event->reason, "\n", network, "\n",
                                  event->tenant_id ? event->tenant_id : "", "\n", event->uid ? event->uid : "", NULL);

    return line && record ? cloudep_tally_add(ctx->config->run->events->tally, key, line, record, shared)
                          : CLOUDEP_TALLY_FIRST;
}

/* Counts a failure beside others of its kind; 0: it is to be written. */
static int count_failure(const cloudep_context_t *ctx, const cloudep_event_t *event, cloudep_reason_e reason)
{
    cloudep_event_t like = *event;
    cloudep_tally_e done;

    like.uid = was_guess(reason) ? event->uid : NULL;
    done = add(ctx, &like, ctx->network, 0);
    if (done == CLOUDEP_TALLY_FULL) {
        like.uid = like.address = like.user_agent = like.request_id = like.trace_id = NULL;
        done = add(ctx, &like, "", 1);
    }
    return done == CLOUDEP_TALLY_COUNTED;
}

void cloudep_event(const cloudep_context_t *ctx, const char *name, cloudep_outcome_t outcome, const char *code,
                   int proven)
{
    const cloudep_event_t event = {.at = apr_time_now(),
                                   .name = name,
                                   .success = !cloudep_failed(outcome),
                                   .outcome = code,
                                   .reason = cloudep_failed(outcome) ? cloudep_reason_word(outcome.reason) : NULL,
                                   .tenant_id = ctx->note.tenant_id,
                                   .uid = ctx->note.uid,
                                   .method = ctx->note.method,
                                   .address = ctx->address,
                                   .user_agent = ctx->user_agent,
                                   .request_id = ctx->request_id,
                                   .trace_id = ctx->traceparent ? cloudep_trace_id(ctx->traceparent, ctx->p) : NULL};

    if (!event.success && !proven && ctx->config->run->events && count_failure(ctx, &event, outcome.reason)) {
        return;
    }
    write_event(ctx, &event);
}

/* ---- In the thread ---- */

static void discard(queue_t *queue)
{
    for (int i = 0; i < queue->count; i++) {
        free(queue->records[i]);
    }
    free(queue->records);
    *queue = (queue_t){0};
}

/* Takes all that is there; what comes after the last run is dropped. */
static queue_t take(cloudep_events_t *events, cloudep_context_t *ctx, int last)
{
    queue_t queue;
    int dropped;

    apr_thread_mutex_lock(events->mutex);
    queue = events->queue;
    events->queue = (queue_t){0};
    events->closed = last;
    dropped = events->dropped;
    events->dropped = 0;
    apr_thread_mutex_unlock(events->mutex);
    if (dropped) {
        cloudep_count(CLOUDEP_METRIC_EVENTS_DROPPED, NULL, NULL, dropped);
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(402) "%d events are in this log only: the table took none for too long",
                    dropped);
    }
    return queue;
}

/* Puts back what could not be stored, before what has come since. */
static void put_back(cloudep_events_t *events, queue_t *queue)
{
    apr_thread_mutex_lock(events->mutex);
    for (int i = 0; i < events->queue.count; i++) {
        if (!push(queue, events->queue.records[i])) {
            free(events->queue.records[i]);
            events->dropped++;
        }
    }
    free(events->queue.records);
    events->queue = *queue;
    apr_thread_mutex_unlock(events->mutex);
}

/* Stores from the front; takes what is stored out of the queue. */
static apr_status_t store(cloudep_events_t *events, queue_t *queue, apr_pool_t *p)
{
    int stored = 0;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && stored < queue->count) {
        int number = queue->count - stored < BATCH ? queue->count - stored : BATCH;

        rv = cloudep_events_store(events->config->run->db, p, queue->records + stored, number);
        stored += rv == APR_SUCCESS ? number : 0;
    }
    for (int i = 0; i < stored; i++) {
        free(queue->records[i]);
    }
    queue->count -= stored;
    if (queue->count) {
        memmove(queue->records, queue->records + stored, (size_t)queue->count * sizeof(*queue->records));
    }
    return rv;
}

/* Tells what was counted, once a second; at the end what there is. */
static void tell_counted(cloudep_events_t *events, const cloudep_context_t *ctx, int last)
{
    apr_array_header_t *counted;

    if (!last && apr_time_now() < events->next_tally) {
        return;
    }
    events->next_tally = apr_time_now() + TALLY_INTERVAL;
    counted = cloudep_tally_take(events->tally, ctx->p);
    for (int i = 0; i < counted->nelts; i++) {
        const cloudep_counted_t *failures = &APR_ARRAY_IDX(counted, i, cloudep_counted_t);

        log_line(ctx, failures->line);
        if (strstr(failures->record, "\"tenant_id\":")) {
            enqueue(events, failures->record);
        }
    }
}

/* Removes old events, and goes on with it in the next run when there are more: faster than they can come in. */
static void expire(cloudep_events_t *events, apr_pool_t *p)
{
    int removed = CLOUDEP_EVENTS_EXPIRED_AT_ONCE;

    if (apr_time_now() < events->next_expiry) {
        return;
    }
    for (int i = 0; i < EXPIRIES && removed >= CLOUDEP_EVENTS_EXPIRED_AT_ONCE; i++) {
        (void)cloudep_events_expire(events->config->run->db, p, events->config->event_retention, &removed);
    }
    if (removed < CLOUDEP_EVENTS_EXPIRED_AT_ONCE) {
        events->next_expiry = apr_time_now() + apr_time_from_sec(events->config->sweep_interval);
    }
}

static void write_down(void *eventsv, apr_pool_t *p, int last)
{
    cloudep_events_t *events = eventsv;
    cloudep_context_t *ctx = cloudep_thread_context(events->s, p);
    queue_t queue;
    apr_status_t rv;

    tell_counted(events, ctx, last);
    queue = take(events, ctx, last);
    rv = store(events, &queue, p);
    if (rv != APR_SUCCESS && !last) {
        put_back(events, &queue);
        return;
    }
    if (rv != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(403) "%d events are in this log only: the table could not take them (%s)",
                    queue.count, cloudep_status_name(rv));
    }
    discard(&queue);
    if (!last) {
        expire(events, p);
    }
}

static void start_server(struct server_rec *s, const cloudep_config_t *config, void *pchildv)
{
    apr_pool_t *pchild = pchildv;
    cloudep_events_t *events = apr_pcalloc(pchild, sizeof(*events));
    apr_status_t rv;

    if (!config->run->db) {
        return;
    }
    events->s = s;
    events->config = config;
    events->tally = cloudep_tally_create(pchild);
    rv = events->tally ? apr_thread_mutex_create(&events->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) : APR_ENOMEM;
    if (rv == APR_SUCCESS) {
        rv = cloudep_background_start(&events->background, pchild, FLUSH_INTERVAL, write_down, events);
    }
    if (rv != APR_SUCCESS) {
        const cloudep_context_t *ctx = cloudep_thread_context(s, pchild);

        CLOUDEP_LOG(ctx, ERR, rv, CENO(404) "events go to this log only");
        return;
    }
    config->run->events = events;
}

void cloudep_event_start(struct server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_each_runtime(main_server, start_server, pchild);
}
