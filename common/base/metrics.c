/*
 * metrics.c - see metrics.h. Keys of cells: "m METRIC \n first \n second", and of gauges "g PLACE METRIC \n first \n".
 *
 * A child takes a place among those of its server, by its process id, and takes over that of a child that has gone.
 */
#include "base/metrics.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 64 /* of children; those beyond have no gauges */

#define ROW_COUNTER(id, ...) {CLOUDEP_COUNTER, __VA_ARGS__},
#define ROW_HISTOGRAM(id, ...) {CLOUDEP_HISTOGRAM, __VA_ARGS__},
#define ROW_GAUGE(id, ...) {CLOUDEP_GAUGE, __VA_ARGS__},
#define ROW_VALUE(id, ...) {CLOUDEP_VALUE, __VA_ARGS__},
const cloudep_metric_t cloudep_metrics[CLOUDEP_METRIC_COUNT] = {
    CLOUDEP_METRICS(ROW_COUNTER, ROW_HISTOGRAM, ROW_GAUGE, ROW_VALUE)};

const apr_interval_time_t cloudep_bucket_bounds[CLOUDEP_BUCKETS - 1] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

static int own_place = -1;  /* -1: this process has no gauges */
static char own_prefix[16]; /* of its gauges */

/* The cells of what has no labels, once they were looked up: a guarded request asks for five of them. */
static _Atomic(cloudep_cell_t *) unlabelled[CLOUDEP_METRIC_COUNT];

/* Appends text and a byte; NULL where there is no room. */
static char *append(char *at, const char *end, const char *text, char behind)
{
    const size_t length = strlen(text);

    if (!at || length + 2 > (size_t)(end - at)) {
        return NULL;
    }
    memcpy(at, text, length);
    at[length] = behind;
    return at + length + 1;
}

static cloudep_cell_t *look_up(cloudep_metric_e metric, const char *first, const char *second)
{
    cloudep_cells_t *cells = cloudep_shared_cells();
    char key[CLOUDEP_CELL_KEY];
    const char *end = key + sizeof(key);
    char *at = cells ? append(key, end, cloudep_metrics[metric].kind == CLOUDEP_GAUGE ? own_prefix : "m", ' ') : NULL;

    at = append(at, end, cloudep_metrics[metric].name, '\n');
    at = append(at, end, first ? first : "", '\n');
    at = append(at, end, second ? second : "", '\0');
    return at ? cloudep_cells_at(cells, key) : NULL;
}

static cloudep_cell_t *cell_of(cloudep_metric_e metric, const char *first, const char *second)
{
    cloudep_cell_t *cell;

    if (first || second) {
        return look_up(metric, first, second);
    }
    cell = atomic_load_explicit(&unlabelled[metric], memory_order_relaxed);
    if (!cell) {
        cell = look_up(metric, NULL, NULL);
        atomic_store_explicit(&unlabelled[metric], cell, memory_order_relaxed);
    }
    return cell;
}

static void add(cloudep_cell_t *cell, int value, long long number)
{
    if (cell) {
        atomic_fetch_add_explicit(&cell->values[value], number, memory_order_relaxed);
    }
}

void cloudep_count(cloudep_metric_e metric, const char *first, const char *second, long long number)
{
    add(cell_of(metric, first, second), 0, number);
}

void cloudep_observe(cloudep_metric_e metric, const char *label, apr_interval_time_t duration)
{
    cloudep_cell_t *cell = cell_of(metric, label, NULL);
    int bucket = 0;

    while (bucket < CLOUDEP_BUCKETS - 1 && duration > cloudep_bucket_bounds[bucket]) {
        bucket++;
    }
    add(cell, bucket, 1);
    add(cell, CLOUDEP_BUCKETS, duration > 0 ? duration : 0);
}

void cloudep_value_set(cloudep_metric_e metric, const char *first, const char *second, long long number)
{
    cloudep_cell_t *cell = cell_of(metric, first, second);

    if (cell) {
        atomic_store(&cell->values[0], number);
    }
}

void cloudep_gauge_add(cloudep_metric_e metric, const char *label, long long number)
{
    if (own_place >= 0) {
        add(cell_of(metric, label, NULL), 0, number);
    }
}

/* The cell that holds the process id of the child in a place. */
static cloudep_cell_t *place_cell(int place)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "p %d", place);
    return cloudep_cells_at(cloudep_shared_cells(), key);
}

static int is_alive(long long pid)
{
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* What the child before left in the place. */
static void clear(int place)
{
    cloudep_cells_t *cells = cloudep_shared_cells();
    char prefix[16], key[CLOUDEP_CELL_KEY];
    const int length = snprintf(prefix, sizeof(prefix), "g %d ", place);

    for (apr_uint32_t i = 0; i < cells->count; i++) {
        if (cloudep_cells_key(&cells->cells[i], key) && !strncmp(key, prefix, (size_t)length)) {
            atomic_store(&cells->cells[i].values[0], 0);
        }
    }
}

void cloudep_gauges_begin(void)
{
    own_place = -1;
    for (int i = 0; i < CLOUDEP_METRIC_COUNT; i++) {
        atomic_store(&unlabelled[i], NULL);
    }
    for (int place = 0; cloudep_shared_cells() && place < PLACES && own_place < 0; place++) {
        cloudep_cell_t *cell = place_cell(place);
        long long pid = cell ? atomic_load(&cell->values[0]) : 0;

        if (cell && !is_alive(pid) && atomic_compare_exchange_strong(&cell->values[0], &pid, (long long)getpid())) {
            clear(place);
            own_place = place;
            (void)snprintf(own_prefix, sizeof(own_prefix), "g %d", place);
        }
    }
}

/* The metric of that name; its kind is that of the key. */
static int find(cloudep_metric_e *metric, const char *name, int gauge)
{
    for (int i = 0; i < CLOUDEP_METRIC_COUNT; i++) {
        if (!strcmp(cloudep_metrics[i].name, name) && (cloudep_metrics[i].kind == CLOUDEP_GAUGE) == gauge) {
            *metric = (cloudep_metric_e)i;
            return 1;
        }
    }
    return 0; /* another build counted it */
}

/* Copies up to the end of the line, which is left behind. */
static const char *line(char *to, const char *from)
{
    const size_t length = strcspn(from, "\n");

    memcpy(to, from, length);
    to[length] = '\0';
    return from[length] ? from + length + 1 : from + length;
}

int cloudep_series_read(cloudep_series_t *series, const cloudep_cell_t *cell)
{
    char key[CLOUDEP_CELL_KEY], name[CLOUDEP_CELL_KEY];
    const char *at = key + 2;
    char *behind = NULL;
    long place = 0;
    int gauge;

    if (!cloudep_cells_key(cell, key) || (key[0] != 'm' && key[0] != 'g')) {
        return 0;
    }
    gauge = key[0] == 'g';
    if (gauge) {
        place = strtol(at, &behind, 10);
        at = behind + 1;
    }
    at = line(name, at);
    if (!find(&series->metric, name, gauge) || (gauge && !is_alive(atomic_load(&place_cell((int)place)->values[0])))) {
        return 0;
    }
    (void)line(series->second, line(series->first, at));
    for (int i = 0; i < CLOUDEP_CELL_VALUES; i++) {
        series->values[i] = atomic_load_explicit(&cell->values[i], memory_order_relaxed);
    }
    return 1;
}
