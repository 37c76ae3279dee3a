/*
 * style.c - how the style "account" reads who asks, and writes answers.
 */
#include "wire/account/account.h"

#include <apr_strings.h>
#include "access/authn.h"
#include "base/text/json.h"
#include "service/token.h"
#include "wire/v1/v1.h"

#define TYPE "application/json; charset=utf-8"

static cloudep_outcome_t authenticate(cloudep_call_t *call, const cloudep_principal_t **principal)
{
    return cloudep_authenticate(call->r, 1, principal);
}

static cloudep_answer_t answer(cloudep_call_t *call)
{
    const char *data = call->data ? cloudep_json_text(call->data, call->ctx->p) : "{}";
    cloudep_answer_t success = {.status = HTTP_OK, .type = TYPE};

    if (data) {
        success.text = apr_pstrcat(call->ctx->p, "{\"ok\":true,\"data\":", data, "}", NULL);
    }
    return success;
}

static json_t *refusal_json(const cloudep_account_refusal_t *refusal)
{
    return json_pack("{sb,ss,ss}", "ok", 0, "error", refusal->error, "reason", refusal->word);
}

const char *cloudep_account_refusal_text(apr_pool_t *p, const cloudep_account_refusal_t *refusal)
{
    return cloudep_json_text(cloudep_json_own(refusal_json(refusal), p), p);
}

/* One sentence about the first field that is at fault. */
static void tell_field(cloudep_call_t *call, json_t *json, const cloudep_field_error_t *error)
{
    const char *sentence = apr_pstrcat(call->ctx->p, error->field, " ", error->reason, NULL);

    (void)json_object_set_new(json, "error", json_string(sentence));
    (void)json_object_set_new(json, "field", json_string(error->field));
}

static cloudep_answer_t refuse(cloudep_call_t *call, cloudep_outcome_t outcome, const apr_array_header_t *errors)
{
    apr_pool_t *p = call->ctx->p;
    const cloudep_account_refusal_t refusal =
        cloudep_account_refusal(p, call->operation, outcome.reason, cloudep_v1_language_of(call));
    json_t *json = cloudep_json_own(refusal_json(&refusal), p);

    if (json && errors && errors->nelts) {
        tell_field(call, json, &APR_ARRAY_IDX(errors, 0, cloudep_field_error_t));
    }
    return (cloudep_answer_t){refusal.status, cloudep_json_text(json, p), TYPE};
}

static const char *code_of(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    return cloudep_account_refusal(call->ctx->p, call->operation, outcome.reason, NULL).word;
}

const cloudep_style_t cloudep_account_style = {
    .name = "account", .authenticate = authenticate, .answer = answer, .refuse = refuse, .code = code_of};

cloudep_outcome_t cloudep_account_tokens(cloudep_call_t *call, const cloudep_session_t *session)
{
    cloudep_tokens_t tokens;
    cloudep_outcome_t outcome = cloudep_issue_tokens(call->ctx, session, &tokens);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss,sI}", "token", tokens.access, "refreshToken", tokens.refresh, "expiresIn",
                               (json_int_t)tokens.expires_in);
    }
    return outcome;
}

void cloudep_account_challenge(cloudep_call_t *call, const char *challenge_id, apr_int64_t expires_in)
{
    call->data = json_pack("{ss,sI}", "challengeId", challenge_id, "expiresIn", (json_int_t)expires_in);
}

cloudep_outcome_t cloudep_account_message(cloudep_call_t *call, cloudep_outcome_t outcome, const char *message)
{
    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "message", message);
    }
    return outcome;
}
