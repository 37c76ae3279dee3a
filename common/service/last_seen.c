/*
 * last_seen.c - see last_seen.h.
 *
 * Notes are in one of two tables, each with a pool of its own: requests write to the one while the thread reads the
 * other, and clears it.
 */
#include "service/last_seen.h"

#include <stdlib.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include "base/status.h"
#include "base/store/own_session_store.h"
#include "core/background.h"
#include "core/runtime.h"
#include "core/settings.h"

#define INTERVAL apr_time_from_sec(60)
#define MOST 100000 /* notes of an interval; sessions beyond them are noted another time */
#define BATCH 1000  /* rows of a statement */

typedef struct notes_t {
    apr_pool_t *p;
    apr_hash_t *by_session; /* "tenant session" -> cloudep_seen_session_t */
} notes_t;

struct cloudep_last_seen_t {
    struct server_rec *s;
    cloudep_background_t *background;
    apr_thread_mutex_t *mutex; /* of what follows */
    notes_t *present;
    notes_t *other; /* the thread's between two swaps */
};

/* The table keeps keys and values in its own pool, whatever the request's does. */
static void add(notes_t *notes, const char *key, const char *tenant_id, const char *session_id, apr_int64_t at)
{
    cloudep_seen_session_t *seen = apr_hash_get(notes->by_session, key, APR_HASH_KEY_STRING);

    if (!seen && apr_hash_count(notes->by_session) < MOST) {
        seen = apr_palloc(notes->p, sizeof(*seen));
        seen->tenant_id = apr_pstrdup(notes->p, tenant_id);
        seen->id = apr_pstrdup(notes->p, session_id);
        apr_hash_set(notes->by_session, apr_pstrdup(notes->p, key), APR_HASH_KEY_STRING, seen);
    }
    if (seen) {
        seen->at = at;
    }
}

void cloudep_note_seen(const cloudep_context_t *ctx, const char *tenant_id, const char *session_id)
{
    struct cloudep_last_seen_t *last_seen = ctx->config->run->last_seen;
    const char *key;

    if (!last_seen) {
        return;
    }
    key = apr_pstrcat(ctx->p, tenant_id, " ", session_id, NULL);
    apr_thread_mutex_lock(last_seen->mutex);
    add(last_seen->present, key, tenant_id, session_id, cloudep_now(ctx));
    apr_thread_mutex_unlock(last_seen->mutex);
}

/* ---- In the thread ---- */

/* What was noted so far; requests go on with the other table. */
static notes_t *swap(struct cloudep_last_seen_t *last_seen)
{
    notes_t *noted;

    apr_thread_mutex_lock(last_seen->mutex);
    noted = last_seen->present;
    last_seen->present = last_seen->other;
    last_seen->other = noted;
    apr_thread_mutex_unlock(last_seen->mutex);
    return noted;
}

static void empty(notes_t *notes)
{
    apr_pool_clear(notes->p);
    notes->by_session = apr_hash_make(notes->p);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const cloudep_seen_session_t *)a)->id, ((const cloudep_seen_session_t *)b)->id);
}

static void write_down(void *last_seenv, apr_pool_t *p, int last)
{
    struct cloudep_last_seen_t *last_seen = last_seenv;
    cloudep_context_t *ctx = cloudep_thread_context(last_seen->s, p);
    notes_t *notes = swap(last_seen);
    const int count = (int)apr_hash_count(notes->by_session);
    cloudep_seen_session_t *seen = apr_palloc(p, ((apr_size_t)count + 1) * sizeof(*seen));
    apr_status_t rv = APR_SUCCESS;
    int n = 0;

    (void)last;
    for (apr_hash_index_t *at = apr_hash_first(p, notes->by_session); at; at = apr_hash_next(at)) {
        seen[n++] = *(const cloudep_seen_session_t *)apr_hash_this_val(at);
    }
    qsort(seen, (size_t)n, sizeof(*seen), by_id); /* children that write the same sessions do it in the same order */
    for (int i = 0; i < n && rv == APR_SUCCESS; i += BATCH) {
        rv = cloudep_own_sessions_seen(cloudep_database(ctx), p, seen + i, n - i < BATCH ? n - i : BATCH);
    }
    if (rv != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(1340) "when sessions were last seen could not be written: %s",
                    cloudep_status_name(rv));
    }
    empty(notes);
}

static apr_status_t make(struct cloudep_last_seen_t *last_seen, apr_pool_t *pchild)
{
    apr_status_t rv = apr_thread_mutex_create(&last_seen->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    notes_t **const both[] = {&last_seen->present, &last_seen->other};

    for (int i = 0; i < 2 && rv == APR_SUCCESS; i++) {
        notes_t *notes = *both[i] = apr_pcalloc(pchild, sizeof(*notes));

        if ((rv = apr_pool_create(&notes->p, pchild)) == APR_SUCCESS) {
            empty(notes);
        }
    }
    return rv == APR_SUCCESS ? cloudep_background_start(&last_seen->background, pchild, INTERVAL, write_down, last_seen)
                             : rv;
}

static void start_server(struct server_rec *s, const cloudep_config_t *config, void *pchildv)
{
    struct cloudep_last_seen_t *last_seen = apr_pcalloc(pchildv, sizeof(*last_seen));
    apr_status_t rv;

    if (!config->run->db) {
        return;
    }
    last_seen->s = s;
    if ((rv = make(last_seen, pchildv)) != APR_SUCCESS) {
        const cloudep_context_t *ctx = cloudep_thread_context(s, pchildv);

        CLOUDEP_LOG(ctx, ERR, rv, CENO(1341) "when sessions are seen is not written by this child");
        return;
    }
    config->run->last_seen = last_seen;
}

void cloudep_last_seen_start(struct server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_each_runtime(main_server, start_server, pchild);
}
