/*
 * event_tally.h - failures that anybody can cause as often as they like: the first is written at once, those that
 * follow are counted and told once a second. Knows nothing of events but their texts. For any number of threads.
 */
#ifndef CLOUDEP_EVENT_TALLY_H
#define CLOUDEP_EVENT_TALLY_H

#include <apr_tables.h>

#define CLOUDEP_TALLY_KEYS 10000 /* that are counted apart */

typedef struct cloudep_tally_t cloudep_tally_t;

/* Failures that were counted under one key. */
typedef struct cloudep_counted_t {
    const char *line;   /* the first of them, with their number as the member "count" */
    const char *record; /* the same for the table */
} cloudep_counted_t;

/** A tally that lives as long as the pool. NULL: out of memory. */
cloudep_tally_t *cloudep_tally_create(apr_pool_t *pchild);

typedef enum {
    CLOUDEP_TALLY_FIRST,   /* nothing of that key lately: to be written now */
    CLOUDEP_TALLY_COUNTED, /* it is told later */
    CLOUDEP_TALLY_FULL     /* too many keys: to be added again under one that is shared */
} cloudep_tally_e;

/**
 * Counts a failure.
 * @param line   a JSON object for the log, record: one for the table; copied
 * @param shared whether the key is one of those few that there is always room for
 */
cloudep_tally_e cloudep_tally_add(cloudep_tally_t *tally, const char *key, const char *line, const char *record,
                                  int shared);

/**
 * To be called once a second: what was counted since the last time, an array of cloudep_counted_t. A key of which
 * nothing was counted is forgotten, and its next failure is a first one.
 */
apr_array_header_t *cloudep_tally_take(cloudep_tally_t *tally, apr_pool_t *p);

#endif
