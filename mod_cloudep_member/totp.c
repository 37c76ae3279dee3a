/*
 * totp.c - a member's authenticator: enrolling it, proving it, renewing its backup codes, removing it.
 */
#include "member.h"

#include <apr_strings.h>
#include "base/crypto/totp.h"

#define CODES_TRIES 3 /* sets of backup codes; one that shares a code with the old set is not stored */

const cloudep_field_t totp_confirm_fields[] = {
    {.name = "code",
     .type = CLOUDEP_FIELD_CODE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .min = CLOUDEP_TOTP_DIGITS,
     .max = CLOUDEP_TOTP_DIGITS},
    {.name = NULL},
};
const cloudep_field_t totp_verify_fields[] = {
    {.name = "code", .type = CLOUDEP_FIELD_CODE, .flags = CLOUDEP_FIELD_REQUIRED, .min = 6, .max = 8},
    {.name = NULL},
};

typedef cloudep_problem_t *(*answer_fn)(cloudep_call_t *call);

/* What is kept of the caller's second factors; gone answers when the caller is no member any more. */
static cloudep_problem_t *load(cloudep_call_t *call, const cloudep_totp_t **totp, answer_fn gone)
{
    const cloudep_principal_t *who = call->principal;
    apr_status_t rv = cloudep_totp_load(cloudep_database(call), call->p, totp, who->tenant_id, who->uid);

    if (rv == APR_NOTFOUND) {
        return gone(call);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "looking up the second factor");
}

static cloudep_problem_t *enrolled_already(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_EXISTS, "TOTP is enrolled already");
}

static cloudep_problem_t *not_enrolled(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_WRONG_STATE, "TOTP is not enrolled");
}

static cloudep_problem_t *no_enrolment(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no enrolment is under way, or it is over");
}

/* CloudEPStepUp: whether this session has proved a second factor lately. */
static cloudep_problem_t *check_step_up(cloudep_call_t *call)
{
    const apr_int64_t since = apr_time_sec(call->r->request_time) - cloudep_step_up(call);
    cloudep_problem_t *problem;

    if (!cloudep_step_up(call) || call->principal->mfa_at > since) {
        return NULL;
    }
    problem = cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_FORBIDDEN,
                              "step_up_required: prove a second factor first, by POST /me/totp/verify");
    problem->detail = 1;
    return problem;
}

cloudep_problem_t *totp_status(cloudep_call_t *call)
{
    const cloudep_totp_t *totp;
    cloudep_problem_t *problem = load(call, &totp, nobody);

    if (problem) {
        return problem;
    }
    call->data = json_pack("{sb,si}", "enrolled", totp->secret != NULL, "backup_codes_remaining", totp->codes->nelts);
    if (totp->secret) {
        (void)json_object_set_new(call->data, "enrolled_at", json_integer(totp->enrolled_at));
        (void)json_object_set_new(call->data, "digits", json_integer(CLOUDEP_TOTP_DIGITS));
        (void)json_object_set_new(call->data, "period_seconds", json_integer(CLOUDEP_TOTP_PERIOD));
    }
    return NULL;
}

cloudep_problem_t *totp_enroll_start(cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const cloudep_totp_t *totp;
    const char *sealed;
    const char *url;
    cloudep_problem_t *problem = load(call, &totp, nobody);
    apr_status_t rv;

    if (!problem && totp->secret) {
        problem = enrolled_already(call);
    }
    problem = problem ? problem : cloudep_totp_new_secret(call, who->tenant_id, who->uid, &sealed);
    problem = problem ? problem : cloudep_totp_url_of(call, totp, sealed, &url);
    if (problem) {
        return problem;
    }
    rv = cloudep_totp_begin(cloudep_database(call), call->p, who->tenant_id, who->uid, sealed);
    if (rv != APR_SUCCESS) {
        return rv == CLOUDEP_ECONFLICT ? enrolled_already(call)
                                       : cloudep_problem_service(call, rv, "storing the enrolment");
    }
    call->data = json_pack("{ss,ss,ss,si,si,si}", "otpauth_url", url, "issuer", cloudep_totp_issuer(totp), "account",
                           totp->member->email, "digits", CLOUDEP_TOTP_DIGITS, "period_seconds", CLOUDEP_TOTP_PERIOD,
                           "expires_in", CLOUDEP_TOTP_PENDING_LIFETIME);
    return NULL;
}

/* Why an enrolment that looked right a moment ago could not be confirmed. */
static cloudep_problem_t *why_not_confirmed(cloudep_call_t *call, const cloudep_totp_t *before, const char *code)
{
    const cloudep_totp_t *now;
    cloudep_problem_t *problem = load(call, &now, member_gone);

    if (problem) {
        return problem;
    }
    if (now->secret) {
        return enrolled_already(call);
    }
    if (!now->pending_secret || strcmp(now->pending_secret, before->pending_secret)) {
        return no_enrolment(call);
    }
    return cloudep_factor_wrong(call, code);
}

/* Stores a new set of codes, with the enrolment that step proved (step 0: for the one there is), and answers it. */
static cloudep_problem_t *store_codes(cloudep_call_t *call, const cloudep_totp_t *totp, apr_int64_t step,
                                      apr_status_t *result)
{
    const cloudep_message_t *notice;
    json_t *codes = NULL;
    const char *stored;
    cloudep_problem_t *problem = cloudep_notice_new(call, &notice, totp->tenant, totp->member,
                                                    step ? "totp_enabled" : "backup_codes_renewed", 0);

    *result = CLOUDEP_ECONFLICT;
    for (int tries = 0; !problem && *result == CLOUDEP_ECONFLICT && tries < CODES_TRIES; tries++) {
        json_decref(codes);
        codes = NULL;
        problem = cloudep_new_backup_codes(call, totp, &codes, &stored);
        if (!problem) {
            *result = step ? cloudep_totp_confirm(cloudep_database(call), call->p, totp, step, stored, notice)
                           : cloudep_totp_renew_codes(cloudep_database(call), call->p, totp->member->tenant_id,
                                                      totp->member->uid, stored, notice);
        }
    }
    if (problem || *result != APR_SUCCESS) {
        json_decref(codes);
        return problem || *result == APR_NOTFOUND ? problem
                                                  : cloudep_problem_service(call, *result, "storing the backup codes");
    }
    cloudep_outbox_wake(call);
    call->data = json_pack("{so}", "backup_codes", codes);
    return NULL;
}

cloudep_problem_t *totp_enroll_confirm(cloudep_call_t *call)
{
    const char *code = cloudep_text(call, 0);
    const cloudep_totp_t *totp;
    apr_int64_t step;
    apr_status_t result;
    cloudep_problem_t *problem = load(call, &totp, member_gone);

    if (!problem && totp->secret) {
        problem = enrolled_already(call);
    }
    if (!problem && !totp->pending_secret) {
        problem = no_enrolment(call);
    }
    problem = problem ? problem : cloudep_totp_check(call, totp, totp->pending_secret, code, &step);
    if (problem) {
        return problem;
    }
    problem = store_codes(call, totp, step, &result);
    return !problem && result == APR_NOTFOUND ? why_not_confirmed(call, totp, code) : problem;
}

cloudep_problem_t *totp_verify(cloudep_call_t *call)
{
    const char *code = cloudep_text(call, 0);
    const cloudep_totp_t *totp;
    const cloudep_message_t *notice;
    cloudep_totp_proof_t proof;
    cloudep_problem_t *problem = cloudep_factor_format(call, "code", code);
    apr_status_t rv;

    problem = problem ? problem : load(call, &totp, nobody);
    if (!problem && !totp->secret) {
        problem = not_enrolled(call);
    }
    problem = problem ? problem : cloudep_factor_guess(call, totp);
    problem = problem ? problem : cloudep_factor_check(call, totp, code, &proof, &notice);
    if (problem) {
        return problem;
    }
    rv = cloudep_totp_step_up(cloudep_database(call), call->p, totp, &proof, call->principal->session_id, notice);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? cloudep_factor_wrong(call, code)
                                  : cloudep_problem_service(call, rv, "accepting the second factor");
    }
    cloudep_outbox_wake(call);
    return NULL;
}

cloudep_problem_t *totp_backup_codes(cloudep_call_t *call)
{
    const cloudep_totp_t *totp;
    apr_status_t result;
    cloudep_problem_t *problem = load(call, &totp, member_gone);

    if (!problem && !totp->secret) {
        problem = not_enrolled(call);
    }
    problem = problem ? problem : check_step_up(call);
    if (problem) {
        return problem;
    }
    problem = store_codes(call, totp, 0, &result);
    return !problem && result == APR_NOTFOUND ? not_enrolled(call) : problem;
}

cloudep_problem_t *totp_remove(cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const cloudep_totp_t *totp;
    const cloudep_message_t *notice;
    cloudep_problem_t *problem = load(call, &totp, member_gone);
    apr_status_t rv;

    if (!problem && totp->secret) {
        problem = check_step_up(call);
    }
    problem = problem ? problem : cloudep_notice_new(call, &notice, totp->tenant, totp->member, "totp_disabled", 0);
    if (problem) {
        return problem;
    }
    rv = cloudep_totp_remove(cloudep_database(call), call->p, who->tenant_id, who->uid, notice);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "removing the second factor");
    }
    cloudep_outbox_wake(call);
    return NULL;
}
