/*
 * passkey.c - POST /login/passkey/start, /login/passkey.
 */
#include "operations.h"

#include "flow/passkey_login.h"
#include "wire/v1/fields.h"
#include "wire/v1/passkey.h"

const cloudep_field_t passkey_start_fields[] = {CLOUDEP_V1_TENANT(cloudep_passkey_entry_t), CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_passkey_login_start(cloudep_call_t *call)
{
    cloudep_passkey_options_t options = {0};
    cloudep_outcome_t outcome = cloudep_start_passkey_login(call->ctx, call->in, &options);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, options.challenge_id, options.expires_in);
        (void)json_object_set_new(call->data, "public_key", cloudep_v1_passkey_request(&options));
    }
    return outcome;
}

const cloudep_field_t passkey_login_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_passkey_login_t),
    CLOUDEP_V1_CHALLENGE(cloudep_passkey_login_t),
    CLOUDEP_V1_ASSERTION(cloudep_passkey_login_t, CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_passkey_login(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_passkey_log_in(call->ctx, call->in, &session);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_tokens(call, session);
}
