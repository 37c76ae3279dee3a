/*
 * password.c - POST /password/forgot, /password/reset, /password/reset-by-link.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/password_reset.h"
#include "wire/v1/fields.h"

const cloudep_field_t forgot_fields[] = {CLOUDEP_V1_TENANT(cloudep_forgot_t), CLOUDEP_V1_EMAIL(cloudep_forgot_t),
                                         CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_password_forgot(cloudep_call_t *call)
{
    cloudep_forgot_result_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_forgot_password(call->ctx, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

const cloudep_field_t reset_fields[] = {CLOUDEP_V1_TENANT(cloudep_reset_t), CLOUDEP_V1_CHALLENGE(cloudep_reset_t),
                                        CLOUDEP_V1_CODE(cloudep_reset_t),
                                        CLOUDEP_V1_PASSWORD(cloudep_reset_t, new_password), CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_password_reset(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_reset_password(call->ctx, call->in));
}

const cloudep_field_t link_reset_fields[] = {
    {.name = "token",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 128,
     .at = offsetof(cloudep_link_reset_t, token)},
    CLOUDEP_V1_PASSWORD(cloudep_link_reset_t, new_password),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_password_reset_by_link(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_reset_by_link(call->ctx, call->in));
}
