/*
 * password.c - GET and POST /forget_code, POST /forget_reset, /user/password.
 */
#include "operations.h"

#include <stddef.h>
#include "access/mount.h"
#include "fields.h"
#include "flow/password_change.h"
#include "flow/password_reset.h"

const cloudep_field_t session_forgot_fields[] = {
    SESSION_EMAIL(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_forgot_t, email)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_forgot(cloudep_call_t *call)
{
    cloudep_forgot_t *in = call->in;
    cloudep_forgot_result_t challenge = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    in->conceals = 1;
    outcome = cloudep_forgot_password(call->ctx, in, &challenge);
    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, CLOUDEP_PENDING_RESET, challenge.challenge_id);
    }
    return cloudep_session_nothing(call, outcome);
}

const cloudep_field_t session_reset_fields[] = {
    SESSION_EMAIL(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_reset_t, email)),
    SESSION_CODE("code", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_reset_t, code)),
    SESSION_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_reset_t, new_password)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_reset(cloudep_call_t *call)
{
    cloudep_reset_t *in = call->in;
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    in->challenge_id = cloudep_pending(call, CLOUDEP_PENDING_RESET);
    outcome = cloudep_reset_password(call->ctx, in);
    if (!cloudep_failed(outcome) && in->challenge_id) {
        cloudep_pending_set(call, CLOUDEP_PENDING_RESET, NULL);
    }
    return cloudep_session_nothing(call, outcome);
}

const cloudep_field_t session_password_fields[] = {
    SESSION_PASSWORD("old", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_own_password_t, current_password)),
    SESSION_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_own_password_t, new_password)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_password(cloudep_call_t *call)
{
    cloudep_own_password_t *in = call->in;

    in->keep_this_session = 1;
    return cloudep_session_nothing(call, cloudep_change_own_password(call->ctx, call->principal, in));
}
