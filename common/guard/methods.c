/*
 * methods.c - TRACE and "OPTIONS *", which httpd answers with 200 before it knows of any guard.
 *
 * A server that asks us whether a request may pass, as Envoy does, takes 200 for yes. So TRACE (RFC 9110 9.3.8) is off
 * on every server with CloudEPDatabase On, and "OPTIONS *" where the whole server is guarded.
 */
#include "guard/guard.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include "core/config.h"
#include "core/runtime.h"

/* httpd looks for no Location in "*": the one of the whole server is what holds. */
static int is_server_guarded(request_rec *r)
{
    ap_conf_vector_t *before = r->per_dir_config;
    char *uri = r->uri;
    int found;

    r->uri = apr_pstrdup(r->pool, "/");
    found = ap_location_walk(r) == OK && cloudep_is_guarded(r);
    r->uri = uri;
    r->per_dir_config = before;
    return found;
}

static int refuse_method(request_rec *r)
{
    const int trace = r->method_number == M_TRACE;

    if ((!trace && (!r->uri || strcmp(r->uri, "*"))) || !cloudep_config_of(r->server)->database) {
        return DECLINED;
    }
    return trace || is_server_guarded(r) ? HTTP_METHOD_NOT_ALLOWED : DECLINED;
}

/* So that no header Allow names TRACE. */
static int turn_trace_off(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)pconf;
    (void)plog;
    (void)ptemp;
    for (server_rec *s = main_server; s; s = s->next) {
        core_server_config *core = ap_get_core_module_config(s->module_config);

        if (cloudep_config_of(s)->database) {
            core->trace_enable = AP_TRACE_DISABLE;
        }
    }
    return OK;
}

void cloudep_methods_register_hooks(void)
{
    ap_hook_post_config(turn_trace_off, NULL, NULL, APR_HOOK_LAST);
    ap_hook_map_to_storage(refuse_method, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
