/*
 * style.c - how the style "session" reads who asks, and writes answers.
 */
#include "wire/session/session.h"

#include <apr_strings.h>
#include "access/authn.h"
#include "base/text/json.h"
#include "wire/v1/v1.h"

#define TYPE "application/json; charset=utf-8"

static cloudep_outcome_t authenticate(cloudep_call_t *call, const cloudep_principal_t **principal)
{
    return cloudep_authenticate(call->r, 1, principal);
}

static cloudep_answer_t answer(cloudep_call_t *call)
{
    return (cloudep_answer_t){HTTP_OK, call->data ? cloudep_json_text(call->data, call->ctx->p) : "{}", TYPE};
}

/*
 * Its contract has 400 for whatever is wrong with a request and 401 for who has no session. What any HTTP client knows,
 * 404 of a path, 405, 413, 415, 429 and the failures of the server, is as it is.
 */
static int status_of(cloudep_reason_e reason, int status)
{
    switch (reason) {
    case CLOUDEP_PATH_UNKNOWN:
        return HTTP_NOT_FOUND;
    case CLOUDEP_TENANT_UNKNOWN: /* CloudEPTenant names it, so that it is the operator's fault */
        return HTTP_NOT_IMPLEMENTED;
    case CLOUDEP_CREDENTIALS_WRONG:
    case CLOUDEP_CREDENTIALS_CHANGED:
        return HTTP_BAD_REQUEST;
    default:
        break;
    }
    return status == HTTP_FORBIDDEN || status == HTTP_NOT_FOUND || status == HTTP_CONFLICT || status == HTTP_LOCKED
               ? HTTP_BAD_REQUEST
               : status;
}

/* A right first factor, where the second is wanted: a word of this contract. */
static const char *word_of(cloudep_reason_e reason)
{
    return reason == CLOUDEP_SECOND_FACTOR_NEEDED ? "mfa_required"
           : reason == CLOUDEP_TENANT_UNKNOWN     ? cloudep_reason_word(CLOUDEP_NOT_CONFIGURED)
                                                  : cloudep_reason_word(reason);
}

static const char *message_of(cloudep_reason_e reason, const cloudep_v1_code_t *code)
{
    if (!code->english) {
        return code->message;
    }
    switch (reason) {
    case CLOUDEP_SECOND_FACTOR_NEEDED:
        return "the second factor is needed: login/totp";
    case CLOUDEP_FRESH_PROOF_NEEDED:
        return "prove first that it is you: reauthenticate";
    case CLOUDEP_TOKEN_MISSING:
    case CLOUDEP_TOKEN_INVALID:
    case CLOUDEP_REFRESH_TOKEN_INVALID:
        return "there is no session, or it is over";
    default:
        return code->message;
    }
}

const char *cloudep_session_refusal_text(apr_pool_t *p, int status, cloudep_reason_e reason, const char *message)
{
    return cloudep_json_text(cloudep_json_own(json_pack("{ss,ss}", status == HTTP_UNAUTHORIZED ? "code" : "reason",
                                                        word_of(reason), "message", message),
                                              p),
                             p);
}

static cloudep_answer_t refuse(cloudep_call_t *call, cloudep_outcome_t outcome, const apr_array_header_t *errors)
{
    const cloudep_v1_code_t code = cloudep_v1_code(call->operation, outcome.reason, cloudep_v1_language_of(call));
    const int status = status_of(outcome.reason, code.status);
    const char *message = message_of(outcome.reason, &code);

    if (errors && errors->nelts) {
        const cloudep_field_error_t *error = &APR_ARRAY_IDX(errors, 0, cloudep_field_error_t);

        message = apr_pstrcat(call->ctx->p, error->field, " ", error->reason, NULL);
    }
    return (cloudep_answer_t){status, cloudep_session_refusal_text(call->ctx->p, status, outcome.reason, message),
                              TYPE};
}

static const char *code_of(const cloudep_call_t *call, cloudep_outcome_t outcome)
{
    (void)call;
    return word_of(outcome.reason);
}

const cloudep_style_t cloudep_session_style = {
    .name = "session", .authenticate = authenticate, .answer = answer, .refuse = refuse, .code = code_of};

cloudep_outcome_t cloudep_session_nothing(cloudep_call_t *call, cloudep_outcome_t outcome)
{
    if (!cloudep_failed(outcome)) {
        cloudep_answer_nothing(call);
    }
    return outcome;
}

cloudep_outcome_t cloudep_session_enter(cloudep_call_t *call, const cloudep_session_t *session)
{
    return cloudep_session_nothing(call, cloudep_enter_session(call, session));
}
