/*
 * exposition.h - metrics as text: OpenMetrics 1.0, or Prometheus' own text format 0.0.4 for those who do not ask for
 * it.
 */
#ifndef CLOUDEP_EXPOSITION_H
#define CLOUDEP_EXPOSITION_H

#include <apr_buckets.h>
#include <apr_pools.h>
#include "base/metrics.h"

/* Where text goes to. */
typedef struct cloudep_exposition_t {
    apr_bucket_brigade *out;
    int open; /* OpenMetrics */
} cloudep_exposition_t;

/** Begins a family: its type, unit and help. type: "counter", "gauge", ... */
void cloudep_expose_family(const cloudep_exposition_t *to, const char *name, const char *type, const char *help);

/** One sample. labels: names with a comma in between; suffix: "" or "_total", ... */
void cloudep_expose_sample(const cloudep_exposition_t *to, const char *name, const char *suffix, const char *labels,
                           const char *first, const char *second, long long value);

/** Everything that the shared cells know, in the order of CLOUDEP_METRICS. */
void cloudep_expose_cells(const cloudep_exposition_t *to, cloudep_cells_t *cells, apr_pool_t *p);

#endif
