/*
 * email.c - POST /me/email/start, /me/email/confirm: another login email.
 */
#include "operations.h"

#include "flow/email_change.h"
#include "wire/v1/fields.h"

const cloudep_field_t login_email_start_fields[] = {
    CLOUDEP_V1_EMAIL(cloudep_email_start_t),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_login_email_start(cloudep_call_t *call)
{
    cloudep_contact_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_email_change(call->ctx, call->principal, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_login_email_confirm(cloudep_call_t *call)
{
    return cloudep_confirm_email_change(call->ctx, call->principal, call->in);
}
