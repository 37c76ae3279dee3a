/*
 * hasher.c - a bound on the passwords hashed at once.
 *
 * Each hash takes a processor and 19 MiB for tens of milliseconds. More at once than processors only makes
 * everything slower, so the rest wait in line, and those that would wait too long are told to come back.
 */
#include "private.h"

#include <ap_mpm.h>
#include <unistd.h>
#include "base/breaker.h"

struct cloudep_hasher_t {
    cloudep_breaker_t *line; /* which never opens */
};

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
    return cloudep_breaker_create(&hasher->line, pchild, &limits) == APR_SUCCESS ? hasher : NULL;
}

apr_status_t cloudep_hasher_enter(cloudep_hasher_t *hasher)
{
    int probe;

    return cloudep_breaker_enter(&probe, hasher->line);
}

void cloudep_hasher_leave(cloudep_hasher_t *hasher)
{
    (void)cloudep_breaker_leave(hasher->line, 0, CLOUDEP_BREAKER_WORKED);
}
