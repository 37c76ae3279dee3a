/*
 * login.c - POST /login, /login/mfa.
 */
#include "operations.h"

#include <stddef.h>
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

cloudep_outcome_t run_login_mfa(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_login_second_factor(call->ctx, call->in, &session);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_tokens(call, session);
}
