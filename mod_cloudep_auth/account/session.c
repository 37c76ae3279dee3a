/*
 * session.c - POST /login, /refresh, /logout, /reauthenticate/start, /reauthenticate.
 */
#include "operations.h"

#include "access/mount.h"
#include "base/jose/jwt.h"
#include "fields.h"
#include "flow/login_second_factor.h"
#include "flow/profile.h"
#include "flow/reauthentication.h"
#include "flow/session.h"

const cloudep_field_t account_login_fields[] = {
    ACCOUNT_EMAIL(offsetof(account_login_t, login.email)),
    ACCOUNT_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, offsetof(account_login_t, login.password)),
    ACCOUNT_TOTP_CODE(0, 8, offsetof(account_login_t, totp_code)),
    ACCOUNT_FIELDS_END,
};

/* The second half, in the same call: by the code that came with the password. */
static cloudep_outcome_t complete(cloudep_call_t *call, const account_login_t *in, cloudep_login_result_t *result)
{
    const cloudep_login_factor_t factor = {
        .tenant_slug = in->login.tenant_slug, .challenge_id = result->mfa_challenge_id, .code = in->totp_code};
    cloudep_outcome_t outcome;

    if (!in->totp_code) {
        return cloudep_refuse(CLOUDEP_SECOND_FACTOR_NEEDED);
    }
    outcome = cloudep_login_second_factor(call->ctx, &factor, &result->session);
    if (outcome.rule) {
        outcome.field = offsetof(account_login_t, totp_code);
    }
    return outcome;
}

cloudep_outcome_t account_login(cloudep_call_t *call)
{
    account_login_t *in = call->in;
    cloudep_login_result_t result = {0};
    const cloudep_member_t *member = NULL;
    cloudep_outcome_t outcome;

    in->login.tenant_slug = cloudep_mount_tenant(call->r);
    outcome = cloudep_login(call->ctx, &in->login, &result);
    if (!cloudep_failed(outcome) && !result.session) {
        outcome = complete(call, in, &result);
    }
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_profile_of_session(call->ctx, result.session, &member);
    }
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_account_tokens(call, result.session);
    }
    if (!cloudep_failed(outcome)) {
        (void)json_object_set_new(call->data, "user", account_member(call, member));
    }
    return outcome;
}

const cloudep_field_t account_refresh_fields[] = {
    {.name = "refreshToken",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = CLOUDEP_JWT_MAX,
     .at = offsetof(account_refresh_t, refresh_token)},
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_refresh(cloudep_call_t *call)
{
    const account_refresh_t *in = call->in;
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome =
        cloudep_refresh_in_tenant(call->ctx, cloudep_mount_tenant(call->r), in->refresh_token, &session);

    return cloudep_failed(outcome) ? outcome : cloudep_account_tokens(call, session);
}

cloudep_outcome_t account_logout(cloudep_call_t *call)
{
    return cloudep_account_message(call, cloudep_logout(call->ctx, call->principal), "Logged out successfully");
}

static const char *const methods[] = {CLOUDEP_REAUTHENTICATE_BY_CODE, NULL};

const cloudep_field_t account_reauthenticate_start_fields[] = {
    {.name = "method",
     .type = CLOUDEP_FIELD_CHOICE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .choices = methods,
     .at = offsetof(cloudep_reauthentication_start_t, method)},
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_reauthenticate_start(cloudep_call_t *call)
{
    cloudep_reauthentication_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_reauthentication(call->ctx, call->principal, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_account_challenge(call, challenge.challenge_id, challenge.expires_in);
    }
    return outcome;
}

#define REAUTHENTICATE(member) offsetof(cloudep_reauthentication_t, member)

const cloudep_field_t account_reauthenticate_fields[] = {
    ACCOUNT_PASSWORD("password", 0, REAUTHENTICATE(password)),
    ACCOUNT_TOTP_CODE(0, 8, REAUTHENTICATE(code)),
    ACCOUNT_CHALLENGE(0, REAUTHENTICATE(challenge_id)),
    ACCOUNT_CODE("mailedCode", 0, REAUTHENTICATE(mailed_code)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_reauthenticate(cloudep_call_t *call)
{
    return cloudep_account_message(call, cloudep_reauthenticate(call->ctx, call->principal, call->in),
                                   "Reauthenticated successfully");
}
