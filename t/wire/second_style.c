/*
 * second_style.c - a second API style, for t/wire/second_style.t: three operations on flows that are there, with field
 * names, answers and statuses of its own. It is what another style costs: a table and three writers, no flow.
 */
#include <httpd.h>
#include <http_config.h>
#include <jansson.h>
#include <stddef.h>
#include <apr_strings.h>
#include "access/authn.h"
#include "flow/login.h"
#include "flow/profile.h"
#include "flow/session.h"
#include "service/token.h"
#include "wire/wire.h"

/* ---- how it speaks ---- */

static const char *text_of(cloudep_call_t *call, const json_t *json)
{
    char *dump = json_dumps(json, JSON_COMPACT);
    const char *text = dump ? apr_pstrdup(call->ctx->p, dump) : NULL;

    free(dump);
    return text;
}

static cloudep_outcome_t authenticate(cloudep_call_t *call, const cloudep_principal_t **principal)
{
    return cloudep_authenticate(call->r, 1, principal);
}

static cloudep_answer_t answer(cloudep_call_t *call)
{
    return (cloudep_answer_t){HTTP_OK, text_of(call, call->data), "application/json"};
}

static int status_of(cloudep_reason_e reason)
{
    switch (reason) {
    case CLOUDEP_PATH_UNKNOWN:
        return HTTP_NOT_FOUND;
    case CLOUDEP_CREDENTIALS_WRONG:
    case CLOUDEP_TOKEN_MISSING:
    case CLOUDEP_TOKEN_INVALID:
    case CLOUDEP_REFRESH_TOKEN_INVALID:
        return HTTP_UNAUTHORIZED;
    case CLOUDEP_DATABASE_FAILED:
    case CLOUDEP_INTERNAL_ERROR:
    case CLOUDEP_OVERLOADED:
        return HTTP_SERVICE_UNAVAILABLE;
    default:
        return HTTP_UNPROCESSABLE_ENTITY;
    }
}

static cloudep_answer_t refuse(cloudep_call_t *call, cloudep_outcome_t outcome, const apr_array_header_t *errors)
{
    json_t *json = json_pack("{ss}", "failure", cloudep_reason_word(outcome.reason));
    cloudep_answer_t refusal = {.status = status_of(outcome.reason), .type = "application/json"};

    for (int i = 0; errors && i < errors->nelts; i++) {
        const cloudep_field_error_t *error = &APR_ARRAY_IDX(errors, i, cloudep_field_error_t);

        (void)json_object_set_new(json, error->field, json_string(error->rule));
    }
    refusal.text = text_of(call, json);
    json_decref(json);
    return refusal;
}

static const char *code(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    (void)call;
    return cloudep_reason_word(outcome.reason);
}

static const cloudep_style_t style = {
    .name = "second", .authenticate = authenticate, .answer = answer, .refuse = refuse, .code = code};

/* ---- what it does ---- */

static cloudep_outcome_t answer_session(cloudep_call_t *call, const cloudep_session_t *session)
{
    cloudep_tokens_t tokens;
    cloudep_outcome_t outcome = cloudep_issue_tokens(call->ctx, session, &tokens);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss}", "pass", tokens.access, "renewal", tokens.refresh);
    }
    return outcome;
}

static const cloudep_field_t enter_fields[] = {
    {.name = "company",
     .type = CLOUDEP_FIELD_SLUG,
     .at = offsetof(cloudep_login_t, tenant_slug),
     .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = "mail",
     .type = CLOUDEP_FIELD_EMAIL,
     .at = offsetof(cloudep_login_t, email),
     .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = "phrase",
     .type = CLOUDEP_FIELD_PASSWORD,
     .at = offsetof(cloudep_login_t, password),
     .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = NULL},
};

static cloudep_outcome_t run_enter(cloudep_call_t *call)
{
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome = cloudep_login(call->ctx, call->in, &result);

    if (cloudep_failed(outcome) || result.session) {
        return cloudep_failed(outcome) ? outcome : answer_session(call, result.session);
    }
    call->data = json_pack("{ss}", "second", result.mfa_challenge_id);
    return outcome;
}

typedef struct renew_t {
    const char *renewal;
} renew_t;

static const cloudep_field_t renew_fields[] = {
    {.name = "renewal", .type = CLOUDEP_FIELD_TOKEN, .at = offsetof(renew_t, renewal), .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = NULL},
};

static cloudep_outcome_t run_renew(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_refresh(call->ctx, ((const renew_t *)call->in)->renewal, &session);

    return cloudep_failed(outcome) ? outcome : answer_session(call, session);
}

static const cloudep_field_t name_fields[] = {
    {.name = "called",
     .type = CLOUDEP_FIELD_TEXT,
     .at = offsetof(cloudep_profile_t, display_name),
     .max = 20,
     .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = NULL},
};

static cloudep_outcome_t run_name(cloudep_call_t *call)
{
    const cloudep_member_t *member = NULL;
    cloudep_outcome_t outcome = cloudep_update_profile(call->ctx, call->principal, call->in, &member);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss}", "called", member->display_name, "mail", member->email);
    }
    return outcome;
}

#define STORED (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_SIGNING)

static const cloudep_operation_t operations[] = {
    {"POST", "/enter", "second.enter", STORED | CLOUDEP_NEEDS_PROVIDER, 0, enter_fields, sizeof(cloudep_login_t),
     .run = run_enter},
    {"POST", "/renew", "second.renew", STORED, 0, renew_fields, sizeof(renew_t), .run = run_renew},
    {"PUT", "/name", "second.name", STORED, CLOUDEP_OPERATION_MEMBER, name_fields, sizeof(cloudep_profile_t),
     .run = run_name},
    {NULL},
};

/* ---- where it is served ---- */

static const cloudep_api_t api = {"second-style", "/second", &style, operations};

static int handler(request_rec *r)
{
    return cloudep_serve(r, &api);
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA second_style_module;

AP_DECLARE_MODULE(second_style) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
