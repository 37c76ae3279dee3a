/*
 * event.c - what happened: one line in the error log at once, and a row of the events table a moment later.
 *
 * The dispatcher calls this at the end of every call, so no flow can forget it; flows only note whom they are about.
 * Rows are written in batches by a thread of the child, so a request pays for a line in the log and nothing else. An
 * orderly stop writes what is left. A child that is killed loses the rows of at most FLUSH_INTERVAL, and those that a
 * database which was away could not take; their lines are in the log.
 */
#include "core/private.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include "core/background.h"
#include "base/store/event_store.h"
#include "base/text/json.h"

#define FLUSH_INTERVAL apr_time_from_msec(500)
#define FLUSH_AT 200    /* events that are written without waiting for more */
#define BATCH 1000      /* rows of a statement */
#define QUEUE_MAX 10000 /* events that wait for a database that is away */

typedef struct cloudep_events_t {
    server_rec *s;
    const cloudep_config_t *config;
    cloudep_background_t *background;
    apr_time_t next_expiry;    /* the thread's */
    apr_thread_mutex_t *mutex; /* of what follows */
    json_t *queue;             /* array of what cloudep_events_store() takes */
    int dropped;
    int closed; /* the thread has had its last turn */
} cloudep_events_t;

void cloudep_note(const cloudep_call_t *call, const char *tenant_id, const char *uid, const char *method)
{
    cloudep_request_t *state = cloudep_request(call->r);

    state->about_tenant = tenant_id ? tenant_id : state->about_tenant;
    state->about_uid = uid ? uid : state->about_uid;
    state->method = method ? method : state->method;
}

/* ---- In the request ------------------------------------------------------------------------------------- */

/* "auth.password.reset", "members.me.totp.delete". */
static const char *name_of(const cloudep_call_t *call)
{
    const char *prefix = strrchr(call->api->prefix, '/') + 1;
    const char *method = call->route->method;
    int plain = !strcmp(method, "POST") || !strcmp(method, "GET");
    char *name = apr_pstrcat(call->p, prefix, call->route->path, plain ? NULL : ".", method, NULL);

    for (char *c = name; *c; c++) {
        *c = *c == '/' ? '.' : (char)apr_tolower(*c);
    }
    return name;
}

/* What httpd would write with a backslash goes, as JSON and httpd do not agree on how many of them that takes. */
static const char *without_quotes(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);

    for (char *c = copy; c && *c; c++) {
        if (*c == '"' || *c == '\\') {
            *c = '\'';
        }
    }
    return copy;
}

/* The line of the log; with "at" it is what cloudep_events_store() takes. */
static json_t *event_of(const cloudep_call_t *call, const cloudep_problem_t *problem)
{
    const cloudep_request_t *state = cloudep_request(call->r);
    const cloudep_principal_t *principal = call->principal;
    const char *code = problem ? apr_psprintf(call->p, "%d", cloudep_problem_code(problem)) : CLOUDEP_SUCCESS_CODE;

    return json_pack("{ss,ss,ss,ss*,ss*,ss*,ss*,ss*,ss}", "event", name_of(call), "result",
                     problem ? "failure" : "success", "outcome", code, "tenant_id",
                     principal ? principal->tenant_id : state->about_tenant, "uid",
                     principal ? principal->uid : state->about_uid, "method",
                     state->method || !principal ? state->method : "token", "address", call->r->useragent_ip,
                     "user_agent", cloudep_user_agent(call->r), "request_id", cloudep_request_id(call->r));
}

static void log_event(const cloudep_call_t *call, json_t *event)
{
    const char *agent = json_string_value(json_object_get(event, "user_agent"));
    json_t *line = agent && strpbrk(agent, "\"\\") ? json_copy(event) : json_incref(event);
    char *text;

    if (line != event) {
        (void)json_object_set_new(line, "user_agent", json_string(without_quotes(call->p, agent)));
    }
    text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(line);
    if (text) {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, call->r, CENO(400) "%s", text);
    }
    free(text);
}

/* Takes the event over. */
static void enqueue(cloudep_events_t *events, json_t *event)
{
    int wake = 0;

    apr_thread_mutex_lock(events->mutex);
    if (events->closed || json_array_size(events->queue) >= QUEUE_MAX) {
        events->dropped++;
        json_decref(event);
    }
    else {
        wake = json_array_append_new(events->queue, event) == 0 && json_array_size(events->queue) == FLUSH_AT;
    }
    apr_thread_mutex_unlock(events->mutex);
    if (wake) {
        cloudep_background_wake(events->background);
    }
}

void cloudep_event(const cloudep_call_t *call, const cloudep_problem_t *problem)
{
    cloudep_events_t *events = call->config->run->events;
    json_t *event;

    if (!call->route || (!strcmp(call->route->method, "GET") && (call->route->flags & CLOUDEP_ROUTE_TOKEN))) {
        return; /* who reads what is theirs changes nothing */
    }
    event = event_of(call, problem);
    if (!event) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, call->r, CENO(401) "an event could not be written");
        return;
    }
    log_event(call, event);
    if (events && json_object_get(event, "tenant_id") &&
        json_object_set_new(event, "at", json_integer(apr_time_now())) == 0) {
        enqueue(events, event);
    }
    else {
        json_decref(event); /* what is of no tenant is in the log only */
    }
}

/* ---- In the thread -------------------------------------------------------------------------------------- */

/* Takes all that is there; what comes after the last turn is dropped. */
static json_t *take(cloudep_events_t *events, int last)
{
    json_t *queue;
    int dropped;

    apr_thread_mutex_lock(events->mutex);
    queue = events->queue;
    events->queue = last ? NULL : json_array();
    events->closed = last;
    dropped = events->dropped;
    events->dropped = 0;
    apr_thread_mutex_unlock(events->mutex);
    if (dropped) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, events->s,
                     CENO(402) "%d events are in this log only: the table took none for too long", dropped);
    }
    return queue;
}

/* What could not be stored comes before what has come since. */
static void put_back(cloudep_events_t *events, json_t *queue)
{
    apr_thread_mutex_lock(events->mutex);
    (void)json_array_extend(queue, events->queue);
    json_decref(events->queue);
    events->queue = queue;
    apr_thread_mutex_unlock(events->mutex);
}

/* Stores from the front; takes what is stored out of the queue. */
static apr_status_t store(cloudep_events_t *events, json_t *queue, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && json_array_size(queue) > 0) {
        size_t number = json_array_size(queue) < BATCH ? json_array_size(queue) : BATCH;
        json_t *batch = cloudep_json_own(json_array(), p);
        json_t *rest = json_array();

        for (size_t i = 0; i < json_array_size(queue); i++) {
            (void)json_array_append(i < number ? batch : rest, json_array_get(queue, i));
        }
        rv = batch && rest ? cloudep_events_store(events->config->run->db, p, batch) : APR_ENOMEM;
        if (rv == APR_SUCCESS) {
            (void)json_array_clear(queue);
            (void)json_array_extend(queue, rest);
        }
        json_decref(rest);
    }
    return rv;
}

static void write_down(void *eventsv, apr_pool_t *p, int last)
{
    cloudep_events_t *events = eventsv;
    json_t *queue = take(events, last);
    apr_status_t rv = store(events, queue, p);

    if (rv != APR_SUCCESS && !last) {
        put_back(events, queue);
        return;
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, events->s,
                     CENO(403) "%d events are in this log only: the table could not take them (%s)",
                     (int)json_array_size(queue), cloudep_status_name(rv));
    }
    json_decref(queue);
    if (!last && apr_time_now() >= events->next_expiry) {
        (void)cloudep_events_expire(events->config->run->db, p, events->config->event_retention);
        events->next_expiry = apr_time_now() + apr_time_from_sec(events->config->sweep_interval);
    }
}

static void start_server(server_rec *s, const cloudep_config_t *config, void *pchildv)
{
    apr_pool_t *pchild = pchildv;
    cloudep_events_t *events = apr_pcalloc(pchild, sizeof(*events));
    apr_status_t rv;

    if (!config->run->db) {
        return;
    }
    events->s = s;
    events->config = config;
    events->queue = json_array();
    rv = apr_thread_mutex_create(&events->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    if (rv == APR_SUCCESS) {
        rv = cloudep_background_start(&events->background, pchild, FLUSH_INTERVAL, write_down, events);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, CENO(404) "events go to this log only");
        json_decref(events->queue);
        return;
    }
    config->run->events = events;
}

void cloudep_event_start(server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_each_runtime(main_server, start_server, pchild);
}
