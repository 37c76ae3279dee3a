/*
 * background.c - see background.h. The thread waits with a timeout, and is joined before what its turns use goes.
 */
#include "core/background.h"

#include <apr_signal.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

struct cloudep_background_t {
    apr_interval_time_t interval;
    cloudep_turn_fn turn;
    void *baton;
    apr_pool_t *pool; /* the thread's own: pchild belongs to the thread that runs child_init */
    apr_thread_t *thread;
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_thread_cond_t *changed;
    int woken;
    int stop;
};

/* Returns whether the turn that comes is the last. */
static int wait_for_turn(cloudep_background_t *background)
{
    int last;

    apr_thread_mutex_lock(background->mutex);
    if (!background->stop && !background->woken) {
        (void)apr_thread_cond_timedwait(background->changed, background->mutex, background->interval);
    }
    background->woken = 0;
    last = background->stop;
    apr_thread_mutex_unlock(background->mutex);
    return last;
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *backgroundv)
{
    cloudep_background_t *background = backgroundv;
    int last;

    (void)apr_setup_signal_thread(); /* signals are for the child's main thread */
    do {
        last = wait_for_turn(background);
        background->turn(background->baton, background->pool, last);
        apr_pool_clear(background->pool);
    } while (!last);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void notify(cloudep_background_t *background, int *flag)
{
    apr_thread_mutex_lock(background->mutex);
    *flag = 1;
    apr_thread_cond_signal(background->changed);
    apr_thread_mutex_unlock(background->mutex);
}

static apr_status_t stop(void *backgroundv)
{
    cloudep_background_t *background = backgroundv;
    apr_status_t ended;
    apr_status_t rv;

    notify(background, &background->stop);
    rv = apr_thread_join(&ended, background->thread);
    apr_pool_destroy(background->pool);
    return rv;
}

apr_status_t cloudep_background_start(cloudep_background_t **started, apr_pool_t *pchild, apr_interval_time_t interval,
                                      cloudep_turn_fn turn, void *baton)
{
    cloudep_background_t *background = apr_pcalloc(pchild, sizeof(*background));
    apr_status_t rv = apr_pool_create_unmanaged_ex(&background->pool, NULL, NULL);

    *started = NULL;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    background->interval = interval;
    background->turn = turn;
    background->baton = baton;
    rv = apr_thread_mutex_create(&background->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&background->changed, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&background->thread, NULL, run, background, pchild);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(background->pool);
        return rv;
    }
    apr_pool_pre_cleanup_register(pchild, background, stop);
    *started = background;
    return APR_SUCCESS;
}

void cloudep_background_wake(cloudep_background_t *background)
{
    notify(background, &background->woken);
}
