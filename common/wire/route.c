/*
 * route.c - from a request to its flow, by the table of the prefix.
 */
#include "core/private.h"

#include <http_protocol.h>
#include <apr_strings.h>
#include "base/crypto/random.h"

cloudep_request_t *cloudep_request(request_rec *r)
{
    cloudep_request_t *state = ap_get_module_config(r->request_config, &cloudep_module);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &cloudep_module, state);
    }
    return state;
}

const char *cloudep_request_id(request_rec *r)
{
    cloudep_request_t *state = cloudep_request(r);

    if (!state->id && cloudep_random_id(&state->id, r->pool) != APR_SUCCESS) {
        state->id = "unknown";
    }
    if (!r->log_id) {
        r->log_id = state->id; /* for %L in ErrorLogFormat and LogFormat */
    }
    return state->id;
}

const char *cloudep_text(const cloudep_call_t *call, int i)
{
    return call->fields[i].text;
}

static const char *methods_of(apr_pool_t *p, const cloudep_api_t *api, const char *path)
{
    const char *methods = "OPTIONS";

    for (const cloudep_route_t *route = api->routes; route->method; route++) {
        if (!strcmp(route->path, path)) {
            methods =
                apr_pstrcat(p, methods, ", ", route->method, strcmp(route->method, "GET") ? NULL : ", HEAD", NULL);
        }
    }
    return methods;
}

/* The route, or the problem: no such path, or not this method. */
static cloudep_problem_t *find_route(cloudep_call_t *call, const char *path)
{
    const char *method = call->r->method_number == M_GET ? "GET" : call->r->method;
    int known = 0;

    for (const cloudep_route_t *route = call->api->routes; route->method; route++) {
        if (!strcmp(route->path, path)) {
            known = 1;
            if (!strcmp(route->method, method)) {
                call->route = route;
                return NULL;
            }
        }
    }
    if (!known) {
        return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_ABSENT, "no such path");
    }
    apr_table_setn(call->r->headers_out, "Allow", methods_of(call->p, call->api, path));
    return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_UNSUPPORTED, "method not allowed on this path");
}

/* Everything up to and with the flow. *rc is not OK when httpd has to answer. */
static cloudep_problem_t *run(cloudep_call_t *call, int *rc)
{
    cloudep_problem_t *problem;

    if (call->config->off & call->route->needs) {
        return cloudep_problem(call, call->api->scope, CLOUDEP_UNCONFIGURED, "this operation is not configured");
    }
    problem = cloudep_check_body_headers(call);
    if (!problem && (call->route->flags & CLOUDEP_ROUTE_TOKEN)) {
        problem = cloudep_authenticate(call, &call->principal);
    }
    if (!problem) {
        problem = cloudep_read_fields(call, rc);
    }
    if (problem || *rc != OK) {
        return problem;
    }
    return call->route->flow(call);
}

static apr_status_t drop_data(void *callv)
{
    json_decref(((cloudep_call_t *)callv)->data);
    return APR_SUCCESS;
}

int cloudep_serve(request_rec *r, const cloudep_api_t *api)
{
    cloudep_call_t call = {.r = r, .p = r->pool, .api = api};
    cloudep_call_t *kept;
    cloudep_problem_t *problem;
    size_t length = strlen(api->prefix);
    int rc = OK;

    if (!r->handler || strcmp(r->handler, api->handler) || r->main) {
        return DECLINED;
    }
    kept = apr_pmemdup(r->pool, &call, sizeof(call));
    apr_pool_cleanup_register(r->pool, kept, drop_data, apr_pool_cleanup_null);
    kept->config = cloudep_config_of(r->server);
    (void)cloudep_request_id(r);
    if (strncmp(r->uri, api->prefix, length) || (r->uri[length] && r->uri[length] != '/')) {
        problem = cloudep_problem(kept, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_ABSENT, "no such path");
    }
    else {
        problem = find_route(kept, r->uri + length);
    }
    if (problem && r->method_number == M_OPTIONS && problem->category == CLOUDEP_UNSUPPORTED) {
        return cloudep_reply(r, NULL, NULL); /* Allow says it */
    }
    if (!problem) {
        problem = run(kept, &rc);
    }
    if (rc != OK) {
        return rc;
    }
    cloudep_event(kept, problem);
    return problem || !kept->document ? cloudep_reply(r, problem, kept->data)
                                      : cloudep_reply_document(r, kept->document);
}
