/*
 * login_phone.c - POST /me/login-phone/start, /me/login-phone/confirm, DELETE /me/login-phone.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/login_phone.h"
#include "wire/v1/fields.h"

const cloudep_field_t login_phone_start_fields[] = {
    {.name = "phone",
     .type = CLOUDEP_FIELD_PHONE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .at = offsetof(cloudep_login_phone_start_t, phone)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_login_phone_start(cloudep_call_t *call)
{
    cloudep_contact_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_login_phone(call->ctx, call->principal, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_login_phone_confirm(cloudep_call_t *call)
{
    return cloudep_confirm_login_phone(call->ctx, call->principal, call->in);
}

cloudep_outcome_t run_login_phone_remove(cloudep_call_t *call)
{
    return cloudep_remove_login_phone(call->ctx, call->principal);
}
