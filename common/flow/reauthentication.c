/*
 * reauthentication.c - see reauthentication.h.
 *
 * A mailed code proves the mailbox, and whoever holds a stolen token may be reading that as well. So it is for members
 * who have nothing better, and of those with a second factor only that factor counts.
 */
#include "flow/reauthentication.h"

#include <stddef.h>
#include <string.h>
#include "core/needs.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "flow/totp_enrolment.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/network.h"
#include "service/password.h"

#define FIELD(member) offsetof(cloudep_reauthentication_t, member)

/* Whether this server has what a proof needs. */
static cloudep_outcome_t check_parts(const cloudep_context_t *ctx, unsigned needs)
{
    return ctx->config->off & needs ? cloudep_refuse(CLOUDEP_NOT_CONFIGURED) : cloudep_done();
}

/* Development headers have no session that could be marked. */
static cloudep_outcome_t check_session(const cloudep_principal_t *who)
{
    if (!who->session_id) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    return who->member ? cloudep_done() : cloudep_refuse(CLOUDEP_SUBJECT_GONE);
}

/* Whether the member has something better than the mailbox. */
static cloudep_outcome_t check_mailed_code(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    int passkeys = 0;
    apr_status_t rv;

    if (who->member->has_password || who->member->totp_enrolled) {
        return cloudep_refuse(CLOUDEP_MAILED_CODE_REFUSED);
    }
    if (ctx->config->off & CLOUDEP_NEEDS_PASSKEYS) {
        return cloudep_done(); /* whoever has one cannot use it here */
    }
    rv = cloudep_passkey_any(cloudep_database(ctx), ctx->p, &passkeys, who->tenant_id, who->uid);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking for passkeys");
    }
    return passkeys ? cloudep_refuse(CLOUDEP_MAILED_CODE_REFUSED) : cloudep_done();
}

static cloudep_outcome_t send_code(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                   cloudep_reauthentication_challenge_t *out)
{
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .uid = who->uid};
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = check_parts(ctx, CLOUDEP_NEEDS_MAIL);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_mailed_code(ctx, who))) {
        return outcome;
    }
    receiver.target = who->member->email;
    receiver.language = who->member->language;
    outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &receiver.tenant);
    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_network_known(ctx, who->tenant_id, who->uid, &receiver.known))) {
        return outcome;
    }
    outcome = cloudep_send_code_in_turn(ctx, &receiver, CLOUDEP_PURPOSE_REAUTHENTICATION, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_done();
}

static cloudep_outcome_t ask_for_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         cloudep_reauthentication_challenge_t *out)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = who->tenant_id,
                                           .purpose = CLOUDEP_PURPOSE_PASSKEY_REAUTHENTICATION,
                                           .uid = who->uid,
                                           .extra = who->session_id,
                                           .generation = who->member->generation};
    cloudep_passkey_options_t *options = apr_pcalloc(ctx->p, sizeof(*options));
    apr_array_header_t *passkeys;
    cloudep_outcome_t outcome = check_parts(ctx, CLOUDEP_NEEDS_PASSKEYS);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_passkeys_here(ctx, who->tenant_id, who->uid, &passkeys))) {
        return outcome;
    }
    if (!passkeys->nelts) {
        return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
    }
    if (cloudep_failed(outcome = cloudep_passkey_begin(ctx, &spec, options))) {
        return outcome;
    }
    options->passkeys = passkeys;
    out->challenge_id = options->challenge_id;
    out->expires_in = options->expires_in;
    out->passkey = options;
    return outcome;
}

cloudep_outcome_t cloudep_start_reauthentication(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                                 const cloudep_reauthentication_start_t *in,
                                                 cloudep_reauthentication_challenge_t *out)
{
    cloudep_outcome_t outcome = check_session(who);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return strcmp(in->method, CLOUDEP_REAUTHENTICATE_BY_PASSKEY) ? send_code(ctx, who, out)
                                                                 : ask_for_passkey(ctx, who, out);
}

/* ---- the proofs ---- */

static cloudep_outcome_t mark_session(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    apr_status_t rv =
        cloudep_session_reauthenticated(cloudep_database(ctx), ctx->p, who->tenant_id, who->session_id, who->uid);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "marking the session");
}

static cloudep_outcome_t by_password(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *password)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = check_parts(ctx, CLOUDEP_NEEDS_PROVIDER);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (who->member->totp_enrolled && !who->proofs.by_totp) {
        return cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED);
    }
    outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_compare_password(ctx, tenant, who->member, who->member->email, password, 1);
    if (outcome.reason == CLOUDEP_CREDENTIALS_WRONG) {
        return cloudep_refuse(CLOUDEP_PASSWORD_WRONG);
    }
    return cloudep_failed(outcome) ? outcome : mark_session(ctx, who);
}

static cloudep_outcome_t by_factor(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *code)
{
    cloudep_outcome_t outcome = check_parts(ctx, CLOUDEP_NEEDS_SEALING);

    return cloudep_failed(outcome) ? outcome : cloudep_prove_second_factor(ctx, who, FIELD(code), code);
}

/* The challenge is used up first, so that of parallel requests one counts; what fails afterwards gives it back. */
static cloudep_outcome_t by_mailed_code(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        const cloudep_reauthentication_t *in)
{
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = check_parts(ctx, CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_mailed_code(ctx, who))) {
        return outcome;
    }
    outcome =
        cloudep_find_challenge(ctx, who->tenant_id, CLOUDEP_PURPOSE_REAUTHENTICATION, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (strcmp(challenge->spec.uid, who->uid)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    if (cloudep_failed(outcome = cloudep_check_code(ctx, challenge, in->mailed_code)) ||
        cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    outcome = mark_session(ctx, who);
    if (cloudep_failed(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

/* How the statement that notes a passkey's use has ended. */
static cloudep_outcome_t judge_step_up(cloudep_context_t *ctx, apr_status_t rv)
{
    switch (rv) {
    case APR_SUCCESS:
        cloudep_outbox_wake(ctx);
        return cloudep_done();
    case CLOUDEP_EREFUSED:
    case APR_NOTFOUND:
        return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
    case CLOUDEP_ECHANGED:
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    default:
        return cloudep_failure(ctx, rv, "marking the session");
    }
}

/* As above; it proves the session that asked for it, and no other of the member's. */
static cloudep_outcome_t by_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                    const cloudep_reauthentication_t *in)
{
    cloudep_challenge_t *challenge;
    cloudep_passkey_proof_t proof;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = check_parts(ctx, CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_PASSKEYS)) ||
        cloudep_failed(outcome = cloudep_find_challenge(ctx, who->tenant_id, CLOUDEP_PURPOSE_PASSKEY_REAUTHENTICATION,
                                                        in->challenge_id, &challenge))) {
        return outcome;
    }
    if (strcmp(challenge->spec.uid, who->uid) || strcmp(challenge->spec.extra, who->session_id)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    if (cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    outcome = cloudep_passkey_verify(ctx, challenge, &in->credential, FIELD(credential), who->uid, &proof);
    if (!cloudep_failed(outcome)) {
        outcome = judge_step_up(ctx, cloudep_passkey_step_up(cloudep_database(ctx), ctx->p, &proof.use,
                                                             proof.owner.member, who->session_id, proof.notice));
    }
    if (cloudep_is_fault(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

/* What belongs to a challenge, and the challenge to it. */
static cloudep_outcome_t check_challenge(const cloudep_reauthentication_t *in, int passkey)
{
    if (in->challenge_id && !in->mailed_code && !passkey) {
        return cloudep_missing(FIELD(mailed_code), "is required with challenge_id, or credential");
    }
    if (!in->challenge_id && (in->mailed_code || passkey)) {
        return cloudep_missing(FIELD(challenge_id), "is required with mailed_code and credential");
    }
    return passkey ? cloudep_passkey_check_parts(&in->credential, FIELD(credential)) : cloudep_done();
}

/* Exactly one proof: with two it would be unclear which of them failed. */
static cloudep_outcome_t check_input(const cloudep_reauthentication_t *in)
{
    const int passkey = cloudep_passkey_is_given(&in->credential);
    const int proofs = !!in->password + !!in->code + (in->challenge_id || in->mailed_code || passkey);

    if (!proofs) {
        return cloudep_missing(FIELD(password), "is required, or code, or challenge_id with mailed_code or credential");
    }
    if (proofs > 1 || (in->mailed_code && passkey)) {
        return cloudep_invalid(in->code ? FIELD(code) : FIELD(challenge_id), CLOUDEP_RULE_NOT_ALLOWED,
                               "is one proof too many");
    }
    return check_challenge(in, passkey);
}

cloudep_outcome_t cloudep_reauthenticate(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_reauthentication_t *in)
{
    cloudep_outcome_t outcome = check_session(who);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_input(in))) {
        return outcome;
    }
    if (in->password) {
        return by_password(ctx, who, in->password);
    }
    if (in->code) {
        return by_factor(ctx, who, in->code);
    }
    return in->mailed_code ? by_mailed_code(ctx, who, in) : by_passkey(ctx, who, in);
}
