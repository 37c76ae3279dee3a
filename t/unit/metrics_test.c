/*
 * metrics_test.c - what is counted can be read again: by labels, by bucket, and of children only while they live.
 */
#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counted.h"
#include "tap.h"

#define CELLS 16

static void nowhere(void)
{
    cloudep_share_cells(NULL);
    cloudep_gauges_begin();
    cloudep_count(CLOUDEP_METRIC_GUARD, "passed", NULL, 1);
    cloudep_observe(CLOUDEP_METRIC_STATEMENT_TIME, NULL, 1000);
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 1);
    cloudep_value_set(CLOUDEP_METRIC_OUTBOX_WAITING, "a:80", "mail", 1);
    ok(1, "without shared cells counting does nothing");
}

static void counters(void)
{
    char longest[CLOUDEP_CELL_KEY];

    (void)count_in(CELLS);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "auth.login", "done", 2);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "auth.login", "done", 3);
    cloudep_count(CLOUDEP_METRIC_OPERATIONS, "auth.login", "throttled", 1);
    cloudep_count(CLOUDEP_METRIC_SESSIONS_OPENED, NULL, NULL, 7);
    ok(counted(CLOUDEP_METRIC_OPERATIONS, "auth.login", "done") == 5, "numbers of the same labels are added up");
    ok(counted(CLOUDEP_METRIC_OPERATIONS, "auth.login", "throttled") == 1, "those of others lie apart");
    ok(counted(CLOUDEP_METRIC_SESSIONS_OPENED, "", "") == 7, "a metric may have no labels");
    cloudep_value_set(CLOUDEP_METRIC_OUTBOX_WAITING, "a:80", "mail", 9);
    cloudep_value_set(CLOUDEP_METRIC_OUTBOX_WAITING, "a:80", "mail", 4);
    ok(counted(CLOUDEP_METRIC_OUTBOX_WAITING, "a:80", "mail") == 4, "a value is the last one");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    cloudep_count(CLOUDEP_METRIC_GUARD, longest, NULL, 1);
    ok(counted(CLOUDEP_METRIC_GUARD, longest, "") == -1, "labels that do not fit are not cut: there is no series");
}

/* Prometheus keeps series by their bounds: others would be other series. */
static void bounds(void)
{
    static const double seconds[CLOUDEP_BUCKETS - 1] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                        0.1,   0.25,   0.5,   1,    2.5,   5};
    int wrong = 0;

    for (int i = 0; i < CLOUDEP_BUCKETS - 1; i++) {
        wrong += cloudep_bucket_bounds[i] != (apr_interval_time_t)(seconds[i] * 1000000 + 0.5);
    }
    ok(!wrong, "the bounds of buckets are those that they always were");
}

static void histograms(void)
{
    static const struct {
        apr_interval_time_t duration;
        int bucket;
    } cases[] = {{-5, 0}, {0, 0}, {1000, 0}, {1001, 1}, {2500, 1}, {5000000, 11}, {5000001, 12}};
    cloudep_series_t series;
    long long expected[CLOUDEP_BUCKETS] = {0};
    long long sum = 0;

    (void)count_in(CELLS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cloudep_observe(CLOUDEP_METRIC_OPERATION_TIME, "auth.login", cases[i].duration);
        expected[cases[i].bucket]++;
        sum += cases[i].duration > 0 ? cases[i].duration : 0;
    }
    series = counted_series(CLOUDEP_METRIC_OPERATION_TIME, "auth.login", "");
    ok(!memcmp(series.values, expected, sizeof(expected)),
       "a duration counts in the bucket whose bound it is not above");
    ok(series.values[CLOUDEP_BUCKETS] == sum, "and adds to the sum; of a clock that was set back, nothing");
}

/* A child that adds to a gauge and ends. */
static void child(long long number)
{
    const pid_t pid = fork();

    if (!pid) {
        cloudep_gauges_begin();
        cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, number);
        _exit(0);
    }
    (void)waitpid(pid, NULL, 0);
}

static int places(const cloudep_cells_t *cells)
{
    char key[CLOUDEP_CELL_KEY];
    int count = 0;

    for (apr_uint32_t i = 0; i < cells->count; i++) {
        count += cloudep_cells_key(&cells->cells[i], key) && key[0] == 'p';
    }
    return count;
}

static void gauges(void)
{
    cloudep_cells_t *cells = count_in(CELLS);

    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 3);
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, -1);
    cloudep_gauge_add(CLOUDEP_METRIC_BREAKERS_OPEN, "zitadel", 1);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 2, "a gauge goes up and down");
    ok(counted(CLOUDEP_METRIC_BREAKERS_OPEN, "zitadel", "") == 1, "and may have a label");
    child(5);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 2, "what a child left that has gone is not read");
    ok(places(cells) == 2, "it had a place of its own");
    child(6);
    ok(places(cells) == 2, "which the next one takes over");
}

/* A child in the place of one that was killed begins at 0. */
static void taken_over(void)
{
    cloudep_cells_t *cells = count_in(CELLS);
    cloudep_cell_t *place = cloudep_cells_at(cells, "p 0");

    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 4);
    atomic_store(&place->values[0], 0x7ffffff0); /* no such process */
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == -1, "a gauge of a process that is not there is not read");
    cloudep_gauges_begin();
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 0, "whoever takes its place begins at 0");
}

/* Sets who has a place. */
static void occupy(cloudep_cells_t *cells, int place, long long pid)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "p %d", place);
    atomic_store(&cloudep_cells_at(cells, key)->values[0], pid);
}

/* Places of processes that live: init is one, and may be another account's. */
static void places_in_use(void)
{
    cloudep_cells_t *cells = count_in(128);
    cloudep_series_t series;

    occupy(cells, 0, 1);
    atomic_store(&cloudep_cells_at(cells, "g 0 cloudep_password_hashes_running\n\n")->values[0], 5);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 5, "a gauge of a process of another account is read");
    cloudep_gauges_begin();
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 1);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == -1, "its place is left to it: there are two gauges");
    occupy(cells, 10, 1);
    occupy(cells, 1, 0);
    atomic_store(&cloudep_cells_at(cells, "g 10 cloudep_password_hashes_running\n\n")->values[0], 7);
    cloudep_gauges_begin();
    ok(cloudep_series_read(&series, cloudep_cells_at(cells, "g 10 cloudep_password_hashes_running\n\n")) &&
           series.values[0] == 7,
       "whoever takes place 1 leaves those of place 10 alone");
    ok(cloudep_series_read(&series, cloudep_cells_at(cells, "g 1 cloudep_password_hashes_running\n\n")) &&
           series.values[0] == 0,
       "and begins at 0");
}

/* There are 64 places. */
static void no_place(void)
{
    cloudep_cells_t *cells = count_in(128);

    for (int place = 0; place < 63; place++) {
        occupy(cells, place, 1);
    }
    cloudep_gauges_begin();
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 2);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 2, "the last of 64 places is given");
    occupy(cells, 63, 1);
    cloudep_gauges_begin();
    cloudep_gauge_add(CLOUDEP_METRIC_HASHING, NULL, 3);
    ok(counted(CLOUDEP_METRIC_HASHING, "", "") == 2, "a child without a place counts nothing");
    cloudep_count(CLOUDEP_METRIC_SESSIONS_OPENED, NULL, NULL, 3);
    ok(counted(CLOUDEP_METRIC_SESSIONS_OPENED, "", "") == 3, "but for what goes up only");
}

/* What another build, or something else, left in the cells. */
static void foreign(void)
{
    cloudep_cells_t *cells = count_in(CELLS);
    cloudep_series_t series;

    ok(!cloudep_series_read(&series, &cells->cells[CELLS - 1]) ||
           !cloudep_series_read(&series, &cells->cells[CELLS - 2]),
       "a free cell is no series");
    ok(!cloudep_series_read(&series, cloudep_cells_at(cells, "outbox\na:80")), "nor is what is not of a metric");
    ok(!cloudep_series_read(&series, cloudep_cells_at(cells, "n cloudep_password_hashes_refused\n\n")),
       "nor is what is of something else with the name of one");
    ok(!cloudep_series_read(&series, cloudep_cells_at(cells, "m cloudep_of_another_build\na\n")),
       "nor one that this build does not know");
    ok(!cloudep_series_read(&series, cloudep_cells_at(cells, "m cloudep_password_hashes_running\n\n")),
       "nor a gauge that was a counter there");
}

int main(void)
{
    (void)apr_initialize();
    (void)atexit(apr_terminate);
    nowhere();
    counters();
    bounds();
    histograms();
    gauges();
    taken_over();
    places_in_use();
    no_place();
    foreign();
    return done_testing();
}
