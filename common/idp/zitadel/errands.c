/*
 * errands.c - what ZITADEL has to be told and no request waits for: that a session is over and that an
 * address is confirmed. One thread a child and server.
 *
 * A session ends by itself after a minute, so its end is told once. An address is told until ZITADEL takes it, for
 * some minutes; a child that stops tells what is left first.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <string.h>

#define ERRANDS 256
#define ATTEMPTS 8
#define FIRST_DELAY apr_time_from_sec(2) /* doubled each time: about eight minutes in all */
#define LAST_WORDS apr_time_from_sec(3)  /* for what is left at the end */
#define EMAIL_MAX 320

typedef struct errand_t {
    char id[64];           /* of the session or user; "": a free place */
    char email[EMAIL_MAX]; /* "": a session */
    int attempts;
    apr_time_t due;
} errand_t;

struct zitadel_errands_t {
    server_rec *s;
    const cloudep_config_t *config;
    apr_pool_t *pool;
    apr_thread_t *thread;
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *changed;
    int stop;
    errand_t list[ERRANDS];
};

/* Under the mutex. */
static apr_status_t put(zitadel_errands_t *errands, const char *id, const char *email, int attempts,
                        apr_interval_time_t delay)
{
    for (int i = 0; i < ERRANDS; i++) {
        errand_t *errand = &errands->list[i];

        if (!*errand->id) {
            apr_cpystrn(errand->id, id, sizeof(errand->id));
            apr_cpystrn(errand->email, email, sizeof(errand->email));
            errand->attempts = attempts;
            errand->due = apr_time_now() + delay;
            apr_thread_cond_signal(errands->changed);
            return APR_SUCCESS;
        }
    }
    return CLOUDEP_EOVERLOAD;
}

/* Under the mutex: the errand that is due first, or NULL. */
static errand_t *first(zitadel_errands_t *errands)
{
    errand_t *found = NULL;

    for (int i = 0; i < ERRANDS; i++) {
        errand_t *errand = &errands->list[i];

        if (*errand->id && (!found || errand->due < found->due)) {
            found = errand;
        }
    }
    return found;
}

static void run(zitadel_errands_t *errands, const errand_t *errand, apr_pool_t *p)
{
    const cloudep_idp_context_t ctx = {.s = errands->s, .p = p, .config = errands->config};
    apr_status_t rv =
        *errand->email ? zitadel_mark_verified(&ctx, errand->id, errand->email) : zitadel_end_session(&ctx, errand->id);

    if (rv == APR_SUCCESS || !*errand->email) {
        return;
    }
    if (rv != APR_NOTFOUND && errand->attempts < ATTEMPTS) {
        apr_thread_mutex_lock(errands->mutex);
        rv = put(errands, errand->id, errand->email, errand->attempts + 1, FIRST_DELAY << errand->attempts);
        apr_thread_mutex_unlock(errands->mutex);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, errands->s,
                     CENO(617) "ZITADEL does not know that the address of %s is confirmed", errand->id);
    }
}

/* Waits for the next errand; 0: the thread is to end. */
static int next(zitadel_errands_t *errands, errand_t *errand)
{
    int found = 0;

    apr_thread_mutex_lock(errands->mutex);
    while (!errands->stop && !found) {
        errand_t *due = first(errands);
        const apr_interval_time_t left = due ? due->due - apr_time_now() : 0;

        if (!due) {
            (void)apr_thread_cond_wait(errands->changed, errands->mutex);
        }
        else if (left > 0) {
            (void)apr_thread_cond_timedwait(errands->changed, errands->mutex, left);
        }
        else {
            *errand = *due;
            *due->id = '\0';
            found = 1;
        }
    }
    apr_thread_mutex_unlock(errands->mutex);
    return found;
}

/* The addresses that are left, each once. Nobody else is here any more. */
static void finish(zitadel_errands_t *errands, apr_pool_t *p)
{
    const apr_time_t end = apr_time_now() + LAST_WORDS;

    for (int i = 0; i < ERRANDS && apr_time_now() < end; i++) {
        errand_t *errand = &errands->list[i];

        if (*errand->id && *errand->email) {
            errand->attempts = ATTEMPTS;
            run(errands, errand, p);
            apr_pool_clear(p);
        }
    }
}

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *errandsv)
{
    zitadel_errands_t *errands = errandsv;
    apr_pool_t *turn;
    errand_t errand;

    apr_pool_create(&turn, errands->pool);
    while (next(errands, &errand)) {
        run(errands, &errand, turn);
        apr_pool_clear(turn);
    }
    finish(errands, turn);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static apr_status_t stop(void *errandsv)
{
    zitadel_errands_t *errands = errandsv;
    apr_status_t rv;

    apr_thread_mutex_lock(errands->mutex);
    errands->stop = 1;
    apr_thread_cond_signal(errands->changed);
    apr_thread_mutex_unlock(errands->mutex);
    return apr_thread_join(&rv, errands->thread);
}

apr_status_t zitadel_errands_start(zitadel_errands_t **out, server_rec *s, const cloudep_config_t *config,
                                   apr_pool_t *pchild)
{
    zitadel_errands_t *errands = apr_pcalloc(pchild, sizeof(*errands));
    apr_status_t rv;

    errands->s = s;
    errands->config = config;
    *out = errands;
    /* A pool of its own: pchild belongs to the thread that runs child_init. */
    rv = apr_pool_create_unmanaged_ex(&errands->pool, NULL, NULL);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&errands->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&errands->changed, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&errands->thread, NULL, work, errands, pchild);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_pre_cleanup_register(pchild, errands, stop);
    }
    return rv;
}

/* What ZITADEL calls a session becomes part of a path. */
static int is_plain(const char *id)
{
    const char *c = id;

    while (apr_isalnum(*c) || *c == '-' || *c == '_') {
        c++;
    }
    return c > id && !*c && c - id < (int)sizeof(((errand_t *)NULL)->id);
}

void zitadel_errand_end_session(zitadel_errands_t *errands, const char *session_id)
{
    if (is_plain(session_id)) {
        apr_thread_mutex_lock(errands->mutex);
        (void)put(errands, session_id, "", 1, 0);
        apr_thread_mutex_unlock(errands->mutex);
    }
}

apr_status_t zitadel_errand_mark_verified(zitadel_errands_t *errands, const char *uid, const char *email)
{
    apr_status_t rv = CLOUDEP_EOVERLOAD;

    if (is_plain(uid) && strlen(email) < EMAIL_MAX) {
        apr_thread_mutex_lock(errands->mutex);
        rv = put(errands, uid, email, 1, 0);
        apr_thread_mutex_unlock(errands->mutex);
    }
    return rv;
}
