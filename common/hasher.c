/*
 * hasher.c - a bound on the passwords hashed at once.
 *
 * Each hash takes a processor and 19 MiB for tens of milliseconds. More at once than processors only makes
 * everything slower, so the rest wait in line, and those that would wait too long are told to come back.
 */
#include "private.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <unistd.h>

struct cloudep_hasher_t {
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *left;
    int free;
    int waiting;
    int queue;
    apr_interval_time_t wait;
};

cloudep_hasher_t *cloudep_hasher_create(const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_hasher_t *hasher = apr_pcalloc(pchild, sizeof(*hasher));
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (apr_thread_mutex_create(&hasher->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS ||
        apr_thread_cond_create(&hasher->left, pchild) != APR_SUCCESS) {
        return NULL;
    }
    hasher->free = config->password_workers ? config->password_workers : processors > 0 ? (int)processors : 1;
    hasher->queue = config->password_queue;
    hasher->wait = (apr_interval_time_t)config->password_wait * 1000;
    return hasher;
}

apr_status_t cloudep_hasher_enter(cloudep_hasher_t *hasher)
{
    apr_time_t deadline = apr_time_now() + hasher->wait;
    apr_status_t rv = APR_SUCCESS;

    apr_thread_mutex_lock(hasher->mutex);
    if (hasher->free == 0 && hasher->waiting >= hasher->queue) {
        rv = CLOUDEP_EOVERLOAD;
    }
    hasher->waiting++;
    while (rv == APR_SUCCESS && hasher->free == 0) {
        apr_interval_time_t left = deadline - apr_time_now();

        rv = left > 0 ? apr_thread_cond_timedwait(hasher->left, hasher->mutex, left) : APR_TIMEUP;
    }
    hasher->waiting--;
    if (rv == APR_SUCCESS) {
        hasher->free--;
    }
    apr_thread_mutex_unlock(hasher->mutex);
    return rv == APR_SUCCESS ? APR_SUCCESS : CLOUDEP_EOVERLOAD;
}

void cloudep_hasher_leave(cloudep_hasher_t *hasher)
{
    apr_thread_mutex_lock(hasher->mutex);
    hasher->free++;
    apr_thread_cond_signal(hasher->left);
    apr_thread_mutex_unlock(hasher->mutex);
}
