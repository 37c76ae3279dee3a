/*
 * counted.h - what the metrics of this process have counted, for the tests.
 */
#ifndef CLOUDEP_TEST_COUNTED_H
#define CLOUDEP_TEST_COUNTED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/metrics.h"

/* Cells that children share, and a place among their gauges. */
static inline cloudep_cells_t *count_in(apr_uint32_t number)
{
    void *memory = mmap(NULL, cloudep_cells_size(number), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cloudep_cells_t *cells = memory != MAP_FAILED ? cloudep_cells_make(memory, number) : NULL;

    if (!cells) {
        abort();
    }
    cloudep_share_cells(cells);
    cloudep_gauges_begin();
    return cells;
}

/* The only series of a metric with those labels; its first value is -1 where there is none, or more than one. */
static inline cloudep_series_t counted_series(cloudep_metric_e metric, const char *first, const char *second)
{
    const cloudep_cells_t *cells = cloudep_shared_cells();
    cloudep_series_t found = {.values = {-1}};
    int count = 0;

    for (apr_uint32_t i = 0; i < cells->count; i++) {
        cloudep_series_t series;

        if (cloudep_series_read(&series, &cells->cells[i]) && series.metric == metric && !strcmp(series.first, first) &&
            !strcmp(series.second, second)) {
            found = series;
            count++;
        }
    }
    if (count != 1) {
        found.values[0] = -1;
    }
    return found;
}

static inline long long counted(cloudep_metric_e metric, const char *first, const char *second)
{
    return counted_series(metric, first, second).values[0];
}

#endif
