/*
 * style.c - how v1 reads who asks, and writes answers.
 */
#include "wire/v1/v1.h"

#include <apr_strings.h>
#include "access/authn.h"
#include "access/place.h"
#include "base/text/accept.h"
#include "base/text/json.h"
#include "core/request.h"
#include "service/token.h"

/* The languages that v1 has messages in (codes.c); what is in none of them is told in the first. */
static const char *const languages[] = {"en", "zh-TW", NULL};

const char *cloudep_v1_language(const cloudep_context_t *ctx)
{
    return cloudep_accept_language(ctx->languages, languages);
}

const char *cloudep_v1_language_of(const cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const cloudep_field_t *field = call->operation && call->in ? call->operation->fields : NULL;

    for (; field && field->name; field++) {
        const char *named = field->type == CLOUDEP_FIELD_LANGUAGE
                                ? *(const char *const *)(const void *)((const char *)call->in + field->at)
                                : NULL;

        if (named && *named) {
            return named;
        }
    }
    return who && who->member && who->member->language ? who->member->language : cloudep_v1_language(call->ctx);
}

static cloudep_outcome_t authenticate(cloudep_call_t *call, const cloudep_principal_t **principal)
{
    return cloudep_authenticate(call->r, 1, principal);
}

static cloudep_answer_t answer(cloudep_call_t *call)
{
    apr_pool_t *p = call->ctx->p;
    const char *data = call->data ? cloudep_json_text(call->data, p) : "";
    cloudep_answer_t success = {.status = HTTP_OK, .type = CLOUDEP_V1_TYPE};

    if (data) {
        success.text = apr_psprintf(p, "{\"code\":%d,\"message\":\"SUCCESS\"%s%s}", CLOUDEP_V1_SUCCESS,
                                    call->data ? ",\"data\":" : "", data);
    }
    return success;
}

/* {"code", "reason", "message", "request_id"}; NULL: it could not be made. */
static json_t *refusal(request_rec *r, cloudep_v1_code_t code, cloudep_reason_e reason)
{
    return cloudep_json_own(json_pack("{si,ss,ss,ss}", "code", code.code, "reason", cloudep_reason_word(reason),
                                      "message", code.message, "request_id", cloudep_request_id(r)),
                            r->pool);
}

const char *cloudep_v1_refusal(request_rec *r, cloudep_v1_code_t code, cloudep_reason_e reason)
{
    return cloudep_json_text(refusal(r, code, reason), r->pool);
}

static json_t *error_list(const apr_array_header_t *errors)
{
    json_t *list = json_array();

    for (int i = 0; i < errors->nelts; i++) {
        const cloudep_field_error_t *error = &APR_ARRAY_IDX(errors, i, cloudep_field_error_t);

        (void)json_array_append_new(
            list, json_pack("{ss,ss,ss}", "field", error->field, "rule", error->rule, "reason", error->reason));
    }
    return list;
}

static cloudep_answer_t refuse(cloudep_call_t *call, cloudep_outcome_t outcome, const apr_array_header_t *errors)
{
    const char *language = cloudep_v1_language_of(call);
    cloudep_v1_code_t code = cloudep_v1_code(call->operation, outcome.reason, language);
    json_t *envelope;

    if (outcome.why && !outcome.rule && code.english) {
        code.message = outcome.why; /* more exact than the reason's own */
    }
    envelope = refusal(call->r, code, outcome.reason);
    if (envelope && errors && code.status == HTTP_BAD_REQUEST) {
        (void)json_object_set_new(envelope, "errors", error_list(errors));
    }
    return (cloudep_answer_t){code.status, cloudep_json_text(envelope, call->ctx->p), CLOUDEP_V1_TYPE};
}

static const char *code_of(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    return apr_itoa(call->ctx->p, cloudep_v1_code(call->operation, outcome.reason, NULL).code);
}

const cloudep_style_t cloudep_v1 = {
    .name = "v1", .authenticate = authenticate, .answer = answer, .refuse = refuse, .code = code_of};

static cloudep_outcome_t give_cookie(cloudep_call_t *call, const cloudep_session_t *session)
{
    const cloudep_outcome_t outcome = cloudep_enter_session(call, session);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "uid", session->uid);
    }
    return outcome;
}

cloudep_outcome_t cloudep_v1_tokens(cloudep_call_t *call, const cloudep_session_t *session)
{
    cloudep_tokens_t tokens;
    cloudep_outcome_t outcome;

    if (cloudep_uses_session_cookie(call->r)) {
        return give_cookie(call, session);
    }
    outcome = cloudep_issue_tokens(call->ctx, session, &tokens);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    call->data = json_pack("{ss,ss,sI,ss,ss}", "access_token", tokens.access, "refresh_token", tokens.refresh,
                           "expires_in", (json_int_t)tokens.expires_in, "uid", session->uid, "token_type", "Bearer");
    return cloudep_done();
}

void cloudep_v1_challenge(cloudep_call_t *call, const char *challenge_id, apr_int64_t expires_in)
{
    call->data = json_pack("{ss,sI}", "challenge_id", challenge_id, "expires_in", (json_int_t)expires_in);
}

cloudep_outcome_t cloudep_v1_backup_codes(cloudep_call_t *call, const apr_array_header_t *codes)
{
    json_t *list = json_array();

    for (int i = 0; i < codes->nelts; i++) {
        (void)json_array_append_new(list, json_string(APR_ARRAY_IDX(codes, i, const char *)));
    }
    call->data = json_pack("{so}", "backup_codes", list);
    return cloudep_done();
}

cloudep_outcome_t cloudep_v1_ok(cloudep_call_t *call, cloudep_outcome_t outcome)
{
    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{sb}", "ok", 1);
    }
    return outcome;
}
