/*
 * metrics_cost.c - what counting costs: metrics_cost GUARDED_PER_SECOND prints the share of a guarded request's time
 * that goes into its counting, when so many are served a second by all processors of this machine.
 *
 * Counts what one guarded request with a look at its session counts, in memory that is shared, again and again.
 */
#include <apr_general.h>
#include <apr_shm.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/metrics.h"

#define CELLS 4096
#define ROUNDS 1000000

static void count_one(int i)
{
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_AWAITED, NULL, 1);
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_AWAITED, NULL, -1);
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_USED, NULL, 1);
    cloudep_gauge_add(CLOUDEP_METRIC_CONNECTIONS_USED, NULL, -1);
    cloudep_count(CLOUDEP_METRIC_STATEMENTS, "session_live", "done", 1);
    cloudep_observe(CLOUDEP_METRIC_STATEMENT_TIME, NULL, i % 5000);
    cloudep_count(CLOUDEP_METRIC_GUARD, "passed", NULL, 1);
}

int main(int argc, char **argv)
{
    const double rate = argc == 2 ? strtod(argv[1], NULL) : 0;
    apr_pool_t *pool;
    apr_shm_t *memory;
    apr_time_t began;
    double each;

    if (rate <= 0 || apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS ||
        apr_shm_create(&memory, cloudep_cells_size(CELLS), NULL, pool) != APR_SUCCESS) {
        (void)fprintf(stderr, "usage: metrics_cost GUARDED_PER_SECOND\n");
        return 2;
    }
    cloudep_share_cells(cloudep_cells_make(apr_shm_baseaddr_get(memory), CELLS));
    cloudep_gauges_begin();
    began = apr_time_now();
    for (int i = 0; i < ROUNDS; i++) {
        count_one(i);
    }
    each = (double)(apr_time_now() - began) / ROUNDS;
    printf("%.4f of a guarded request: %.3f of %.1f us of processor time\n",
           each * rate / (1e6 * (double)sysconf(_SC_NPROCESSORS_ONLN)), each,
           1e6 * (double)sysconf(_SC_NPROCESSORS_ONLN) / rate);
    apr_terminate();
    return 0;
}
