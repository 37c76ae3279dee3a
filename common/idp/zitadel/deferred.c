/*
 * deferred.c - calls to ZITADEL that no request waits for: that a session is over and that an address is confirmed.
 *
 * One thread of each child and server makes them, one in each run. A session ends by itself after a minute, so its end
 * is told once. An address is told until ZITADEL takes it, for some minutes; a child that stops tells what is left
 * first.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "core/background.h"

#define CALLS_MAX 256
#define ATTEMPTS 8
#define FIRST_DELAY apr_time_from_sec(2)    /* doubled each time: about eight minutes in all */
#define LAST_START apr_time_from_msec(1500) /* calls of the last run begin no later than this after it */
#define IDLE apr_time_from_sec(60)
#define ID_SIZE 64
#define EMAIL_SIZE 320

typedef struct deferred_call_t {
    char id[ID_SIZE];       /* of the session or user; "": a free place */
    char email[EMAIL_SIZE]; /* "": a session */
    int attempts;
    apr_time_t due;
} deferred_call_t;

struct zitadel_deferred_t {
    server_rec *s;
    const cloudep_config_t *config;
    cloudep_background_t *background;
    apr_thread_mutex_t *mutex; /* of what follows */
    deferred_call_t calls[CALLS_MAX];
};

/* ---- The calls that wait -------------------------------------------------------------------------------- */

static apr_status_t put(zitadel_deferred_t *deferred, const char *id, const char *email, int attempts,
                        apr_interval_time_t delay)
{
    apr_status_t rv = CLOUDEP_EOVERLOAD;

    apr_thread_mutex_lock(deferred->mutex);
    for (int i = 0; rv != APR_SUCCESS && i < CALLS_MAX; i++) {
        deferred_call_t *call = &deferred->calls[i];

        if (!*call->id) {
            apr_cpystrn(call->id, id, sizeof(call->id));
            apr_cpystrn(call->email, email, sizeof(call->email));
            call->attempts = attempts;
            call->due = apr_time_now() + delay;
            rv = APR_SUCCESS;
        }
    }
    apr_thread_mutex_unlock(deferred->mutex);
    return rv;
}

/* Under the mutex: the call that is due first; NULL: none waits. */
static deferred_call_t *first(zitadel_deferred_t *deferred)
{
    deferred_call_t *found = NULL;

    for (int i = 0; i < CALLS_MAX; i++) {
        deferred_call_t *call = &deferred->calls[i];

        if (*call->id && (!found || call->due < found->due)) {
            found = call;
        }
    }
    return found;
}

/* Takes the first call out if it is due: 0. Else the time until there may be one. */
static apr_interval_time_t take(zitadel_deferred_t *deferred, deferred_call_t *call)
{
    apr_interval_time_t wait = IDLE;
    deferred_call_t *due;

    apr_thread_mutex_lock(deferred->mutex);
    due = first(deferred);
    if (due) {
        wait = due->due - apr_time_now();
    }
    if (due && wait <= 0) {
        *call = *due;
        *due->id = '\0';
        wait = 0;
    }
    apr_thread_mutex_unlock(deferred->mutex);
    return wait;
}

/* ---- In the thread -------------------------------------------------------------------------------------- */

/* A call that failed and is worth it is put back. */
static void make(zitadel_deferred_t *deferred, const deferred_call_t *call, apr_pool_t *p, int last)
{
    const cloudep_idp_context_t ctx = {.s = deferred->s, .p = p, .config = deferred->config};
    apr_status_t rv;

    if (!*call->email) {
        (void)zitadel_end_session(&ctx, call->id);
        return;
    }
    rv = zitadel_mark_verified(&ctx, call->id, call->email, last);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND && !last && call->attempts < ATTEMPTS) {
        rv = put(deferred, call->id, call->email, call->attempts + 1, FIRST_DELAY << call->attempts);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, deferred->s,
                     CENO(617) "ZITADEL does not know that the address of %s is confirmed", call->id);
    }
}

/* The addresses that are left, each once. Nobody adds one any more. */
static void make_last(zitadel_deferred_t *deferred, apr_pool_t *p)
{
    const apr_time_t end = apr_time_now() + LAST_START;

    for (int i = 0; i < CALLS_MAX && apr_time_now() < end; i++) {
        const deferred_call_t *call = &deferred->calls[i];

        if (*call->id && *call->email) {
            make(deferred, call, p, 1);
        }
    }
}

static void take_turn(void *deferredv, apr_pool_t *p, int last)
{
    zitadel_deferred_t *deferred = deferredv;
    deferred_call_t call;
    apr_interval_time_t wait;

    if (last) {
        make_last(deferred, p);
        return;
    }
    wait = take(deferred, &call);
    if (!wait) {
        make(deferred, &call, p, 0);
    }
    cloudep_background_next(deferred->background, wait);
}

apr_status_t zitadel_deferred_start(zitadel_deferred_t **started, server_rec *s, const cloudep_config_t *config,
                                    apr_pool_t *pchild)
{
    zitadel_deferred_t *deferred = apr_pcalloc(pchild, sizeof(*deferred));
    apr_status_t rv = apr_thread_mutex_create(&deferred->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    deferred->s = s;
    deferred->config = config;
    *started = deferred; /* the thread's calls may use it */
    return rv == APR_SUCCESS ? cloudep_background_start(&deferred->background, pchild, IDLE, take_turn, deferred) : rv;
}

apr_uint32_t *zitadel_deferred_stop(zitadel_deferred_t *deferred)
{
    return cloudep_background_stop(deferred->background);
}

/* ---- In requests ---------------------------------------------------------------------------------------- */

/* What ZITADEL calls a session becomes part of a path. */
static int is_plain(const char *id)
{
    const char *c = id;

    while (apr_isalnum(*c) || *c == '-' || *c == '_') {
        c++;
    }
    return c > id && !*c && c - id < ID_SIZE;
}

void zitadel_defer_end_session(zitadel_deferred_t *deferred, const char *session_id)
{
    if (is_plain(session_id) && put(deferred, session_id, "", 1, 0) == APR_SUCCESS) {
        cloudep_background_wake(deferred->background);
    }
}

apr_status_t zitadel_defer_mark_verified(zitadel_deferred_t *deferred, const char *uid, const char *email)
{
    apr_status_t rv = CLOUDEP_EOVERLOAD;

    if (is_plain(uid) && strlen(email) < EMAIL_SIZE) {
        rv = put(deferred, uid, email, 1, 0);
    }
    if (rv == APR_SUCCESS) {
        cloudep_background_wake(deferred->background);
    }
    return rv;
}
