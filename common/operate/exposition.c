/*
 * exposition.c - see exposition.h.
 *
 * Cells are read one after the other while others count. A histogram's count is the sum of its buckets, so that they
 * agree.
 */
#include "operate/exposition.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"counter", "histogram", "gauge", "gauge"};

void cloudep_expose_family(const cloudep_exposition_t *to, const char *name, const char *type, const char *help)
{
    const char *total = !to->open && !strcmp(type, "counter") ? "_total" : "";
    const size_t length = strlen(name);

    (void)apr_brigade_printf(to->out, NULL, NULL, "# TYPE %s%s %s\n", name, total, type);
    if (to->open && length > 8 && !strcmp(name + length - 8, "_seconds")) {
        (void)apr_brigade_printf(to->out, NULL, NULL, "# UNIT %s seconds\n", name);
    }
    (void)apr_brigade_printf(to->out, NULL, NULL, "# HELP %s%s %s.\n", name, total, help);
}

/* name="value", what a value may not hold being escaped. */
static void expose_label(const cloudep_exposition_t *to, const char *name, size_t length, const char *value)
{
    (void)apr_brigade_printf(to->out, NULL, NULL, "%.*s=\"", (int)length, name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"') {
            (void)apr_brigade_putc(to->out, NULL, NULL, '\\');
        }
        (void)apr_brigade_putc(to->out, NULL, NULL, *value);
    }
    (void)apr_brigade_putc(to->out, NULL, NULL, '"');
}

/* {first="...",second="...",le="..."}, or nothing where there are none. */
static void expose_labels(const cloudep_exposition_t *to, const char *labels, const char *first, const char *second,
                          const char *bound)
{
    const size_t length = strcspn(labels, ",");

    if (!*labels && !bound) {
        return;
    }
    (void)apr_brigade_putc(to->out, NULL, NULL, '{');
    if (*labels) {
        expose_label(to, labels, length, first);
    }
    if (labels[length]) {
        (void)apr_brigade_putc(to->out, NULL, NULL, ',');
        expose_label(to, labels + length + 1, strlen(labels + length + 1), second);
    }
    if (bound) {
        (void)apr_brigade_printf(to->out, NULL, NULL, "%sle=\"%s\"", *labels ? "," : "", bound);
    }
    (void)apr_brigade_putc(to->out, NULL, NULL, '}');
}

void cloudep_expose_sample(const cloudep_exposition_t *to, const char *name, const char *suffix, const char *labels,
                           const char *first, const char *second, long long value)
{
    (void)apr_brigade_printf(to->out, NULL, NULL, "%s%s", name, suffix);
    expose_labels(to, labels, first, second, NULL);
    (void)apr_brigade_printf(to->out, NULL, NULL, " %" APR_INT64_T_FMT "\n", (apr_int64_t)value);
}

/* Seconds in the canonical form of OpenMetrics: 0.0025, 1.0. */
static void write_bound(char *to, size_t size, apr_interval_time_t bound)
{
    int length = apr_snprintf(to, size, "%d.%06d", (int)(bound / APR_USEC_PER_SEC), (int)(bound % APR_USEC_PER_SEC));

    while (to[length - 1] == '0' && to[length - 2] != '.') {
        to[--length] = '\0';
    }
}

static void expose_histogram(const cloudep_exposition_t *to, const cloudep_metric_t *metric,
                             const cloudep_series_t *series)
{
    const long long sum = series->values[CLOUDEP_BUCKETS];
    long long count = 0;

    for (int i = 0; i < CLOUDEP_BUCKETS; i++) {
        char bound[32] = "+Inf";

        if (i < CLOUDEP_BUCKETS - 1) {
            write_bound(bound, sizeof(bound), cloudep_bucket_bounds[i]);
        }
        count += series->values[i];
        (void)apr_brigade_printf(to->out, NULL, NULL, "%s_bucket", metric->name);
        expose_labels(to, metric->labels, series->first, series->second, bound);
        (void)apr_brigade_printf(to->out, NULL, NULL, " %" APR_INT64_T_FMT "\n", (apr_int64_t)count);
    }
    cloudep_expose_sample(to, metric->name, "_count", metric->labels, series->first, series->second, count);
    (void)apr_brigade_printf(to->out, NULL, NULL, "%s_sum", metric->name);
    expose_labels(to, metric->labels, series->first, series->second, NULL);
    (void)apr_brigade_printf(to->out, NULL, NULL, " %" APR_INT64_T_FMT ".%06" APR_INT64_T_FMT "\n",
                             (apr_int64_t)(sum / APR_USEC_PER_SEC), (apr_int64_t)(sum % APR_USEC_PER_SEC));
}

/* By metric, then by labels, so that those of one series lie beside each other. */
static int compare(const void *av, const void *bv)
{
    const cloudep_series_t *a = av;
    const cloudep_series_t *b = bv;
    int order = (int)a->metric - (int)b->metric;

    order = order ? order : strcmp(a->first, b->first);
    return order ? order : strcmp(a->second, b->second);
}

/* All of them; gauges of the children are added up. */
static apr_array_header_t *collect(cloudep_cells_t *cells, apr_pool_t *p)
{
    apr_array_header_t *all = apr_array_make(p, 256, sizeof(cloudep_series_t));
    apr_array_header_t *merged = apr_array_make(p, 256, sizeof(cloudep_series_t));
    cloudep_series_t *last = NULL;

    for (apr_uint32_t i = 0; i < cells->count; i++) {
        cloudep_series_t series;

        if (cloudep_series_read(&series, &cells->cells[i])) {
            APR_ARRAY_PUSH(all, cloudep_series_t) = series;
        }
    }
    qsort(all->elts, (size_t)all->nelts, sizeof(cloudep_series_t), compare);
    for (int i = 0; i < all->nelts; i++) {
        const cloudep_series_t *series = &APR_ARRAY_IDX(all, i, cloudep_series_t);

        if (last && !compare(last, series)) {
            last->values[0] += series->values[0];
            continue;
        }
        last = apr_array_push(merged);
        *last = *series;
    }
    return merged;
}

void cloudep_expose_cells(const cloudep_exposition_t *to, cloudep_cells_t *cells, apr_pool_t *p)
{
    const apr_array_header_t *all = collect(cells, p);
    int at = 0;

    for (int i = 0; i < CLOUDEP_METRIC_COUNT; i++) {
        const cloudep_metric_t *metric = &cloudep_metrics[i];

        cloudep_expose_family(to, metric->name, types[metric->kind], metric->help);
        /* What has no labels is there from the beginning: "no such thing yet" is 0. */
        if (!*metric->labels && metric->kind != CLOUDEP_HISTOGRAM &&
            (at == all->nelts || (int)APR_ARRAY_IDX(all, at, cloudep_series_t).metric != i)) {
            cloudep_expose_sample(to, metric->name, metric->kind == CLOUDEP_COUNTER ? "_total" : "", "", "", "", 0);
        }
        for (; at < all->nelts && (int)APR_ARRAY_IDX(all, at, cloudep_series_t).metric == i; at++) {
            const cloudep_series_t *series = &APR_ARRAY_IDX(all, at, cloudep_series_t);

            if (metric->kind == CLOUDEP_HISTOGRAM) {
                expose_histogram(to, metric, series);
            }
            else {
                cloudep_expose_sample(to, metric->name, metric->kind == CLOUDEP_COUNTER ? "_total" : "", metric->labels,
                                      series->first, series->second, series->values[0]);
            }
        }
    }
}
