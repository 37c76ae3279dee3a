/*
 * metrics.h - what is counted of a running server, each metric declared once, and how it is counted.
 *
 * Numbers live in the cells that all children share (base/cells.h), so they outlive children and restarts. Counting
 * never waits and never fails; where there are no shared cells, as in tools, it does nothing. Labels come from closed
 * lists (operations, reasons, statements, providers that are configured), never from a request: no client can make
 * series.
 *
 * COUNTER(id, name, labels, help)    goes up; its sample is name_total
 * HISTOGRAM(id, name, labels, help)  of durations, in seconds
 * GAUGE(id, name, labels, help)      goes up and down; each child has its own, and what is shown is their sum
 * VALUE(id, name, labels, help)      a gauge that one child finds out for all
 *
 * labels: the names of up to two, with a comma in between; "": none.
 */
#ifndef CLOUDEP_METRICS_H
#define CLOUDEP_METRICS_H

#include <apr_time.h>
#include "base/cells.h"

#define CLOUDEP_METRICS(COUNTER, HISTOGRAM, GAUGE, VALUE)                                                              \
    COUNTER(OPERATIONS, "cloudep_operations", "operation,outcome",                                                     \
            "Operations that ended, by done or the reason why not")                                                    \
    HISTOGRAM(OPERATION_TIME, "cloudep_operation_duration_seconds", "operation", "From the request to its answer")     \
    COUNTER(BUDGETS, "cloudep_budget_refusals", "reason", "Operations refused with a time to wait")                    \
    COUNTER(GUARD, "cloudep_guard_decisions", "decision",                                                              \
            "Guarded requests: passed, anonymous, or the reason why not")                                              \
    COUNTER(SESSIONS_OPENED, "cloudep_sessions_opened", "", "Logins that gave a session")                              \
    COUNTER(SESSIONS_ENDED, "cloudep_sessions_ended", "reason", "Sessions ended before their time")                    \
    COUNTER(STATEMENTS, "cloudep_statements", "statement,result", "SQL statements and transactions, by their first")   \
    HISTOGRAM(STATEMENT_TIME, "cloudep_statement_duration_seconds", "", "With the wait for a connection")              \
    GAUGE(CONNECTIONS_USED, "cloudep_database_connections_used", "", "Database connections in use")                    \
    GAUGE(CONNECTIONS_AWAITED, "cloudep_database_connections_awaited", "", "Requests that wait for one")               \
    COUNTER(CONNECTIONS_REFUSED, "cloudep_database_connections_refused", "reason",                                     \
            "Requests that got none: overload or database")                                                            \
    COUNTER(CACHE, "cloudep_memcached_operations", "verb,result", "Operations on memcached")                           \
    GAUGE(CACHE_DOWN, "cloudep_memcached_servers_down", "", "Servers that do not answer, of all children")             \
    GAUGE(HASHING, "cloudep_password_hashes_running", "", "Passwords hashed now")                                      \
    GAUGE(HASHES_AWAITED, "cloudep_password_hashes_awaited", "", "Requests that wait for their turn to hash")          \
    COUNTER(HASHES_REFUSED, "cloudep_password_hashes_refused", "", "Requests that were not given a turn")              \
    COUNTER(MESSAGES, "cloudep_messages", "channel,result", "Attempts to deliver a mail or text message")              \
    GAUGE(BREAKERS_OPEN, "cloudep_breakers_open", "provider", "Children that leave a provider alone")                  \
    COUNTER(EVENTS_DROPPED, "cloudep_events_dropped", "", "Events that are in the log only")                           \
    VALUE(OUTBOX_WAITING, "cloudep_outbox_waiting", "server,channel", "Messages that wait to be delivered")            \
    VALUE(OUTBOX_OLDEST, "cloudep_outbox_oldest_seconds", "server,channel", "Age of the oldest of those")

#define CLOUDEP_METRIC_ID(id, ...) CLOUDEP_METRIC_##id,
typedef enum {
    CLOUDEP_METRICS(CLOUDEP_METRIC_ID, CLOUDEP_METRIC_ID, CLOUDEP_METRIC_ID, CLOUDEP_METRIC_ID) CLOUDEP_METRIC_COUNT
} cloudep_metric_e;

typedef enum { CLOUDEP_COUNTER, CLOUDEP_HISTOGRAM, CLOUDEP_GAUGE, CLOUDEP_VALUE } cloudep_metric_kind_e;

typedef struct cloudep_metric_t {
    cloudep_metric_kind_e kind;
    const char *name;
    const char *labels;
    const char *help;
} cloudep_metric_t;

/* In the order of cloudep_metric_e. */
extern const cloudep_metric_t cloudep_metrics[CLOUDEP_METRIC_COUNT];

/* A histogram's cell has the number of each bucket, the last being what took longer, and the sum behind them. */
#define CLOUDEP_BUCKETS 13
extern const apr_interval_time_t cloudep_bucket_bounds[CLOUDEP_BUCKETS - 1];

/** Adds to a counter. Labels that the metric does not have are NULL. */
void cloudep_count(cloudep_metric_e metric, const char *first, const char *second, long long number);

/** Adds one duration to a histogram. */
void cloudep_observe(cloudep_metric_e metric, const char *label, apr_interval_time_t duration);

/** Adds to a gauge of this child. */
void cloudep_gauge_add(cloudep_metric_e metric, const char *label, long long number);

/** Sets a value. */
void cloudep_value_set(cloudep_metric_e metric, const char *first, const char *second, long long number);

/** Gives this process gauges of its own, all 0, at the start of a child, before there are threads. */
void cloudep_gauges_begin(void);

/* What cells say. */
typedef struct cloudep_series_t {
    cloudep_metric_e metric;
    char first[CLOUDEP_CELL_KEY]; /* "": it has no such label */
    char second[CLOUDEP_CELL_KEY];
    long long values[CLOUDEP_CELL_VALUES];
} cloudep_series_t;

/** Reads a cell. 0: it is none of a metric, or a gauge of a child that has gone. */
int cloudep_series_read(cloudep_series_t *series, const cloudep_cell_t *cell);

#endif
