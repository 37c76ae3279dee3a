/*
 * mod_reference.c - what httpd and mod_dbd can do at best: one prepared select and a fixed body.
 *
 * GET /members/me is measured against this handler. It reads a row of the same width by the same key, through the
 * same pool, and formats nothing.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_log.h>
#include <apr_dbd.h>
#include <mod_dbd.h>
#include <apr_strings.h>

APLOG_USE_MODULE(reference);

#define LABEL "reference_select"

static const char *prepare(cmd_parms *cmd, void *dir, const char *sql)
{
    (void)dir;
    ap_dbd_prepare(cmd->server, sql, LABEL);
    return NULL;
}

static int handler(request_rec *r)
{
    static const char body[] = "{\"code\":102000,\"message\":\"SUCCESS\",\"data\":{}}";
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    apr_dbd_prepared_t *statement;
    const char *args[3];
    char *query;
    ap_dbd_t *dbd;
    int rv;

    if (!r->handler || strcmp(r->handler, "reference")) {
        return DECLINED;
    }
    query = apr_pstrdup(r->pool, r->args ? r->args : "");
    for (int i = 0; i < 3; i++) {
        args[i] = apr_strtok(i ? NULL : query, "&", &query);
    }
    dbd = ap_dbd_open(r->pool, r->server);
    statement = dbd ? apr_hash_get(dbd->prepared, LABEL, APR_HASH_KEY_STRING) : NULL;
    if (!statement) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = apr_dbd_pselect(dbd->driver, r->pool, dbd->handle, &results, statement, 1, 3, args);
    if (rv == 0) {
        rv = apr_dbd_get_row(dbd->driver, r->pool, results, &row, 1);
    }
    ap_dbd_close(r->server, dbd);
    if (rv) {
        return HTTP_NOT_FOUND;
    }
    ap_set_content_type(r, "application/json");
    ap_rputs(body, r);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

static const command_rec commands[] = {
    AP_INIT_RAW_ARGS("ReferenceSelect", prepare, NULL, RSRC_CONF, "The statement, with three parameters"), {NULL}};

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA reference_module;
module AP_MODULE_DECLARE_DATA reference_module = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands,
                                                  register_hooks};
