/*
 * login_second_factor.c - see login_second_factor.h.
 *
 * Until the second factor is right there is no session and no token. A guess at a code is counted twice before it is
 * compared: for the account, in the database, and for the challenge. The challenge is consumed by one request; the same
 * statement then burns the code and opens the session.
 */
#include "flow/login_second_factor.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "base/status.h"
#include "core/needs.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/second_factor.h"

#define PASSWORD_ONLY "pwd" /* how the first factor was proved, in challenges that do not say it */

/* What a passkey is asked for with, where the member has one. */
static cloudep_outcome_t offer_passkeys(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                        const cloudep_passkey_options_t **out)
{
    cloudep_passkey_options_t *options = apr_pcalloc(ctx->p, sizeof(*options));
    apr_array_header_t *passkeys;
    cloudep_outcome_t outcome = cloudep_passkeys_here(ctx, challenge->spec.tenant_id, challenge->spec.uid, &passkeys);

    *out = NULL;
    if (cloudep_failed(outcome) || !passkeys->nelts) {
        return outcome;
    }
    options->passkeys = passkeys;
    *out = options;
    return cloudep_passkey_options_for(ctx, challenge, options);
}

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
    return offer_passkeys(ctx, challenge, &out->passkey);
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

/* How the first factor was proved. */
static const char *first_of(const cloudep_challenge_t *challenge)
{
    return challenge->spec.extra ? challenge->spec.extra : PASSWORD_ONLY;
}

/* How the first factor was proved, and the second now; and which credential the first was. */
static cloudep_outcome_t new_session(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                     const cloudep_totp_t *totp, const char *second, cloudep_session_t **session)
{
    const char *opened_with = challenge->spec.opened_with ? challenge->spec.opened_with : CLOUDEP_OPENED_PASSWORD;
    cloudep_outcome_t outcome =
        cloudep_session_new(ctx, session, challenge->spec.tenant_id, challenge->spec.uid,
                            apr_pstrcat(ctx->p, first_of(challenge), " ", second, NULL), opened_with);

    if (!cloudep_failed(outcome)) {
        (*session)->generation = generation_of(challenge, totp);
    }
    return outcome;
}

/* How the statement that opens the session has ended. wrong: the outcome for a proof that was used before. */
static cloudep_outcome_t judge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                               const cloudep_session_t *session, apr_status_t rv, cloudep_outcome_t wrong)
{
    switch (rv) {
    case APR_SUCCESS:
        cloudep_outbox_wake(ctx);
        return cloudep_session_opened(ctx, session);
    case CLOUDEP_EREFUSED:
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    case CLOUDEP_ECHANGED:
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    default:
        cloudep_restore_challenge(ctx, challenge);
        return rv == APR_NOTFOUND ? wrong : cloudep_failure(ctx, rv, "opening the session");
    }
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

/* The challenge of the login and the member's factors. */
static cloudep_outcome_t begin(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                               cloudep_challenge_t **challenge, const cloudep_totp_t **totp)
{
    cloudep_outcome_t outcome = find_challenge(ctx, in, challenge);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = load(ctx, *challenge, totp))) {
        return outcome;
    }
    return in->email && strcmp(in->email, (*totp)->member->email) != 0 ? cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH)
                                                                       : cloudep_done();
}

/* A code that was sent is "otp" as well: it is said once. */
static const char *words_of(const cloudep_challenge_t *challenge, const cloudep_totp_proof_t *proof)
{
    return proof->secret && strcmp(first_of(challenge), "otp") ? "otp mfa" : "mfa";
}

/* The winner of the challenge burns the proof and opens the session; if that fails, the challenge is put back. */
static cloudep_outcome_t by_code(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                                 cloudep_challenge_t *challenge, const cloudep_totp_t *totp,
                                 cloudep_session_t **session)
{
    cloudep_totp_proof_t proof;
    const cloudep_message_t *notice;
    cloudep_guess_t guess;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = cloudep_factor_guess(ctx, totp, &guess)) ||
        cloudep_failed(outcome = count_guess(ctx, challenge)) ||
        cloudep_failed(outcome = cloudep_factor_check(ctx, totp, &guess, in->code, &proof, &notice)) ||
        cloudep_failed(outcome = new_session(ctx, challenge, totp, words_of(challenge, &proof), session)) ||
        cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    (*session)->mfa_method = cloudep_factor_method(&proof);
    return judge(ctx, challenge, *session, cloudep_totp_login(cloudep_database(ctx), ctx->p, &proof, *session, notice),
                 cloudep_factor_wrong(in->code));
}

/* No signature can be guessed, so none is counted. One that is refused leaves the challenge for a code. */
static cloudep_outcome_t by_passkey(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                                    cloudep_challenge_t *challenge, const cloudep_totp_t *totp,
                                    cloudep_session_t **session)
{
    cloudep_passkey_proof_t proof;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = cloudep_passkey_verify(ctx, challenge, &in->credential,
                                                        offsetof(cloudep_login_factor_t, credential), totp->member->uid,
                                                        &proof)) ||
        cloudep_failed(outcome = new_session(ctx, challenge, totp, CLOUDEP_AMR_PASSKEY, session)) ||
        cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    (*session)->mfa_method = CLOUDEP_MFA_PASSKEY;
    return judge(ctx, challenge, *session,
                 cloudep_passkey_login(cloudep_database(ctx), ctx->p, &proof.use, *session, proof.notice),
                 cloudep_refuse(CLOUDEP_PASSKEY_REFUSED));
}

/* One of code and passkey, of its form. */
static cloudep_outcome_t check_input(const cloudep_context_t *ctx, const cloudep_login_factor_t *in)
{
    const int passkey = cloudep_passkey_is_given(&in->credential);

    if (!in->code && !passkey) {
        return cloudep_missing(offsetof(cloudep_login_factor_t, code), "is required, or credential");
    }
    if (in->code) {
        return passkey ? cloudep_invalid(offsetof(cloudep_login_factor_t, code), CLOUDEP_RULE_NOT_ALLOWED,
                                         "is one proof too many")
                       : cloudep_factor_format(offsetof(cloudep_login_factor_t, code), in->code);
    }
    return ctx->config->off & CLOUDEP_NEEDS_PASSKEYS
               ? cloudep_refuse(CLOUDEP_NOT_CONFIGURED)
               : cloudep_passkey_check_parts(&in->credential, offsetof(cloudep_login_factor_t, credential));
}

cloudep_outcome_t cloudep_login_second_factor(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                                              const cloudep_session_t **session)
{
    cloudep_challenge_t *challenge;
    const cloudep_totp_t *totp;
    cloudep_session_t *opened = NULL;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = check_input(ctx, in)) || cloudep_failed(outcome = begin(ctx, in, &challenge, &totp))) {
        return outcome;
    }
    outcome = in->code ? by_code(ctx, in, challenge, totp, &opened) : by_passkey(ctx, in, challenge, totp, &opened);
    *session = opened;
    return outcome;
}
