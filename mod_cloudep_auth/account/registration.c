/*
 * registration.c - POST /register, /verify-email.
 */
#include "operations.h"

#include "access/mount.h"
#include "fields.h"
#include "flow/registration.h"

#define REGISTER(member) offsetof(cloudep_registration_t, member)

const cloudep_field_t account_register_fields[] = {
    ACCOUNT_EMAIL(REGISTER(email)),
    ACCOUNT_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, REGISTER(password)),
    {.name = "name", .type = CLOUDEP_FIELD_TEXT, .min = 1, .max = 100, .at = REGISTER(display_name)},
    {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE, .at = REGISTER(language)},
    {.name = "inviteCode",
     .type = CLOUDEP_FIELD_TEXT,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .min = 1,
     .max = 64,
     .at = REGISTER(invite_code)},
    {.name = "acceptTermsVersion",
     .type = CLOUDEP_FIELD_TEXT,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .min = 1,
     .max = 64,
     .at = REGISTER(terms_version)},
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_register(cloudep_call_t *call)
{
    cloudep_registration_t *in = call->in;
    cloudep_challenge_answer_t challenge = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    outcome = cloudep_register(call->ctx, in, &challenge);
    if (!cloudep_failed(outcome)) {
        cloudep_account_challenge(call, challenge.challenge_id, challenge.expires_in);
        (void)json_object_set_new(call->data, "message", json_string("A code has been sent to the email address."));
    }
    return outcome;
}

const cloudep_field_t account_verify_email_fields[] = {
    ACCOUNT_CHALLENGE(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_confirmation_t, challenge_id)),
    ACCOUNT_CODE("code", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_confirmation_t, code)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_verify_email(cloudep_call_t *call)
{
    cloudep_confirmation_t *in = call->in;
    cloudep_confirmed_t confirmed = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    outcome = cloudep_confirm_registration(call->ctx, in, &confirmed);
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_account_tokens(call, confirmed.session);
    }
    if (!cloudep_failed(outcome) && confirmed.password_required) {
        (void)json_object_set_new(call->data, "passwordRequired", json_true());
    }
    if (!cloudep_failed(outcome) && confirmed.terms_required) {
        (void)json_object_set_new(call->data, "termsRequired", json_true());
    }
    return outcome;
}
