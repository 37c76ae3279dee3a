/*
 * totp_login.c - see totp_login.h.
 *
 * A guess is counted before it is compared; the statement that burns the code and opens the session forgets the count.
 */
#include "flow/totp_login.h"

#include <stddef.h>
#include <string.h>
#include "base/crypto/totp.h"
#include "base/status.h"
#include "flow/login.h"
#include "service/account.h"
#include "service/second_factor.h"

#define FIELD(member) offsetof(cloudep_totp_login_t, member)
#define NOBODY "00000000-0000-0000-0000-000000000000"

static cloudep_outcome_t check_input(const cloudep_totp_login_t *in)
{
    if (!in->email) {
        return cloudep_missing(FIELD(email), "is required where no login is under way");
    }
    return strlen(in->code) == CLOUDEP_TOTP_DIGITS
               ? cloudep_done()
               : cloudep_invalid(FIELD(code), CLOUDEP_RULE_LENGTH, "must be 6 digits where no login is under way");
}

/* What the member has enrolled; *totp NULL: nothing. Nobody is looked up as well, so that it takes as long. */
static cloudep_outcome_t load(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                              const cloudep_totp_t **totp)
{
    apr_status_t rv = cloudep_totp_load(cloudep_database(ctx), ctx->p, totp, tenant->id, member ? member->uid : NOBODY);

    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !(*totp)->secret)) {
        *totp = NULL;
        return cloudep_done();
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the authenticator");
}

/* Compares the code, which was counted. A right one is in *step. */
static cloudep_outcome_t compare(cloudep_context_t *ctx, const cloudep_totp_t *totp, const cloudep_guess_t *guess,
                                 const char *code, apr_int64_t *step)
{
    const cloudep_outcome_t outcome = cloudep_totp_check(ctx, totp, totp->secret, code, step);

    return outcome.reason == CLOUDEP_TOTP_WRONG ? cloudep_guess_wrong(ctx, guess, outcome.reason) : outcome;
}

/* Burns the code and opens the session, of one factor. */
static cloudep_outcome_t open_session(cloudep_context_t *ctx, const cloudep_totp_t *totp, const cloudep_guess_t *guess,
                                      apr_int64_t step, const cloudep_session_t **out)
{
    const cloudep_totp_proof_t proof = {.secret = totp->secret, .step = step, .network = guess->budget.network};
    cloudep_session_t *session;
    apr_status_t rv;
    cloudep_outcome_t outcome =
        cloudep_session_new(ctx, &session, totp->member->tenant_id, totp->member->uid, "otp", CLOUDEP_OPENED_TOTP);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    session->generation = totp->member->generation;
    rv = cloudep_totp_login_alone(cloudep_database(ctx), ctx->p, &proof, session);
    switch (rv) {
    case APR_SUCCESS:
        *out = session;
        return cloudep_session_opened(ctx, session);
    case APR_NOTFOUND: /* it was used before */
        return cloudep_guess_wrong(ctx, guess, CLOUDEP_TOTP_WRONG);
    case CLOUDEP_EREFUSED:
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    case CLOUDEP_ECHANGED:
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    default:
        return cloudep_failure(ctx, rv, "opening the session");
    }
}

cloudep_outcome_t cloudep_login_by_totp(cloudep_context_t *ctx, const cloudep_totp_login_t *in,
                                        const cloudep_session_t **session)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const cloudep_totp_t *totp;
    cloudep_guess_t guess;
    apr_int64_t step;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!tenant->totp_login) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    if (cloudep_failed(outcome = check_input(in)) ||
        cloudep_failed(outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &tenant, &member))) {
        return outcome;
    }
    cloudep_note(ctx, NULL, NULL, "totp");
    if (cloudep_failed(outcome = cloudep_guess_begin(ctx, &guess, CLOUDEP_BUDGET_PASSWORD, tenant->id,
                                                     member ? member->uid : NULL, in->email)) ||
        cloudep_failed(outcome = cloudep_guess_count(ctx, &guess)) ||
        cloudep_failed(outcome = load(ctx, tenant, member, &totp))) {
        return outcome;
    }
    if (!totp) {
        return cloudep_guess_wrong(ctx, &guess, CLOUDEP_TOTP_WRONG);
    }
    if (cloudep_failed(outcome = compare(ctx, totp, &guess, in->code, &step)) ||
        cloudep_failed(outcome = cloudep_check_login(totp->tenant, totp->member))) {
        return outcome;
    }
    return open_session(ctx, totp, &guess, step, session);
}
