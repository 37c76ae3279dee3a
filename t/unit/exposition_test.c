/*
 * exposition_test.c - metrics as text, letter by letter: OpenMetrics 1.0, and Prometheus' format 0.0.4.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "counted.h"
#include "operate/exposition.h"
#include "tap.h"

#define CELLS 32

static apr_pool_t *pool;

static cloudep_exposition_t begin(int open)
{
    return (cloudep_exposition_t){
        .out = apr_brigade_create(pool, apr_bucket_alloc_create(pool)),
        .open = open,
    };
}

static const char *text(const cloudep_exposition_t *to)
{
    char *all;
    apr_size_t length;

    (void)apr_brigade_pflatten(to->out, &all, &length, pool);
    return apr_pstrmemdup(pool, all, length);
}

static void families(void)
{
    cloudep_exposition_t open = begin(1);
    cloudep_exposition_t plain = begin(0);

    for (int i = 0; i < 2; i++) {
        const cloudep_exposition_t *to = i ? &plain : &open;

        cloudep_expose_family(to, "a", "counter", "Things");
        cloudep_expose_sample(to, "a", "_total", "", "", "", 3);
        cloudep_expose_family(to, "a_seconds", "gauge", "How long");
        cloudep_expose_sample(to, "a_seconds", "", "one", "x", "", -2);
    }
    is_str(text(&open),
           "# TYPE a counter\n# HELP a Things.\na_total 3\n"
           "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds How long.\na_seconds{one=\"x\"} -2\n",
           "OpenMetrics names the family without _total, and its unit");
    is_str(text(&plain),
           "# TYPE a_total counter\n# HELP a_total Things.\na_total 3\n"
           "# TYPE a_seconds gauge\n# HELP a_seconds How long.\na_seconds{one=\"x\"} -2\n",
           "the older format names the sample, and knows no units");
}

static void labels(void)
{
    cloudep_exposition_t to = begin(1);

    cloudep_expose_sample(&to, "a", "", "one,two", "say \"a\\b\"", "", 9223372036854775807LL);
    is_str(text(&to), "a{one=\"say \\\"a\\\\b\\\"\",two=\"\"} 9223372036854775807\n",
           "what a label may not hold is escaped; an empty one is there; the greatest number is whole");
}

/* The lines of one metric among all of them. */
static const char *lines_of(const cloudep_exposition_t *to, const char *name)
{
    char *rest = apr_pstrdup(pool, text(to));
    const char *found = "";

    for (char *line = apr_strtok(rest, "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        if (*line != '#' && !strncmp(line, name, strlen(name))) {
            found = apr_pstrcat(pool, found, line, "\n", NULL);
        }
    }
    return found;
}

static void cells(void)
{
    cloudep_cells_t *cells = count_in(CELLS);
    cloudep_exposition_t to = begin(1);

    cloudep_count(CLOUDEP_METRIC_GUARD, "token_missing", NULL, 2);
    cloudep_count(CLOUDEP_METRIC_GUARD, "passed", NULL, 1);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "b", "done", 1);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "a", "throttled", 1);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "a", "done", 1);
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 2);
    /* Another process that lives, the first of all. */
    atomic_store(&cloudep_cells_at(cells, "p 1")->values[0], 1);
    atomic_store(&cloudep_cells_at(cells, "g 1 cloudep_password_hashes_running\n\n")->values[0], 5);
    cloudep_expose_cells(&to, cells, pool);
    is_str(lines_of(&to, "cloudep_guard_decisions"),
           "cloudep_guard_decisions_total{decision=\"passed\"} 1\n"
           "cloudep_guard_decisions_total{decision=\"token_missing\"} 2\n",
           "series of a metric stand together, by their labels");
    is_str(lines_of(&to, "cloudep_operations"),
           "cloudep_operations_total{operation=\"a\",outcome=\"done\"} 1\n"
           "cloudep_operations_total{operation=\"a\",outcome=\"throttled\"} 1\n"
           "cloudep_operations_total{operation=\"b\",outcome=\"done\"} 1\n",
           "by the first and then by the second");
    is_str(lines_of(&to, "cloudep_password_hashes_running"), "cloudep_password_hashes_running 7\n",
           "gauges of children are added up");
    is_str(lines_of(&to, "cloudep_sessions_opened"), "cloudep_sessions_opened_total 0\n",
           "what has no labels is there before it happens");
    is_str(lines_of(&to, "cloudep_sessions_ended"), "", "what has labels is not");
    for (int i = 0; i < CLOUDEP_METRIC_COUNT; i++) {
        ok(strstr(text(&to), apr_psprintf(pool, "# HELP %s ", cloudep_metrics[i].name)) != NULL, "%s has its family",
           cloudep_metrics[i].name);
    }
}

static void histogram(void)
{
    cloudep_cells_t *cells = count_in(CELLS);
    cloudep_exposition_t to = begin(1);
    static const apr_interval_time_t durations[] = {500, 2500, 40000, 9000000};

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        cloudep_observe(CLOUDEP_METRIC_OPERATION_TIME, "a", durations[i]);
    }
    cloudep_expose_cells(&to, cells, pool);
#define BUCKET(bound, count) "cloudep_operation_duration_seconds_bucket{operation=\"a\",le=\"" bound "\"} " count "\n"
    is_str(lines_of(&to, "cloudep_operation_duration_seconds"),
           BUCKET("0.001", "1") BUCKET("0.0025", "2") BUCKET("0.005", "2") BUCKET("0.01", "2") BUCKET("0.025", "2")
               BUCKET("0.05", "3") BUCKET("0.1", "3") BUCKET("0.25", "3") BUCKET("0.5", "3") BUCKET("1.0", "3")
                   BUCKET("2.5", "3") BUCKET("5.0", "3")
                       BUCKET("+Inf", "4") "cloudep_operation_duration_seconds_count{operation=\"a\"} 4\n"
                                           "cloudep_operation_duration_seconds_sum{operation=\"a\"} 9.043000\n",
           "buckets add up, bounds are canonical, the sum is in seconds");
    is_str(lines_of(&to, "cloudep_statement_duration_seconds"), "", "one that nobody has observed has no buckets");
    ok(strstr(text(&to), "# UNIT cloudep_statement_duration_seconds seconds\n") != NULL, "a time has its unit");
    ok(!strstr(text(&to), "# UNIT cloudep_guard_decisions"), "what is no time has none");
}

static void histogram_without_labels(void)
{
    cloudep_cells_t *cells = count_in(CELLS);
    cloudep_exposition_t to = begin(1);
    const char *lines;

    cloudep_observe(CLOUDEP_METRIC_STATEMENT_TIME, NULL, 500);
    cloudep_expose_cells(&to, cells, pool);
    lines = lines_of(&to, "cloudep_statement_duration_seconds");
    ok(strstr(lines, "_bucket{le=\"0.001\"} 1\n") != NULL, "its buckets have bounds alone");
    ok(strstr(lines, "_count 1\n") && strstr(lines, "_sum 0.000500\n"), "its count and sum have no labels");
}

int main(void)
{
    (void)apr_initialize();
    (void)atexit(apr_terminate);
    (void)apr_pool_create(&pool, NULL);
    families();
    labels();
    cells();
    histogram();
    histogram_without_labels();
    return done_testing();
}
