/*
 * health.c - see health.h.
 */
#include "operate/health.h"

#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "access/mount.h"
#include "base/cells.h"
#include "base/semaphore.h"
#include "base/text/json.h"
#include "core/runtime.h"
#include "core/start_checks.h"
#include "operate/health_checks.h"

#define HANDLER "cloudep-health"
#define KEPT apr_time_from_sec(1)

/* The answer of /ready in this child. */
typedef struct cloudep_health_t {
    const server_rec *s;
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_thread_cond_t *found;
    int looking;      /* somebody looks now */
    char *text;       /* malloc'ed; NULL: nobody has looked yet */
    int ready;        /* it says so */
    apr_time_t until; /* monotonic: it is good until then */
} cloudep_health_t;

static const char *const words[] = {"pass", "warn", "fail"};

apr_status_t cloudep_health_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_health_t *health = apr_pcalloc(pchild, sizeof(*health));
    apr_status_t rv = apr_thread_mutex_create(&health->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&health->found, pchild);
    }
    health->s = s;
    config->run->health = rv == APR_SUCCESS ? health : NULL;
    return rv;
}

/* Since when a part has the status that it has, for all children and over restarts. */
static apr_time_t since(const cloudep_health_t *health, const cloudep_finding_t *finding, apr_pool_t *p)
{
    enum { STATUS, SINCE };
    const char *key =
        apr_psprintf(p, "health\n%s:%d\n%s", health->s->server_hostname, (int)health->s->port, finding->name);
    cloudep_cell_t *cell = cloudep_shared_cells() ? cloudep_cells_at(cloudep_shared_cells(), key) : NULL;
    const apr_time_t now = apr_time_now();

    if (!cell) {
        return now;
    }
    /* 0 is that of a new cell. */
    if (atomic_exchange(&cell->values[STATUS], (long long)finding->status + 1) != (long long)finding->status + 1) {
        atomic_store(&cell->values[SINCE], now);
    }
    return atomic_load(&cell->values[SINCE]);
}

static const char *moment(apr_time_t time, apr_pool_t *p)
{
    apr_time_exp_t at;

    (void)apr_time_exp_gmt(&at, time);
    return apr_psprintf(p, "%04d-%02d-%02dT%02d:%02d:%02dZ", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour,
                        at.tm_min, at.tm_sec);
}

/* Writes down what was found; *ready: nothing fails. NULL: out of memory. */
static const char *describe(const cloudep_health_t *health, const apr_array_header_t *findings, int *ready,
                            apr_pool_t *p)
{
    json_t *checks = json_object();
    cloudep_health_e worst = CLOUDEP_HEALTH_PASS;

    for (int i = 0; i < findings->nelts; i++) {
        const cloudep_finding_t *finding = &APR_ARRAY_IDX(findings, i, cloudep_finding_t);

        (void)json_object_set_new(checks, finding->name,
                                  json_pack("[{s:s, s:s, s:s*}]", "status", words[finding->status], "since",
                                            moment(since(health, finding, p), p), "output", finding->output));
        worst = finding->status > worst ? finding->status : worst;
    }
    *ready = worst != CLOUDEP_HEALTH_FAIL;
    return cloudep_json_text(cloudep_json_own(json_pack("{s:s, s:o}", "status", words[worst], "checks", checks), p), p);
}

/* Under the mutex, which it leaves while it looks. */
static void look(cloudep_health_t *health, const cloudep_config_t *config, apr_pool_t *p)
{
    const char *text;
    char *copy;
    int ready = 0;

    health->looking = 1;
    apr_thread_mutex_unlock(health->mutex);
    text = describe(health, cloudep_health_look(config, p), &ready, p);
    copy = text ? strdup(text) : NULL;
    apr_thread_mutex_lock(health->mutex);
    if (copy) {
        free(health->text);
        health->text = copy;
        health->ready = ready;
    }
    health->until = cloudep_monotonic_now() + KEPT;
    health->looking = 0;
    apr_thread_cond_broadcast(health->found);
}

/* The answer from p; NULL: there is none. */
static const char *answer(cloudep_health_t *health, const cloudep_config_t *config, int *ready, apr_pool_t *p)
{
    const char *text;

    apr_thread_mutex_lock(health->mutex);
    while (health->looking && !health->text) {
        (void)apr_thread_cond_wait(health->found, health->mutex);
    }
    if (!health->looking && cloudep_monotonic_now() >= health->until) {
        look(health, config, p);
    }
    text = health->text ? apr_pstrdup(p, health->text) : NULL;
    *ready = health->ready;
    apr_thread_mutex_unlock(health->mutex);
    return text;
}

static int say(request_rec *r, int ready, const char *text)
{
    r->status = ready ? HTTP_OK : HTTP_SERVICE_UNAVAILABLE;
    ap_set_content_type(r, "application/health+json");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    ap_set_content_length(r, (apr_off_t)strlen(text));
    ap_rputs(text, r);
    return OK;
}

static int handler(request_rec *r)
{
    const cloudep_config_t *config = cloudep_config_of(r->server);
    const char *mount = cloudep_mount_path(r);
    const char *path, *text;
    int ready = 0;

    if (!r->handler || strcmp(r->handler, HANDLER) || r->main || !mount) {
        return DECLINED;
    }
    path = r->uri + strlen(mount);
    if (strcmp(path, "/live") != 0 && strcmp(path, "/ready") != 0) {
        return HTTP_NOT_FOUND;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!strcmp(path, "/live")) {
        return say(r, 1, "{\"status\":\"pass\"}");
    }
    text = config->run->health ? answer(config->run->health, config, &ready, r->pool) : NULL;
    return text ? say(r, ready, text) : HTTP_SERVICE_UNAVAILABLE;
}

void cloudep_health_register_hooks(apr_pool_t *p)
{
    cloudep_handler_register(p, HANDLER);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}
