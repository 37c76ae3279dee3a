/*
 * shared.c - see shared.h. The memory belongs to the process; this module is unloaded between two configurations, and
 * may be another build after it.
 */
#include "core/shared.h"

#include <apr_shm.h>
#include <http_config.h>
#include "base/metrics.h"
#include "core/module.h"

#define CELLS 4096 /* 1 MiB: some 600 are in use by a server with everything turned on */

/* What is kept over restarts. */
typedef struct retained_t {
    apr_shm_t *memory;
} retained_t;

static retained_t *retained(void)
{
    static const char key[] = "cloudep_shared";
    retained_t *kept = ap_retained_data_get(key);

    return kept ? kept : ap_retained_data_create(key, sizeof(*kept));
}

apr_status_t cloudep_shared_prepare(server_rec *main_server)
{
    retained_t *kept = retained();
    apr_status_t rv;

    if (kept->memory && cloudep_cells_find(apr_shm_baseaddr_get(kept->memory), apr_shm_size_get(kept->memory))) {
        return APR_SUCCESS;
    }
    /* Anonymous: no file is left behind. Children that still run keep the memory of another layout. */
    rv = apr_shm_create(&kept->memory, cloudep_cells_size(CELLS), NULL, main_server->process->pool);
    if (rv != APR_SUCCESS) {
        kept->memory = NULL;
        return rv;
    }
    (void)cloudep_cells_make(apr_shm_baseaddr_get(kept->memory), CELLS);
    return APR_SUCCESS;
}

apr_status_t cloudep_shared_child_start(server_rec *main_server, apr_pool_t *pchild)
{
    const retained_t *kept = retained();

    (void)main_server;
    (void)pchild;
    if (kept->memory) {
        cloudep_share_cells(cloudep_cells_find(apr_shm_baseaddr_get(kept->memory), apr_shm_size_get(kept->memory)));
        cloudep_gauges_begin();
        /* A rate of what has not happened yet is 0. */
        cloudep_count(CLOUDEP_METRIC_CONNECTIONS_REFUSED, "overload", NULL, 0);
        cloudep_count(CLOUDEP_METRIC_CONNECTIONS_REFUSED, "database", NULL, 0);
    }
    return APR_SUCCESS;
}
