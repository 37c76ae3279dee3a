/*
 * verification.c - POST /me/verifications/email/start and /confirm, and the same for phone.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/contact_verification.h"
#include "wire/v1/fields.h"

const cloudep_field_t email_start_fields[] = {
    {.name = "target",
     .type = CLOUDEP_FIELD_EMAIL,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .at = offsetof(cloudep_contact_start_t, target)},
    {.name = NULL},
};

const cloudep_field_t phone_start_fields[] = {
    {.name = "target",
     .type = CLOUDEP_FIELD_PHONE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .at = offsetof(cloudep_contact_start_t, target)},
    {.name = NULL},
};

const cloudep_field_t contact_confirm_fields[] = {
    CLOUDEP_V1_CHALLENGE(cloudep_contact_confirm_t),
    CLOUDEP_V1_CODE(cloudep_contact_confirm_t),
    {.name = NULL},
};

static cloudep_outcome_t start(cloudep_call_t *call, cloudep_contact_e contact)
{
    cloudep_contact_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_contact(call->ctx, call->principal, contact, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_email_start(cloudep_call_t *call)
{
    return start(call, CLOUDEP_CONTACT_EMAIL);
}

cloudep_outcome_t run_email_confirm(cloudep_call_t *call)
{
    return cloudep_confirm_contact(call->ctx, call->principal, CLOUDEP_CONTACT_EMAIL, call->in);
}

cloudep_outcome_t run_phone_start(cloudep_call_t *call)
{
    return start(call, CLOUDEP_CONTACT_PHONE);
}

cloudep_outcome_t run_phone_confirm(cloudep_call_t *call)
{
    return cloudep_confirm_contact(call->ctx, call->principal, CLOUDEP_CONTACT_PHONE, call->in);
}
