/*
 * hasher.c - a bound on the passwords hashed at once, and the memory that they are hashed in.
 *
 * Each hash takes a processor and 19 MiB for tens of milliseconds. More at once than processors only makes
 * everything slower, so the rest wait in line, and those that would wait too long are told to come back.
 * The blocks are kept: malloc() would keep one in each of its arenas, many times as many, and find none of them warm.
 */
#include "core/private.h"

#include <ap_mpm.h>
#include <apr_thread_mutex.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/breaker.h"
#include "base/crypto/password.h"

struct cloudep_hasher_t {
    cloudep_breaker_t *line; /* which never opens */
    apr_thread_mutex_t *mutex;
    const cloudep_password_memory_t **unused; /* blocks, as many as calls; the last one left is the first one taken */
    int unused_count;
};

/* Pages come when they are first written to, and go with the process: a hash may outlast pchild in a hard stop. */
static apr_status_t make_blocks(cloudep_hasher_t *hasher, int count, apr_size_t size, apr_pool_t *pchild)
{
    cloudep_password_memory_t *blocks = apr_pcalloc(pchild, (apr_size_t)count * sizeof(*blocks));

    hasher->unused = apr_pcalloc(pchild, (apr_size_t)count * sizeof(*hasher->unused));
    for (int i = 0; i < count; i++) {
        void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (block == MAP_FAILED) {
            return errno;
        }
        /* Fewer page faults and address lookups; a system that has no huge pages does without. */
        (void)madvise(block, size, MADV_HUGEPAGE);
        blocks[i] = (cloudep_password_memory_t){block, size};
        hasher->unused[hasher->unused_count++] = &blocks[i];
    }
    return APR_SUCCESS;
}

cloudep_hasher_t *cloudep_hasher_create(const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_hasher_t *hasher = apr_pcalloc(pchild, sizeof(*hasher));
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    cloudep_breaker_limits_t limits = {.calls = config->password_workers ? config->password_workers
                                                : processors > 0         ? (int)processors
                                                                         : 1,
                                       .queue = config->password_queue,
                                       .wait = apr_time_from_msec(config->password_wait)};
    int threads = 0;

    /* A child whose threads all waited here could tell nobody to come back: requests would pile up unaccepted. */
    if (!limits.queue && ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) == APR_SUCCESS) {
        limits.queue = threads / 4 > 0 ? threads / 4 : 1;
    }
    return cloudep_breaker_create(&hasher->line, pchild, &limits) == APR_SUCCESS &&
                   apr_thread_mutex_create(&hasher->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) == APR_SUCCESS &&
                   make_blocks(hasher, limits.calls, (apr_size_t)config->password_memory * 1024, pchild) == APR_SUCCESS
               ? hasher
               : NULL;
}

apr_status_t cloudep_hasher_enter(const cloudep_password_memory_t **memory, cloudep_hasher_t *hasher)
{
    int probe;
    apr_status_t rv = cloudep_breaker_enter(&probe, hasher->line);

    *memory = NULL;
    if (rv == APR_SUCCESS) {
        apr_thread_mutex_lock(hasher->mutex);
        *memory = hasher->unused[--hasher->unused_count];
        apr_thread_mutex_unlock(hasher->mutex);
    }
    return rv;
}

void cloudep_hasher_leave(cloudep_hasher_t *hasher, const cloudep_password_memory_t *memory)
{
    apr_thread_mutex_lock(hasher->mutex);
    hasher->unused[hasher->unused_count++] = memory;
    apr_thread_mutex_unlock(hasher->mutex);
    (void)cloudep_breaker_leave(hasher->line, 0, CLOUDEP_BREAKER_WORKED);
}
