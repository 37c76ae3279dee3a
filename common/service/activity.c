/*
 * activity.c - see activity.h.
 */
#include "service/activity.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include "core/background.h"
#include "core/runtime.h"
#include "core/settings.h"

#define LONGEST_INTERVAL 60 /* seconds between two writings */
#define BATCH 1000          /* sessions of a statement */
#define WAITING_MAX 20000   /* sessions that are noted until then; those beyond are noted by a later request */

struct cloudep_activity_t {
    const cloudep_config_t *config;
    cloudep_background_t *background;
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_pool_t *pool;          /* of the notes */
    apr_hash_t *notes;         /* "tenant session" -> cloudep_use_t */
};

/* Seconds between two writings: short enough for a short idle life. */
static int interval_of(const cloudep_config_t *config)
{
    const int part = config->refresh_idle / 4;

    return part < LONGEST_INTERVAL ? part : LONGEST_INTERVAL;
}

/* The caller holds the mutex. p: for what is not kept. */
static void add(cloudep_activity_t *activity, apr_pool_t *p, const char *tenant_id, const char *session_id,
                apr_int64_t at, int slides)
{
    const char *key = apr_pstrcat(p, tenant_id, " ", session_id, NULL);
    cloudep_use_t *use = apr_hash_get(activity->notes, key, APR_HASH_KEY_STRING);

    if (!use) {
        use = apr_pcalloc(activity->pool, sizeof(*use));
        use->tenant_id = apr_pstrdup(activity->pool, tenant_id);
        use->session_id = apr_pstrdup(activity->pool, session_id);
        apr_hash_set(activity->notes, apr_pstrdup(activity->pool, key), APR_HASH_KEY_STRING, use);
    }
    use->at = at > use->at ? at : use->at;
    use->slides |= slides;
}

void cloudep_activity_note(cloudep_context_t *ctx, const char *tenant_id, const char *session_id,
                           const cloudep_turn_t *turn)
{
    cloudep_activity_t *activity = ctx->config->run->activity;
    /* Not where that was written less than a while ago. */
    const int slides = turn && turn->idle_left <= ctx->config->refresh_idle - interval_of(ctx->config);

    if (!activity) {
        return;
    }
    apr_thread_mutex_lock(activity->mutex);
    if (apr_hash_count(activity->notes) < WAITING_MAX) {
        add(activity, ctx->p, tenant_id, session_id, cloudep_now(ctx), slides);
    }
    apr_thread_mutex_unlock(activity->mutex);
}

/* Takes the notes and begins new ones. The pool of those taken is the caller's; NULL: there are none. */
static apr_pool_t *take(cloudep_activity_t *activity, apr_hash_t **notes)
{
    apr_pool_t *taken = NULL, *fresh = NULL;

    apr_thread_mutex_lock(activity->mutex);
    if (apr_hash_count(activity->notes) && apr_pool_create_unmanaged_ex(&fresh, NULL, NULL) == APR_SUCCESS) {
        taken = activity->pool;
        *notes = activity->notes;
        activity->pool = fresh;
        activity->notes = apr_hash_make(fresh);
    }
    apr_thread_mutex_unlock(activity->mutex);
    return taken;
}

/* Notes them again, for the next writing. */
static void put_back(cloudep_activity_t *activity, apr_pool_t *p, const cloudep_use_t *uses, int n)
{
    apr_thread_mutex_lock(activity->mutex);
    for (int i = 0; i < n && apr_hash_count(activity->notes) < WAITING_MAX; i++) {
        add(activity, p, uses[i].tenant_id, uses[i].session_id, uses[i].at, uses[i].slides);
    }
    apr_thread_mutex_unlock(activity->mutex);
}

static void write_down(void *activityv, apr_pool_t *p, int last)
{
    cloudep_activity_t *activity = activityv;
    const cloudep_config_t *config = activity->config;
    apr_array_header_t *uses;
    apr_hash_t *notes = NULL;
    apr_pool_t *taken = take(activity, &notes);

    if (!taken) {
        return;
    }
    uses = apr_array_make(p, (int)apr_hash_count(notes), sizeof(cloudep_use_t));
    for (apr_hash_index_t *at = apr_hash_first(p, notes); at; at = apr_hash_next(at)) {
        APR_ARRAY_PUSH(uses, cloudep_use_t) = *(const cloudep_use_t *)apr_hash_this_val(at);
    }
    for (int i = 0; i < uses->nelts; i += BATCH) {
        const cloudep_use_t *batch = &APR_ARRAY_IDX(uses, i, cloudep_use_t);
        const int n = uses->nelts - i < BATCH ? uses->nelts - i : BATCH;

        /* Failures are told by the database's own part. */
        if (cloudep_sessions_slide(config->run->db, p, batch, n, config->refresh_idle) != APR_SUCCESS && !last) {
            put_back(activity, p, batch, n);
        }
    }
    apr_pool_destroy(taken);
}

static void start_server(struct server_rec *s, const cloudep_config_t *config, void *pchildv)
{
    apr_pool_t *pchild = pchildv;
    cloudep_activity_t *activity = apr_pcalloc(pchild, sizeof(*activity));
    apr_status_t rv;

    if (!config->run->db) {
        return;
    }
    activity->config = config;
    rv = apr_thread_mutex_create(&activity->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create_unmanaged_ex(&activity->pool, NULL, NULL);
    }
    if (rv == APR_SUCCESS) {
        activity->notes = apr_hash_make(activity->pool);
        rv = cloudep_background_start(&activity->background, pchild, apr_time_from_sec(interval_of(config)), write_down,
                                      activity);
    }
    if (rv != APR_SUCCESS) {
        const cloudep_context_t *ctx = cloudep_thread_context(s, pchild);

        CLOUDEP_LOG(ctx, ERR, rv,
                    CENO(1382) "when sessions are used is not written by this child: those with a cookie end early");
        return;
    }
    config->run->activity = activity;
}

void cloudep_activity_start(struct server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_each_runtime(main_server, start_server, pchild);
}
