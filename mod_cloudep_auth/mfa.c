/*
 * mfa.c - the second half of a login: a code of the authenticator, or a backup code.
 *
 * Until it is through there is no session and no token. A guess is counted twice before it is compared: for the
 * account, in the database, and for the challenge. The challenge is consumed by one request; the same statement then
 * burns the code and opens the session.
 */
#include "auth.h"

#include <apr_strings.h>

#define PASSWORD_ONLY "pwd" /* how the first half was done, kept in the challenge */

enum { TENANT, CHALLENGE, CODE };
const cloudep_field_t mfa_fields[] = {
    FIELD_TENANT,
    FIELD_CHALLENGE,
    {.name = "code", .type = CLOUDEP_FIELD_CODE, .flags = CLOUDEP_FIELD_REQUIRED, .min = 6, .max = 8},
    FIELDS_END,
};

cloudep_problem_t *ask_second_factor(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                     const cloudep_member_t *member, const char *amr)
{
    const cloudep_challenge_spec_t spec = {
        .tenant_id = tenant->id, .purpose = PURPOSE_LOGIN_MFA, .uid = member->uid, .extra = amr};
    cloudep_challenge_t *challenge;
    apr_status_t rv = cloudep_challenge_open(&challenge, cloudep_challenges(call), &spec,
                                             (apr_uint32_t)cloudep_code_lifetime(call), call->p);

    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "opening the challenge");
    }
    call->data = json_pack("{sb,ss,si}", "mfa_required", 1, "mfa_challenge_id", challenge->id, "mfa_expires_in",
                           (int)cloudep_challenge_remaining(challenge));
    return NULL;
}

static cloudep_problem_t *no_challenge(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_ABSENT, "no such challenge, or it is over: log in again");
}

/* The contract has this operation's missing challenge in the auth scope. */
static cloudep_problem_t *in_auth_scope(cloudep_problem_t *problem)
{
    if (problem && problem->category == CLOUDEP_ABSENT) {
        problem->scope = CLOUDEP_SCOPE_AUTH;
    }
    return problem;
}

/* A challenge that cannot succeed any more is not left lying about. */
static cloudep_problem_t *drop(cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    (void)cloudep_challenge_consume(challenge, cloudep_challenges(call), call->p);
    return no_challenge(call);
}

/* The member who began the login, as they are now. */
static cloudep_problem_t *load(cloudep_call_t *call, const cloudep_challenge_t *challenge, const cloudep_totp_t **totp)
{
    apr_status_t rv =
        cloudep_totp_load(cloudep_database(call), call->p, totp, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv == APR_NOTFOUND) {
        return drop(call, challenge);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the second factor");
    }
    if ((*totp)->member->status != CLOUDEP_MEMBER_ACTIVE || !(*totp)->tenant->login) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the account may not log in");
    }
    /* Removed since: the login has to begin again, without it. */
    return (*totp)->secret ? NULL : drop(call, challenge);
}

static cloudep_problem_t *count_guess(cloudep_call_t *call, cloudep_challenge_t *challenge)
{
    apr_status_t rv =
        cloudep_challenge_count(challenge, cloudep_challenges(call), (apr_uint32_t)cloudep_code_attempts(call));

    if (rv == CLOUDEP_ELOCKED || rv == APR_NOTFOUND) {
        return drop(call, challenge);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "counting a guess");
}

/* The winner of the challenge burns the proof and opens the session; who cannot puts the challenge back. */
static cloudep_problem_t *open_session(cloudep_call_t *call, const cloudep_challenge_t *challenge,
                                       const cloudep_totp_proof_t *proof, const cloudep_message_t *notice)
{
    const char *first = challenge->spec.extra ? challenge->spec.extra : PASSWORD_ONLY;
    cloudep_session_t *session =
        cloudep_session_new(call, challenge->spec.tenant_id, challenge->spec.uid,
                            apr_pstrcat(call->p, first, proof->secret ? " otp mfa" : " mfa", NULL));
    cloudep_problem_t *problem = in_auth_scope(cloudep_consume_challenge(call, challenge));
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_totp_login(cloudep_database(call), call->p, proof, session, notice);
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the account may not log in");
    }
    if (rv != APR_SUCCESS) {
        (void)cloudep_challenge_restore(challenge, cloudep_challenges(call), call->p);
        return rv == APR_NOTFOUND ? cloudep_factor_wrong(call, cloudep_text(call, CODE))
                                  : cloudep_problem_service(call, rv, "opening the session");
    }
    cloudep_outbox_wake(call);
    return cloudep_issue_tokens(call, session);
}

cloudep_problem_t *login_mfa(cloudep_call_t *call)
{
    const char *code = cloudep_text(call, CODE);
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    const cloudep_totp_t *totp;
    cloudep_totp_proof_t proof;
    const cloudep_message_t *notice;
    cloudep_problem_t *problem = cloudep_factor_format(call, "code", code);

    problem = problem ? problem : cloudep_find_tenant(call, cloudep_text(call, TENANT), &tenant);
    if (problem) {
        return problem;
    }
    problem = in_auth_scope(
        cloudep_find_challenge(call, tenant->id, PURPOSE_LOGIN_MFA, cloudep_text(call, CHALLENGE), &challenge));
    problem = problem ? problem : load(call, challenge, &totp);
    problem = problem ? problem : cloudep_factor_guess(call, totp);
    problem = problem ? problem : count_guess(call, challenge);
    problem = problem ? problem : cloudep_factor_check(call, totp, code, &proof, &notice);
    return problem ? problem : open_session(call, challenge, &proof, notice);
}
