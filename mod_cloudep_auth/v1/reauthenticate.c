/*
 * reauthenticate.c - POST /reauthenticate, /reauthenticate/start.
 */
#include "operations.h"

#include "flow/reauthentication.h"
#include "wire/v1/fields.h"
#include "wire/v1/passkey.h"

static const char *const methods[] = {CLOUDEP_REAUTHENTICATE_BY_CODE, CLOUDEP_REAUTHENTICATE_BY_PASSKEY, NULL};

const cloudep_field_t reauthenticate_start_fields[] = {
    {.name = "method",
     .type = CLOUDEP_FIELD_CHOICE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .choices = methods,
     .at = offsetof(cloudep_reauthentication_start_t, method)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_reauthenticate_start(cloudep_call_t *call)
{
    cloudep_reauthentication_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_reauthentication(call->ctx, call->principal, call->in, &challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    if (challenge.passkey) {
        (void)json_object_set_new(call->data, "public_key", cloudep_v1_passkey_request(challenge.passkey));
    }
    return outcome;
}

const cloudep_field_t reauthenticate_fields[] = {
    CLOUDEP_V1_OPTIONAL_PASSWORD(cloudep_reauthentication_t, password),
    CLOUDEP_V1_OPTIONAL_FACTOR(cloudep_reauthentication_t),
    {.name = "challenge_id", .type = CLOUDEP_FIELD_ID, .at = offsetof(cloudep_reauthentication_t, challenge_id)},
    {.name = "mailed_code",
     .type = CLOUDEP_FIELD_CODE,
     .min = CLOUDEP_CODE_DIGITS,
     .max = CLOUDEP_CODE_DIGITS,
     .at = offsetof(cloudep_reauthentication_t, mailed_code)},
    CLOUDEP_V1_ASSERTION(cloudep_reauthentication_t, 0),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_reauthenticate(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_reauthenticate(call->ctx, call->principal, call->in));
}
