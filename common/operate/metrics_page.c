/*
 * metrics_page.c - see metrics_page.h.
 */
#include "operate/metrics_page.h"

#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>
#include <apr_strings.h>
#include <string.h>
#include "access/mount.h"
#include "base/jose/jwk.h"
#include "base/store/outbox_store.h"
#include "base/version.h"
#include "core/runtime.h"
#include "core/start_checks.h"
#include "operate/exposition.h"

#define HANDLER "cloudep-metrics"
#define OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define PLAIN "text/plain; version=0.0.4; charset=utf-8"
#define ASKED_EVERY apr_time_from_sec(15)

/* ---- What the database knows ---------------------------------------------------------------------------- */

/* Whether it is this child's turn to ask. */
static int is_due(const char *key)
{
    cloudep_cell_t *cell = cloudep_cells_at(cloudep_shared_cells(), key);
    const apr_time_t now = apr_time_now();
    long long next = cell ? atomic_load(&cell->values[0]) : 0;

    /* A clock that was set back must not end it. */
    return cell && (next <= now || next > now + ASKED_EVERY) &&
           atomic_compare_exchange_strong(&cell->values[0], &next, now + ASKED_EVERY);
}

static void ask(server_rec *s, const cloudep_config_t *config, void *pv)
{
    static const char *const channels[] = {CLOUDEP_CHANNEL_MAIL, CLOUDEP_CHANNEL_SMS};
    apr_pool_t *p = pv;
    const char *server = apr_psprintf(p, "%s:%d", s->server_hostname, (int)s->port);
    cloudep_outbox_waiting_t waiting;

    if (!config->run->db || !config->run->outbox_setup || !is_due(apr_pstrcat(p, "outbox\n", server, NULL))) {
        return;
    }
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        if (cloudep_outbox_waiting(config->run->db, p, &waiting, channels[i]) == APR_SUCCESS) {
            cloudep_value_set(CLOUDEP_METRIC_OUTBOX_WAITING, server, channels[i], waiting.messages);
            cloudep_value_set(CLOUDEP_METRIC_OUTBOX_OLDEST, server, channels[i], waiting.oldest);
        }
    }
}

/* ---- What the configuration knows ------------------------------------------------------------------------ */

#define KEY_AGE "cloudep_key_age_seconds"

static void expose_age(const cloudep_exposition_t *to, const char *server, const char *keys, const cloudep_jwk_t *key)
{
    const apr_time_t created = key ? cloudep_jwk_created(key) : 0;

    if (created) {
        cloudep_expose_sample(to, KEY_AGE, "", "server,keys", server, keys, apr_time_sec(apr_time_now() - created));
    }
}

static void expose_ages(server_rec *s, const cloudep_config_t *config, void *pv)
{
    const cloudep_exposition_t *to = pv;
    char server[256];

    (void)apr_snprintf(server, sizeof(server), "%s:%d", s->server_hostname, (int)s->port);
    expose_age(to, server, "signing", cloudep_jwks_active(config->run->signing, CLOUDEP_KEY_SIGN));
    expose_age(to, server, "sealing", cloudep_jwks_active(config->run->sealing, CLOUDEP_KEY_SEAL));
}

/* ---- The page ------------------------------------------------------------------------------------------- */

static void write_page(request_rec *r, cloudep_exposition_t *to, cloudep_cells_t *cells)
{
    cloudep_expose_family(to, "cloudep_build_info", "gauge", "Version of CloudEP and of httpd");
    cloudep_expose_sample(to, "cloudep_build_info", "", "version,httpd", CLOUDEP_VERSION, ap_get_server_banner(), 1);
    cloudep_expose_cells(to, cells, r->pool);
    cloudep_expose_family(to, KEY_AGE, "gauge", "Since the key in use was made");
    cloudep_each_runtime(ap_server_conf, expose_ages, to);
    cloudep_expose_family(to, "cloudep_metrics_cells_refused", "counter", "Numbers that found no room");
    cloudep_expose_sample(to, "cloudep_metrics_cells_refused", "_total", "", "", "",
                          (long long)atomic_load(&cells->refused));
    if (to->open) {
        (void)apr_brigade_puts(to->out, NULL, NULL, "# EOF\n");
    }
}

static int handler(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *mount = cloudep_mount_path(r);
    cloudep_cells_t *cells = cloudep_shared_cells();
    cloudep_exposition_t to = {.open = accept && ap_strstr_c(accept, "application/openmetrics-text")};

    if (!r->handler || strcmp(r->handler, HANDLER) || r->main || !mount) {
        return DECLINED;
    }
    if (strcmp(r->uri, mount) != 0) {
        return HTTP_NOT_FOUND;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!cells) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    cloudep_each_runtime(ap_server_conf, ask, r->pool);
    ap_set_content_type(r, to.open ? OPEN : PLAIN);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Vary", "Accept");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    to.out = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    write_page(r, &to, cells);
    APR_BRIGADE_INSERT_TAIL(to.out, apr_bucket_eos_create(r->connection->bucket_alloc));
    return ap_pass_brigade(r->output_filters, to.out) == APR_SUCCESS ? OK : AP_FILTER_ERROR;
}

/* ---- mod_status ----------------------------------------------------------------------------------------- */

/* Sums of each metric: what one looks for first. */
static int status_section(request_rec *r, int flags)
{
    cloudep_cells_t *cells = cloudep_shared_cells();
    long long sums[CLOUDEP_METRIC_COUNT] = {0};
    const int is_short = flags & AP_STATUS_SHORT;

    for (apr_uint32_t i = 0; cells && i < cells->count; i++) {
        cloudep_series_t series;

        if (cloudep_series_read(&series, &cells->cells[i])) {
            sums[series.metric] += series.values[0];
        }
    }
    if (!is_short) {
        ap_rputs("<hr />\n<h2>CloudEP " CLOUDEP_VERSION "</h2>\n<dl>\n", r);
    }
    for (int i = 0; i < CLOUDEP_METRIC_COUNT; i++) {
        if (cloudep_metrics[i].kind == CLOUDEP_HISTOGRAM) {
            continue;
        }
        if (is_short) {
            ap_rprintf(r, "%s: %" APR_INT64_T_FMT "\n", cloudep_metrics[i].name, (apr_int64_t)sums[i]);
        }
        else {
            ap_rprintf(r, "<dt>%s: %" APR_INT64_T_FMT "</dt>\n", cloudep_metrics[i].help, (apr_int64_t)sums[i]);
        }
    }
    if (!is_short) {
        ap_rputs("</dl>\n", r);
    }
    return OK;
}

void cloudep_metrics_page_register_hooks(apr_pool_t *p)
{
    cloudep_handler_register(p, HANDLER);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, status_section, NULL, NULL, APR_HOOK_MIDDLE);
}
