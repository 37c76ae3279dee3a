/*
 * dispatch.c - from a request to its operation, by the table of the API, and back to an answer.
 */
#include "wire/wire.h"

#include <http_protocol.h>
#include <apr_strings.h>
#include "access/asked.h"
#include "access/cors.h"
#include "access/delivery.h"
#include "access/mount.h"
#include "access/origin.h"
#include "access/place.h"
#include "access/tls.h"
#include "access/xsrf.h"
#include "base/metrics.h"
#include "base/text/validate.h"
#include "core/config.h"
#include "core/request.h"
#include "flow/session.h"
#include "service/event.h"

#define ID_SEGMENT "{id}"

/* HEAD stands for a GET that only reads. A GET that does something, as a social callback does, is not done by HEAD. */
static int answers_head(const cloudep_operation_t *operation)
{
    return !strcmp(operation->method, "GET") && (operation->flags & CLOUDEP_OPERATION_QUIET);
}

static int is_head(const request_rec *r)
{
    return r->method_number == M_GET && r->header_only;
}

static int has_method(const cloudep_operation_t *operation, const request_rec *r)
{
    if (r->method_number == M_OPTIONS && (operation->flags & CLOUDEP_OPERATION_FORWARD_AUTH)) {
        return 1;
    }
    return is_head(r) ? answers_head(operation) : !strcmp(operation->method, r->method);
}

/* Whether a path is of a pattern. *id is what stands for {id}, NULL where the pattern has none. */
static int has_path(apr_pool_t *p, const char *pattern, const char *path, const char **id)
{
    const char *segment = ap_strstr_c(pattern, ID_SEGMENT);
    apr_size_t before = segment ? (apr_size_t)(segment - pattern) : 0;
    apr_size_t length;

    *id = NULL;
    if (!segment) {
        return !strcmp(pattern, path);
    }
    if (strncmp(pattern, path, before)) {
        return 0;
    }
    length = strcspn(path + before, "/");
    if (strcmp(path + before + length, segment + strlen(ID_SEGMENT))) {
        return 0;
    }
    *id = apr_pstrmemdup(p, path + before, length);
    return cloudep_is_id(*id);
}

/* Looks for the operation in one table. Appends to *methods, a list for Allow, those that the path has there. */
static void look_in(cloudep_call_t *call, const cloudep_operation_t *table, const char *path, const char **methods)
{
    apr_pool_t *p = call->ctx->p;
    const char *id;

    for (const cloudep_operation_t *operation = table; operation && operation->method; operation++) {
        if (!has_path(p, operation->path, path, &id)) {
            continue;
        }
        if (!call->operation && has_method(operation, call->r)) {
            call->operation = operation;
            call->id = id;
        }
        *methods = apr_pstrcat(p, *methods ? *methods : "OPTIONS", ", ", operation->method,
                               answers_head(operation) ? ", HEAD" : NULL, NULL);
    }
}

/* Sets the call's operation, and its id. PATH_UNKNOWN, or METHOD_NOT_ALLOWED with the header Allow. */
static cloudep_outcome_t find_operation(cloudep_call_t *call)
{
    request_rec *r = call->r;
    const char *mount = cloudep_mount_path(r);
    const char *begins = mount ? mount : call->api->prefix;
    const size_t prefix = strlen(begins);
    const char *methods = NULL;

    if (strncmp(r->uri, begins, prefix) || (r->uri[prefix] && r->uri[prefix] != '/')) {
        return cloudep_refuse(CLOUDEP_PATH_UNKNOWN);
    }
    if (cloudep_uses_session_cookie(r)) {
        look_in(call, call->api->cookie_operations, r->uri + prefix, &methods);
    }
    look_in(call, call->api->operations, r->uri + prefix, &methods);
    if (call->operation) {
        return cloudep_done();
    }
    if (!methods) {
        return cloudep_refuse(CLOUDEP_PATH_UNKNOWN);
    }
    apr_table_setn(r->headers_out, "Allow", methods);
    return cloudep_refuse(CLOUDEP_METHOD_NOT_ALLOWED);
}

/* The flow's input, empty but for the id. */
static void make_input(cloudep_call_t *call)
{
    const cloudep_operation_t *operation = call->operation;

    call->in = operation->size ? apr_pcalloc(call->ctx->p, operation->size) : NULL;
    if (call->id && call->in) {
        *(const char **)(void *)((char *)call->in + operation->id_at) = call->id;
    }
}

/* A Location with a tenant is for that tenant's members only. */
static int is_of_tenant(const cloudep_call_t *call)
{
    const char *tenant = cloudep_mount_tenant(call->r);
    const char *slug = call->principal->tenant_slug;

    return !tenant || !slug || !strcmp(tenant, slug);
}

static int is_unknown(cloudep_outcome_t outcome)
{
    return outcome.reason == CLOUDEP_TOKEN_MISSING || outcome.reason == CLOUDEP_TOKEN_INVALID;
}

/* Sets the call's principal. Done with none: whoever is not known may come all the same. */
static cloudep_outcome_t find_principal(cloudep_call_t *call)
{
    const unsigned flags = call->operation->flags;
    cloudep_outcome_t outcome;

    if (!(flags & CLOUDEP_OPERATION_MEMBER)) {
        return cloudep_done();
    }
    if ((flags & CLOUDEP_OPERATION_FORWARD_AUTH) && cloudep_place_of(call->r)->session_cookie > 0) {
        cloudep_ask_for_another(call->r);
    }
    outcome = call->api->style->authenticate(call, &call->principal);
    if (!cloudep_failed(outcome) && !is_of_tenant(call)) {
        call->principal = NULL;
        return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
    }
    if (!(flags & CLOUDEP_OPERATION_FORWARD_AUTH) || !is_unknown(outcome)) {
        return outcome;
    }
    call->unknown = outcome;
    return cloudep_done();
}

/* Whether a browser does something by it: any method but GET, and a GET that does not only read. */
static int does_something(const cloudep_operation_t *operation)
{
    return strcmp(operation->method, "GET") != 0 ||
           !(operation->flags & (CLOUDEP_OPERATION_QUIET | CLOUDEP_OPERATION_FROM_ELSEWHERE));
}

/* A browser sends cookies with what other sites make it send, too. */
static cloudep_outcome_t check_browser(cloudep_call_t *call)
{
    request_rec *r = call->r;

    if (call->ctx->config->off & CLOUDEP_NEEDS_SESSION_KEYS) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    if (does_something(call->operation) && cloudep_is_cross_site(r, cloudep_listed_origins(r))) {
        return cloudep_refuse(CLOUDEP_CROSS_SITE);
    }
    if (r->method_number != M_GET && r->method_number != M_OPTIONS && !cloudep_xsrf_holds(r)) {
        const apr_status_t rv = cloudep_xsrf_offer(r);

        return rv == APR_SUCCESS ? cloudep_refuse(CLOUDEP_XSRF_REQUIRED)
                                 : cloudep_failure(call->ctx, rv, "making an XSRF token");
    }
    return cloudep_done();
}

/* What was done stays done, also where the cookie keeps its value. */
static void renew_cookie(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    const cloudep_outcome_t outcome = cloudep_renew_session(call->ctx, call->principal, &session);

    if (!cloudep_failed(outcome)) {
        (void)cloudep_give_session(call->r, session);
    }
}

/* Everything from the operation up to and with its flow. *rc is not OK when httpd has to answer with it. */
static cloudep_outcome_t run(cloudep_call_t *call, int *rc)
{
    const cloudep_operation_t *operation = call->operation;
    cloudep_outcome_t outcome;

    if (!(operation->flags & CLOUDEP_OPERATION_FORWARD_AUTH) && cloudep_is_in_the_clear(call->r)) {
        return cloudep_refuse(CLOUDEP_TLS_REQUIRED);
    }
    if ((call->ctx->config->off & operation->needs) ||
        ((operation->needs & CLOUDEP_NEEDS_TENANT) && !cloudep_mount_tenant(call->r))) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    if (cloudep_uses_session_cookie(call->r) && !(operation->flags & CLOUDEP_OPERATION_FORM)) {
        outcome = check_browser(call);
        if (cloudep_failed(outcome)) {
            return outcome;
        }
    }
    outcome = cloudep_check_body_headers(call);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = find_principal(call);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    make_input(call);
    outcome = cloudep_read_fields(call, rc);
    if (cloudep_failed(outcome) && (operation->flags & CLOUDEP_OPERATION_MEMBER) && !call->principal) {
        return call->unknown; /* whoever is not known is told nothing about a query */
    }
    if (cloudep_failed(outcome) || *rc != OK) {
        return outcome;
    }
    outcome = call->operation->run(call); /* the shape that the body is of */
    if (!cloudep_failed(outcome) && (operation->flags & CLOUDEP_OPERATION_RENEWS) && call->principal->cookie_seq) {
        renew_cookie(call);
    }
    return outcome;
}

/* Whoever is known by their session is whom the event is about. */
static void write_event(cloudep_call_t *call, cloudep_outcome_t outcome)
{
    const cloudep_principal_t *who = call->principal;

    if (call->operation->flags & CLOUDEP_OPERATION_QUIET) {
        return;
    }
    if (who) {
        cloudep_note(call->ctx, who->tenant_id, who->uid, call->ctx->note.method ? NULL : "token");
    }
    cloudep_event(call->ctx, call->operation->name, outcome, call->api->style->code(call, outcome), who != NULL);
}

static void count_operation(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    const char *reason = cloudep_reason_word(outcome.reason);

    cloudep_count(CLOUDEP_METRIC_OPERATIONS, call->operation->name, reason, 1);
    cloudep_observe(CLOUDEP_METRIC_OPERATION_TIME, call->operation->name, apr_time_now() - call->ctx->now);
    if (outcome.retry_after) {
        cloudep_count(CLOUDEP_METRIC_BUDGETS, reason, NULL, 1);
    }
}

/* What is wrong with fields: what reading them found, or the one that the flow refused; NULL: none. */
static const apr_array_header_t *errors_of(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    const char *name = outcome.rule ? cloudep_field_name(call, outcome.field) : NULL;
    apr_array_header_t *errors;

    if (!name) {
        return call->field_errors;
    }
    errors = apr_array_make(call->ctx->p, 1, sizeof(cloudep_field_error_t));
    APR_ARRAY_PUSH(errors, cloudep_field_error_t) =
        (cloudep_field_error_t){.field = name, .rule = outcome.rule, .reason = outcome.why};
    return errors;
}

static int reply(cloudep_call_t *call, cloudep_outcome_t outcome)
{
    const cloudep_style_t *style = call->api->style;
    cloudep_answer_t answer;

    if (!cloudep_failed(outcome) && call->document) {
        return cloudep_send_document(call->r, call->document);
    }
    if (!cloudep_failed(outcome) && call->location) {
        return cloudep_send_redirect(call->r, call->location);
    }
    answer = cloudep_failed(outcome) ? style->refuse(call, outcome, errors_of(call, outcome)) : style->answer(call);
    return cloudep_send(call->r, &answer, outcome);
}

static apr_status_t drop_data(void *callv)
{
    json_decref(((cloudep_call_t *)callv)->data);
    return APR_SUCCESS;
}

int cloudep_serve(request_rec *r, const cloudep_api_t *api)
{
    cloudep_call_t *call;
    cloudep_outcome_t outcome;
    int rc = OK;

    if (!r->handler || strcmp(r->handler, api->handler) || r->main) {
        return DECLINED;
    }
    call = apr_pcalloc(r->pool, sizeof(*call));
    apr_pool_cleanup_register(r->pool, call, drop_data, apr_pool_cleanup_null);
    call->r = r;
    call->api = api;
    call->ctx = cloudep_request_context(r);
    outcome = find_operation(call);
    if (outcome.reason == CLOUDEP_METHOD_NOT_ALLOWED && r->method_number == M_OPTIONS) {
        cloudep_cors_preflight(r);
        return reply(call, cloudep_done()); /* Allow tells the methods */
    }
    if (cloudep_failed(outcome)) {
        return reply(call, outcome);
    }
    outcome = run(call, &rc);
    if (rc != OK) {
        return rc;
    }
    write_event(call, outcome);
    count_operation(call, outcome);
    return reply(call, outcome);
}
