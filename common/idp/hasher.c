/*
 * hasher.c - a bound on the passwords hashed at once, and the memory that they are hashed in.
 *
 * Each hash takes a processor and 19 MiB for tens of milliseconds. More at once than there are processors only makes
 * all of them slower, so the others wait, and those that would wait too long are answered 503. The memory is kept from
 * hash to hash: malloc() would keep a block in each of its arenas, many times as many, none of them in the cache.
 */
#include "idp/hasher.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/metrics.h"
#include "base/semaphore.h"

struct cloudep_hasher_t {
    cloudep_semaphore_t *semaphore;
    apr_thread_mutex_t *mutex;                /* of what follows */
    const cloudep_password_memory_t **unused; /* a stack of blocks, as many as permits: the one used last is on top */
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
            const apr_status_t rv = errno;

            while (i-- > 0) {
                (void)munmap(blocks[i].block, size); /* the rest of the child needs room too */
            }
            return rv;
        }
        /* Fewer page faults and address lookups; a system that has no huge pages does without. */
        (void)madvise(block, size, MADV_HUGEPAGE);
        blocks[i] = (cloudep_password_memory_t){block, size};
        hasher->unused[hasher->unused_count++] = &blocks[i];
    }
    return APR_SUCCESS;
}

/* As CloudEPPasswordWorkers, Queue and Wait say, or as this machine and its httpd are. */
static cloudep_semaphore_limits_t limits_of(const cloudep_config_t *config)
{
    cloudep_semaphore_limits_t limits = {.permits = config->password_workers,
                                         .queue = config->password_queue,
                                         .wait = apr_time_from_msec(config->password_wait)};
    int threads = 0;

    if (!limits.permits) {
        const long processors = sysconf(_SC_NPROCESSORS_ONLN);

        limits.permits = processors > 0 ? (int)processors : 1;
    }
    /* If all threads of a child waited here, none could answer 503, and new requests would wait unaccepted. */
    if (!limits.queue && ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) == APR_SUCCESS) {
        limits.queue = threads / 4 > 0 ? threads / 4 : 1;
    }
    return limits;
}

cloudep_password_params_t cloudep_hasher_params(const cloudep_config_t *config)
{
    return (cloudep_password_params_t){.memory = (apr_uint32_t)config->password_memory,
                                       .passes = (apr_uint32_t)config->password_passes,
                                       .lanes = (apr_uint32_t)config->password_lanes};
}

apr_status_t cloudep_hasher_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const cloudep_password_params_t params = cloudep_hasher_params(config);
    const char *fault = cloudep_password_params_fault(&params);

    (void)s;
    if (fault) {
        *error = apr_pstrcat(pconf, "CloudEPPasswordMemory, Passes, Lanes: ", fault, NULL);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_hasher_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_hasher_t *hasher = apr_pcalloc(pchild, sizeof(*hasher));
    const cloudep_semaphore_limits_t limits = limits_of(config);
    const cloudep_password_params_t params = cloudep_hasher_params(config);
    apr_status_t rv = cloudep_semaphore_create(&hasher->semaphore, pchild, &limits);

    (void)s;
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&hasher->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = make_blocks(hasher, limits.permits, (apr_size_t)config->password_memory * 1024, pchild);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    config->run->hasher = hasher;
    return cloudep_password_decoy(&config->run->decoy, &params, pchild);
}

apr_status_t cloudep_hasher_enter(const cloudep_password_memory_t **memory, cloudep_hasher_t *hasher)
{
    apr_status_t rv;

    cloudep_gauge_add(CLOUDEP_METRIC_HASHES_AWAITED, NULL, 1);
    rv = cloudep_semaphore_acquire(hasher->semaphore);
    cloudep_gauge_add(CLOUDEP_METRIC_HASHES_AWAITED, NULL, -1);
    *memory = NULL;
    if (rv != APR_SUCCESS) {
        cloudep_count(CLOUDEP_METRIC_HASHES_REFUSED, NULL, NULL, 1);
    }
    else {
        cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 1);
        apr_thread_mutex_lock(hasher->mutex);
        *memory = hasher->unused[--hasher->unused_count];
        apr_thread_mutex_unlock(hasher->mutex);
    }
    return rv;
}

void cloudep_hasher_leave(cloudep_hasher_t *hasher, const cloudep_password_memory_t *memory)
{
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, -1);
    apr_thread_mutex_lock(hasher->mutex);
    hasher->unused[hasher->unused_count++] = memory;
    apr_thread_mutex_unlock(hasher->mutex);
    cloudep_semaphore_release(hasher->semaphore);
}
