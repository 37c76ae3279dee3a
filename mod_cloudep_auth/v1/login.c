/*
 * login.c - POST /login in its two shapes, /login/mfa, /login/code/start, /login/code.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/code_login.h"
#include "flow/login_second_factor.h"
#include "wire/v1/fields.h"
#include "wire/v1/passkey.h"

const cloudep_field_t login_fields[] = {CLOUDEP_V1_TENANT(cloudep_login_t), CLOUDEP_V1_EMAIL(cloudep_login_t),
                                        CLOUDEP_V1_PASSWORD(cloudep_login_t, password), CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t answer_login(cloudep_call_t *call, const cloudep_login_result_t *result)
{
    if (result->session) {
        return cloudep_v1_tokens(call, result->session);
    }
    call->data =
        json_pack("{sb,s[ss],ss,sI}", "mfa_required", 1, "mfa_methods", CLOUDEP_MFA_TOTP, CLOUDEP_MFA_BACKUP_CODE,
                  "mfa_challenge_id", result->mfa_challenge_id, "mfa_expires_in", (json_int_t)result->mfa_expires_in);
    if (result->passkey) {
        (void)json_array_append_new(json_object_get(call->data, "mfa_methods"), json_string(CLOUDEP_MFA_PASSKEY));
        (void)json_object_set_new(call->data, "public_key", cloudep_v1_passkey_request(result->passkey));
    }
    return cloudep_done();
}

cloudep_outcome_t run_login(cloudep_call_t *call)
{
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome = cloudep_login(call->ctx, call->in, &result);

    return cloudep_failed(outcome) ? outcome : answer_login(call, &result);
}

const cloudep_field_t login_mfa_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_login_factor_t),
    CLOUDEP_V1_CHALLENGE(cloudep_login_factor_t),
    CLOUDEP_V1_OPTIONAL_FACTOR(cloudep_login_factor_t),
    CLOUDEP_V1_ASSERTION(cloudep_login_factor_t, 0),
    CLOUDEP_V1_FIELDS_END,
};

/* The second half of a login by the MFA API. It has the same faults. */
static const cloudep_field_t completion_fields[] = {
    CLOUDEP_V1_OPTIONAL_TENANT(cloudep_login_factor_t),
    CLOUDEP_V1_CHALLENGE(cloudep_login_factor_t),
    CLOUDEP_V1_NAMED_DIGITS("mfa_code", cloudep_login_factor_t, 6, 8, CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_FIELDS_END,
};

static cloudep_outcome_t run_completion(cloudep_call_t *call)
{
    cloudep_login_factor_t *in = call->in;

    in->any_tenant = 1;
    return run_login_mfa(call);
}

const cloudep_operation_t login_completion = {"POST",
                                              "/login",
                                              "auth.login",
                                              CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_SIGNING | CLOUDEP_NEEDS_CACHE |
                                                  CLOUDEP_NEEDS_SEALING,
                                              0,
                                              .fields = completion_fields,
                                              .size = sizeof(cloudep_login_factor_t),
                                              .run = run_completion};

cloudep_outcome_t run_login_mfa(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_login_second_factor(call->ctx, call->in, &session);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_tokens(call, session);
}

const cloudep_field_t code_login_start_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_code_login_start_t),
    CLOUDEP_V1_OPTIONAL_EMAIL(cloudep_code_login_start_t),
    {.name = "phone", .type = CLOUDEP_FIELD_PHONE, .at = offsetof(cloudep_code_login_start_t, phone)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_code_login_start(cloudep_call_t *call)
{
    cloudep_code_login_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_code_login(call->ctx, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

const cloudep_field_t code_login_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_code_login_t),
    CLOUDEP_V1_CHALLENGE(cloudep_code_login_t),
    CLOUDEP_V1_CODE(cloudep_code_login_t),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_code_login(cloudep_call_t *call)
{
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome = cloudep_code_login(call->ctx, call->in, &result);

    return cloudep_failed(outcome) ? outcome : answer_login(call, &result);
}
