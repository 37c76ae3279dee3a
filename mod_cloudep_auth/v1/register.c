/*
 * register.c - POST /register, /register/confirm, /register/resend, /register/resume.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/registration.h"
#include "wire/v1/fields.h"

const cloudep_field_t register_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_registration_t),
    CLOUDEP_V1_INVITE(cloudep_registration_t),
    CLOUDEP_V1_EMAIL(cloudep_registration_t),
    CLOUDEP_V1_PASSWORD(cloudep_registration_t, password),
    {.name = "display_name",
     .type = CLOUDEP_FIELD_TEXT,
     .min = 1,
     .max = 100,
     .at = offsetof(cloudep_registration_t, display_name)},
    CLOUDEP_V1_LANGUAGE(cloudep_registration_t),
    CLOUDEP_V1_TERMS(cloudep_registration_t),
    CLOUDEP_V1_MARKETING(cloudep_registration_t),
    CLOUDEP_V1_FIELDS_END,
};

static void answer_challenge(cloudep_call_t *call, const cloudep_challenge_answer_t *challenge)
{
    call->data = json_pack("{ss,sI,ss}", "challenge_id", challenge->challenge_id, "expires_in",
                           (json_int_t)challenge->expires_in, "uid", challenge->uid);
}

cloudep_outcome_t run_register(cloudep_call_t *call)
{
    cloudep_challenge_answer_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_register(call->ctx, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        answer_challenge(call, &challenge);
    }
    return outcome;
}

const cloudep_field_t confirm_fields[] = {CLOUDEP_V1_TENANT(cloudep_confirmation_t),
                                          CLOUDEP_V1_CHALLENGE(cloudep_confirmation_t),
                                          CLOUDEP_V1_CODE(cloudep_confirmation_t), CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_register_confirm(cloudep_call_t *call)
{
    cloudep_confirmed_t confirmed = {0};
    cloudep_outcome_t outcome = cloudep_confirm_registration(call->ctx, call->in, &confirmed);

    if (!cloudep_failed(outcome)) {
        outcome = cloudep_v1_tokens(call, confirmed.session);
    }
    if (!cloudep_failed(outcome) && confirmed.password_required) {
        json_object_set_new(call->data, "password_required", json_true());
    }
    if (!cloudep_failed(outcome) && confirmed.terms_required) {
        json_object_set_new(call->data, "terms_required", json_true());
    }
    return outcome;
}

const cloudep_field_t resend_fields[] = {CLOUDEP_V1_TENANT(cloudep_resend_t), CLOUDEP_V1_CHALLENGE(cloudep_resend_t),
                                         CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_register_resend(cloudep_call_t *call)
{
    cloudep_challenge_answer_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_resend_registration(call->ctx, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        answer_challenge(call, &challenge);
    }
    return outcome;
}

const cloudep_field_t resume_fields[] = {CLOUDEP_V1_TENANT(cloudep_resume_t), CLOUDEP_V1_EMAIL(cloudep_resume_t),
                                         CLOUDEP_V1_OPTIONAL_PASSWORD(cloudep_resume_t, password),
                                         CLOUDEP_V1_OPTIONAL_TERMS(cloudep_resume_t), CLOUDEP_V1_FIELDS_END};

cloudep_outcome_t run_register_resume(cloudep_call_t *call)
{
    cloudep_challenge_answer_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_resume_registration(call->ctx, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        answer_challenge(call, &challenge);
    }
    return outcome;
}
