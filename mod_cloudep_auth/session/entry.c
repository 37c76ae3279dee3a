/*
 * entry.c - POST /login, /login/totp, GET and POST /login/sms, POST /logout.
 */
#include "operations.h"

#include <stddef.h>
#include "access/mount.h"
#include "fields.h"
#include "flow/code_login.h"
#include "flow/login_second_factor.h"
#include "flow/totp_login.h"

const cloudep_field_t session_no_fields[] = {SESSION_FIELDS_END};

/* A login that is through, or one that lacks the second factor and goes on at /login/totp. */
static cloudep_outcome_t enter(cloudep_call_t *call, const cloudep_login_result_t *result)
{
    if (result->session) {
        return cloudep_session_enter(call, result->session);
    }
    cloudep_pending_set(call, CLOUDEP_PENDING_LOGIN, result->mfa_challenge_id);
    return cloudep_refuse(CLOUDEP_SECOND_FACTOR_NEEDED);
}

const cloudep_field_t session_login_fields[] = {
    SESSION_EMAIL(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_login_t, email)),
    SESSION_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_login_t, password)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_login(cloudep_call_t *call)
{
    cloudep_login_t *in = call->in;
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    outcome = cloudep_login(call->ctx, in, &result);
    return cloudep_failed(outcome) ? outcome : enter(call, &result);
}

const cloudep_field_t session_totp_login_fields[] = {
    SESSION_EMAIL(0, offsetof(cloudep_totp_login_t, email)),
    SESSION_FACTOR(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_totp_login_t, code)),
    SESSION_FIELDS_END,
};

/* Completes the login that is under way. */
static cloudep_outcome_t complete(cloudep_call_t *call, const char *challenge_id, const cloudep_session_t **session)
{
    const cloudep_totp_login_t *in = call->in;
    const cloudep_login_factor_t factor = {
        .tenant_slug = in->tenant_slug, .challenge_id = challenge_id, .email = in->email, .code = in->code};
    cloudep_outcome_t outcome = cloudep_login_second_factor(call->ctx, &factor, session);

    if (outcome.rule) {
        outcome.field = offsetof(cloudep_totp_login_t, code);
    }
    return outcome;
}

cloudep_outcome_t session_totp_login(cloudep_call_t *call)
{
    cloudep_totp_login_t *in = call->in;
    const char *challenge_id = cloudep_pending(call, CLOUDEP_PENDING_LOGIN);
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    outcome = challenge_id ? complete(call, challenge_id, &session) : cloudep_login_by_totp(call->ctx, in, &session);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (challenge_id) {
        cloudep_pending_set(call, CLOUDEP_PENDING_LOGIN, NULL);
    }
    return cloudep_session_enter(call, session);
}

/* ---- by a texted code ---- */

const cloudep_field_t session_sms_start_fields[] = {
    SESSION_PHONE(offsetof(cloudep_code_login_start_t, phone)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_sms_start(cloudep_call_t *call)
{
    cloudep_code_login_start_t *in = call->in;
    cloudep_code_login_challenge_t challenge = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    outcome = cloudep_start_code_login(call->ctx, in, &challenge);
    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, CLOUDEP_PENDING_SMS, challenge.challenge_id);
    }
    return cloudep_session_nothing(call, outcome);
}

static const cloudep_field_t sms_login_fields[] = {
    SESSION_PHONE(offsetof(cloudep_code_login_t, phone)),
    SESSION_CODE("code", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_code_login_t, code)),
    SESSION_FIELDS_END,
};

static cloudep_outcome_t run_sms_login(cloudep_call_t *call)
{
    cloudep_code_login_t *in = call->in;
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    in->challenge_id = cloudep_pending(call, CLOUDEP_PENDING_SMS);
    outcome = cloudep_code_login(call->ctx, in, &result);
    return cloudep_failed(outcome) ? outcome : enter(call, &result);
}

const cloudep_operation_t session_sms_login = {"POST",
                                               "/login/sms",
                                               "session.login.sms",
                                               CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING |
                                                   CLOUDEP_NEEDS_TENANT,
                                               0,
                                               .fields = sms_login_fields,
                                               .size = sizeof(cloudep_code_login_t),
                                               .run = run_sms_login};

/* ---- out ---- */

cloudep_outcome_t session_logout(cloudep_call_t *call)
{
    return cloudep_session_nothing(call, cloudep_leave_session(call));
}
