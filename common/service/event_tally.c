/*
 * event_tally.c - see event_tally.h.
 */
#include "service/event_tally.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <stdlib.h>
#include <string.h>

/* A key of which there was a failure lately; malloc'ed, as entries come and go as long as the child lives. */
typedef struct entry_t {
    char *key;
    char *line; /* of the first that was counted; NULL: none was */
    char *record;
    int count;
} entry_t;

struct cloudep_tally_t {
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_hash_t *entries;
};

cloudep_tally_t *cloudep_tally_create(apr_pool_t *pchild)
{
    cloudep_tally_t *tally = apr_pcalloc(pchild, sizeof(*tally));
    apr_pool_t *own; /* the hash takes from it with the mutex held, and nobody else does */

    if (apr_thread_mutex_create(&tally->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS ||
        apr_pool_create(&own, pchild) != APR_SUCCESS) {
        return NULL;
    }
    tally->entries = apr_hash_make(own);
    return tally;
}

static void forget_texts(entry_t *entry)
{
    free(entry->line);
    free(entry->record);
    entry->line = entry->record = NULL;
    entry->count = 0;
}

static void drop(entry_t *entry)
{
    forget_texts(entry);
    free(entry->key);
    free(entry);
}

/* A new entry; NULL: there is no memory. */
static entry_t *entry_of(const char *key)
{
    entry_t *entry = calloc(1, sizeof(*entry));

    if (entry && !(entry->key = strdup(key))) {
        free(entry);
        entry = NULL;
    }
    return entry;
}

/* Keeps the texts of the first that is counted; 0: there is no memory. */
static int count(entry_t *entry, const char *line, const char *record)
{
    if (!entry->count) {
        entry->line = strdup(line);
        entry->record = strdup(record);
    }
    if (!entry->line || !entry->record) {
        forget_texts(entry);
        return 0;
    }
    entry->count++;
    return 1;
}

cloudep_tally_e cloudep_tally_add(cloudep_tally_t *tally, const char *key, const char *line, const char *record,
                                  int shared)
{
    cloudep_tally_e done = CLOUDEP_TALLY_FIRST;
    entry_t *entry;

    apr_thread_mutex_lock(tally->mutex);
    entry = apr_hash_get(tally->entries, key, APR_HASH_KEY_STRING);
    if (entry) {
        done = count(entry, line, record) ? CLOUDEP_TALLY_COUNTED : CLOUDEP_TALLY_FIRST;
    }
    else if (shared || apr_hash_count(tally->entries) < CLOUDEP_TALLY_KEYS) {
        entry = entry_of(key); /* what there is no memory for is a first one each time */
        if (entry) {
            apr_hash_set(tally->entries, entry->key, APR_HASH_KEY_STRING, entry);
        }
    }
    else {
        done = CLOUDEP_TALLY_FULL;
    }
    apr_thread_mutex_unlock(tally->mutex); /* NOLINT(clang-analyzer-unix.Malloc): the table has the entry */
    return done;
}

/* The JSON object with one member more. */
static const char *with_count(apr_pool_t *p, const char *object, int number)
{
    return apr_psprintf(p, "%.*s,\"count\":%d}", (int)strlen(object) - 1, object, number);
}

apr_array_header_t *cloudep_tally_take(cloudep_tally_t *tally, apr_pool_t *p)
{
    apr_array_header_t *taken = apr_array_make(p, 1, sizeof(cloudep_counted_t));
    apr_hash_index_t *next;

    apr_thread_mutex_lock(tally->mutex);
    for (apr_hash_index_t *at = apr_hash_first(p, tally->entries); at; at = next) {
        entry_t *entry = apr_hash_this_val(at);

        next = apr_hash_next(at);
        if (entry->count) {
            APR_ARRAY_PUSH(taken, cloudep_counted_t) = (cloudep_counted_t){with_count(p, entry->line, entry->count),
                                                                           with_count(p, entry->record, entry->count)};
            forget_texts(entry);
        }
        else {
            apr_hash_set(tally->entries, entry->key, APR_HASH_KEY_STRING, NULL);
            drop(entry);
        }
    }
    apr_thread_mutex_unlock(tally->mutex);
    return taken;
}
