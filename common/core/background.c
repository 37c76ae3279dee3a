/*
 * background.c - see background.h. The thread waits with a timeout, and is joined before what it uses goes.
 */
#include "core/background.h"

#include <apr_atomic.h>
#include <apr_signal.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#define KEY "cloudep_background"

struct cloudep_background_t {
    cloudep_background_t *next; /* of the same child */
    apr_interval_time_t interval;
    cloudep_work_fn work;
    void *baton;
    apr_pool_t *pool; /* the thread's own: pchild belongs to the thread that runs child_init */
    apr_thread_t *thread;
    apr_interval_time_t wait;  /* the thread's: until its next run */
    apr_uint32_t stop;         /* atomic */
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_thread_cond_t *changed;
    int woken;
    int ended;
};

/* Returns whether the next run is the last. */
static int wait_for_run(cloudep_background_t *background)
{
    const apr_time_t due = apr_time_now() + background->wait;
    apr_interval_time_t left;

    background->wait = background->interval;
    apr_thread_mutex_lock(background->mutex);
    while (!apr_atomic_read32(&background->stop) && !background->woken && (left = due - apr_time_now()) > 0) {
        (void)apr_thread_cond_timedwait(background->changed, background->mutex, left);
    }
    background->woken = 0;
    apr_thread_mutex_unlock(background->mutex);
    return apr_atomic_read32(&background->stop) != 0;
}

static void notify(cloudep_background_t *background, int *flag)
{
    apr_thread_mutex_lock(background->mutex);
    *flag = 1;
    apr_thread_cond_broadcast(background->changed);
    apr_thread_mutex_unlock(background->mutex);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *backgroundv)
{
    cloudep_background_t *background = backgroundv;
    int last;

    (void)apr_setup_signal_thread(); /* signals are for the child's main thread */
    do {
        last = wait_for_run(background);
        background->work(background->baton, background->pool, last);
        apr_pool_clear(background->pool);
    } while (!last);
    notify(background, &background->ended);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* Waits until the thread has ended, or until the deadline. A thread that has ended is joined and its pool destroyed. */
static void join(cloudep_background_t *background, apr_time_t deadline)
{
    apr_interval_time_t left;
    apr_status_t result;
    int ended;

    apr_thread_mutex_lock(background->mutex);
    while (!background->ended && (left = deadline - apr_time_now()) > 0) {
        (void)apr_thread_cond_timedwait(background->changed, background->mutex, left);
    }
    ended = background->ended;
    apr_thread_mutex_unlock(background->mutex);
    if (ended) {
        (void)apr_thread_join(&result, background->thread);
        apr_pool_destroy(background->pool);
    }
}

/* All threads of a child have the same deadline: one that hangs does not take the time of the others. */
static apr_status_t stop_all(void *firstv)
{
    cloudep_background_t **first = firstv;
    const apr_time_t deadline = apr_time_now() + CLOUDEP_BACKGROUND_END;

    for (cloudep_background_t *background = *first; background; background = background->next) {
        apr_atomic_set32(&background->stop, 1);
        notify(background, &background->woken);
    }
    for (cloudep_background_t *background = *first; background; background = background->next) {
        join(background, deadline);
    }
    return APR_SUCCESS;
}

/* The child's list of threads. */
static cloudep_background_t **list_of(apr_pool_t *pchild)
{
    void *first = NULL;

    (void)apr_pool_userdata_get(&first, KEY, pchild);
    if (!first) {
        first = apr_pcalloc(pchild, sizeof(cloudep_background_t *));
        (void)apr_pool_userdata_setn(first, KEY, NULL, pchild);
        apr_pool_pre_cleanup_register(pchild, first, stop_all);
    }
    return first;
}

static apr_status_t start(cloudep_background_t *background, apr_pool_t *pchild)
{
    apr_status_t rv = apr_thread_mutex_create(&background->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&background->changed, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&background->thread, NULL, run, background, pchild);
    }
    return rv;
}

apr_status_t cloudep_background_start(cloudep_background_t **started, apr_pool_t *pchild, apr_interval_time_t interval,
                                      cloudep_work_fn work, void *baton)
{
    cloudep_background_t **list = list_of(pchild);
    cloudep_background_t *background = apr_pcalloc(pchild, sizeof(*background));
    apr_status_t rv = apr_pool_create_unmanaged_ex(&background->pool, NULL, NULL);

    *started = NULL;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    background->interval = background->wait = interval;
    background->work = work;
    background->baton = baton;
    *started = background; /* the first run may use it */
    rv = start(background, pchild);
    if (rv != APR_SUCCESS) {
        *started = NULL;
        apr_pool_destroy(background->pool);
        return rv;
    }
    background->next = *list;
    *list = background;
    return APR_SUCCESS;
}

void cloudep_background_wake(cloudep_background_t *background)
{
    /* A worker that a hard stop left behind must not touch what is being taken down. */
    if (!apr_atomic_read32(&background->stop)) {
        notify(background, &background->woken);
    }
}

void cloudep_background_next(cloudep_background_t *background, apr_interval_time_t wait)
{
    background->wait = wait;
}

apr_uint32_t *cloudep_background_stop(cloudep_background_t *background)
{
    return &background->stop;
}
