/*
 * login_second_factor.c - see login_second_factor.h.
 *
 * Until the second factor is right there is no session and no token. A guess is counted twice before it is compared:
 * for the account, in the database, and for the challenge. The challenge is consumed by one request; the same statement
 * then burns the code and opens the session.
 */
#include "flow/login_second_factor.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "base/status.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/second_factor.h"

#define PASSWORD_ONLY "pwd" /* how the first factor was proved, in challenges that do not say it */

cloudep_outcome_t cloudep_ask_second_factor(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_member_t *member, const cloudep_first_factor_t *first,
                                            cloudep_login_result_t *out)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = tenant->id,
                                           .purpose = CLOUDEP_PURPOSE_LOGIN_MFA,
                                           .uid = member->uid,
                                           .extra = first->amr,
                                           .generation = member->generation,
                                           .opened_with = first->opened_with};
    cloudep_challenge_t *challenge;
    apr_status_t rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), &spec,
                                             (apr_uint32_t)ctx->config->code_lifetime, ctx->p);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "opening the challenge");
    }
    out->mfa_challenge_id = challenge->id;
    out->mfa_expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_done();
}

/* A challenge that cannot succeed any more is removed. */
static cloudep_outcome_t remove_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge)
{
    (void)cloudep_challenge_consume(challenge, cloudep_challenges(ctx), ctx->p);
    return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
}

/* What the member's credentials were when the first factor was compared. A node of 1.0.0 does not say. */
static const char *generation_of(const cloudep_challenge_t *challenge, const cloudep_totp_t *totp)
{
    return challenge->spec.generation ? challenge->spec.generation : totp->member->generation;
}

/* The member who began the login, as they are now. */
static cloudep_outcome_t load(cloudep_context_t *ctx, const cloudep_challenge_t *challenge, const cloudep_totp_t **totp)
{
    apr_status_t rv =
        cloudep_totp_load(cloudep_database(ctx), ctx->p, totp, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv == APR_NOTFOUND) {
        return remove_challenge(ctx, challenge);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the second factor");
    }
    if ((*totp)->member->status != CLOUDEP_MEMBER_ACTIVE || !(*totp)->tenant->login) {
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    }
    /* Removed since, or the first factor may not be right any more: the login has to begin again. */
    return (*totp)->secret && !strcmp(generation_of(challenge, *totp), (*totp)->member->generation)
               ? cloudep_done()
               : remove_challenge(ctx, challenge);
}

static cloudep_outcome_t count_guess(cloudep_context_t *ctx, cloudep_challenge_t *challenge)
{
    apr_status_t rv =
        cloudep_challenge_count(challenge, cloudep_challenges(ctx), (apr_uint32_t)ctx->config->code_attempts);

    if (rv == CLOUDEP_ELOCKED || rv == APR_NOTFOUND) {
        return remove_challenge(ctx, challenge);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting a guess");
}

/* The winner of the challenge burns the proof and opens the session; if that fails, the challenge is put back. */
static cloudep_outcome_t open_session(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                      const cloudep_totp_t *totp, const cloudep_totp_proof_t *proof, const char *code,
                                      const cloudep_message_t *notice, cloudep_session_t **session)
{
    const char *first = challenge->spec.extra ? challenge->spec.extra : PASSWORD_ONLY;
    const char *opened_with = challenge->spec.opened_with ? challenge->spec.opened_with : CLOUDEP_OPENED_PASSWORD;
    cloudep_outcome_t outcome = cloudep_session_new(
        ctx, session, challenge->spec.tenant_id, challenge->spec.uid,
        apr_pstrcat(ctx->p, first, proof->secret && strcmp(first, "otp") ? " otp mfa" : " mfa", NULL), opened_with);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_consume_challenge(ctx, challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    (*session)->generation = generation_of(challenge, totp);
    (*session)->mfa_method = cloudep_factor_method(proof);
    rv = cloudep_totp_login(cloudep_database(ctx), ctx->p, proof, *session, notice);
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    }
    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    if (rv != APR_SUCCESS) {
        cloudep_restore_challenge(ctx, challenge);
        return rv == APR_NOTFOUND ? cloudep_factor_wrong(code) : cloudep_failure(ctx, rv, "opening the session");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_session_opened(ctx, *session);
}

/* The challenge of the login, in the tenant that is named. */
static cloudep_outcome_t find_challenge(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                                        cloudep_challenge_t **challenge)
{
    const cloudep_tenant_t *tenant = NULL;
    cloudep_outcome_t outcome = in->tenant_slug ? cloudep_find_tenant(ctx, in->tenant_slug, &tenant) : cloudep_done();

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_find_challenge(ctx, tenant && !in->any_tenant ? tenant->id : NULL, CLOUDEP_PURPOSE_LOGIN_MFA,
                                     in->challenge_id, challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return tenant && strcmp(tenant->id, (*challenge)->spec.tenant_id) ? cloudep_refuse(CLOUDEP_TENANT_UNKNOWN)
                                                                      : cloudep_done();
}

/* The challenge of the login and the member's factors, with the guess counted. */
static cloudep_outcome_t begin(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                               cloudep_challenge_t **challenge, const cloudep_totp_t **totp, cloudep_guess_t *guess)
{
    cloudep_outcome_t outcome = find_challenge(ctx, in, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = load(ctx, *challenge, totp);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_factor_guess(ctx, *totp, guess);
    return cloudep_failed(outcome) ? outcome : count_guess(ctx, *challenge);
}

cloudep_outcome_t cloudep_login_second_factor(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                                              const cloudep_session_t **session)
{
    cloudep_challenge_t *challenge;
    const cloudep_totp_t *totp;
    cloudep_totp_proof_t proof;
    const cloudep_message_t *notice;
    cloudep_guess_t guess;
    cloudep_session_t *opened;
    cloudep_outcome_t outcome = cloudep_factor_format(offsetof(cloudep_login_factor_t, code), in->code);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = begin(ctx, in, &challenge, &totp, &guess);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_factor_check(ctx, totp, &guess, in->code, &proof, &notice);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = open_session(ctx, challenge, totp, &proof, in->code, notice, &opened);
    *session = opened;
    return outcome;
}
