/*
 * registration.c - see registration.h. Confirming is in registration_confirmation.c.
 *
 * Whoever registers has not proved the address yet. So each request makes an attempt, with what was typed and a
 * challenge of its own. The member gets what was typed for the attempt whose code is confirmed.
 */
#include "flow/registration.h"

#include <stddef.h>
#include "base/status.h"
#include "core/settings.h"
#include "flow/admission.h"
#include "flow/purpose.h"
#include "flow/registration_steps.h"
#include "service/account.h"
#include "service/decoy.h"
#include "service/network.h"

/* The cooldown has been claimed. */
static cloudep_outcome_t register_applicant(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                            const cloudep_tenant_t *tenant, cloudep_challenge_answer_t *out)
{
    cloudep_registrant_t who = {
        .receiver = {.tenant = tenant, .channel = CLOUDEP_CHANNEL_MAIL, .target = in->email, .language = in->language},
        .attempt = {.display_name = in->display_name,
                    .language = in->language,
                    .terms_version = in->terms_version,
                    .marketing_opt_in = in->marketing_opt_in}};
    cloudep_idp_user_t user = {
        .tenant = tenant, .email = in->email, .display_name = in->display_name, .language = in->language};
    cloudep_outcome_t outcome =
        cloudep_new_attempt(ctx, &who, offsetof(cloudep_registration_t, password), in->password);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    user.uid = who.attempt.uid;
    return cloudep_conceals(ctx) ? cloudep_enrol_concealed(ctx, in, &user, &who, out)
                                 : cloudep_enrol(ctx, in, &user, &who, out);
}

cloudep_outcome_t cloudep_register(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                   cloudep_challenge_answer_t *out)
{
    const char *const words[] = {in->email, in->tenant_slug, in->display_name, NULL};
    cloudep_admission_t admission;
    cloudep_outcome_t outcome = cloudep_check_admission(ctx, in->tenant_slug, in->invite_code, in->email, &admission);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_password_rules(ctx, offsetof(cloudep_registration_t, password), in->password, words);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    const cloudep_code_receiver_t receiver = {.tenant = admission.tenant, .target = in->email};

    outcome = cloudep_claim_cooldown(ctx, &receiver, CLOUDEP_PURPOSE_REGISTRATION);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = register_applicant(ctx, in, admission.tenant, out);
    if (cloudep_failed(outcome)) {
        /* Nothing was sent: the next try need not wait. */
        cloudep_release_cooldown(ctx, &receiver, CLOUDEP_PURPOSE_REGISTRATION);
    }
    return outcome;
}

/* ---- resend ---- */

/* A challenge that a node of 1.0.0 made names no attempt: looks up the member instead. */
static cloudep_outcome_t find_without_attempt(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                              const cloudep_challenge_t *challenge, cloudep_registrant_t *who)
{
    const cloudep_member_t *member = NULL;
    apr_status_t rv = cloudep_member_by_uid(cloudep_database(ctx), ctx->p, &member, tenant->id, challenge->spec.uid);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    who->receiver.decoy = cloudep_is_decoy(challenge);
    if (!who->receiver.decoy && (challenge->spec.extra || !member || member->status != CLOUDEP_MEMBER_PENDING)) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
    }
    who->receiver.uid = challenge->spec.uid;
    who->receiver.target = challenge->spec.target;
    who->receiver.language = member ? member->language : NULL;
    return cloudep_done();
}

/*
 * Looks up the attempt that a code was sent for. An attempt lives longer than its challenge, and only the client that
 * made it has the challenge's id. So a mail that comes too late costs a new code, and nothing that was typed is lost.
 * @param challenge NULL: it has expired
 */
static cloudep_outcome_t find_registrant(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *id,
                                         const cloudep_challenge_t *challenge, cloudep_registrant_t *who)
{
    cloudep_registration_state_t state;
    apr_status_t rv = cloudep_registration_by_challenge(cloudep_database(ctx), ctx->p, &state, tenant->id, id,
                                                        ctx->config->pending_lifetime);

    if (rv == APR_NOTFOUND) {
        return challenge ? find_without_attempt(ctx, tenant, challenge, who) : cloudep_challenge_gone(ctx);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the attempt");
    }
    who->receiver.decoy = !state.pending;
    if (!state.pending && !cloudep_conceals(ctx)) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
    }
    who->receiver.uid = who->receiver.attempt = state.uid;
    who->receiver.target = state.email;
    who->receiver.language = state.language;
    who->attempt.tenant_id = tenant->id;
    who->attempt.uid = state.uid;
    return cloudep_done();
}

/* Claims the cooldown and sends; send is one of the functions of registration_steps.h. */
static cloudep_outcome_t send_within_cooldown(cloudep_context_t *ctx, cloudep_registrant_t *who,
                                              cloudep_challenge_answer_t *out,
                                              cloudep_outcome_t (*send)(cloudep_context_t *, cloudep_registrant_t *,
                                                                        cloudep_challenge_answer_t *))
{
    const cloudep_code_receiver_t *receiver = &who->receiver;
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, receiver, CLOUDEP_PURPOSE_REGISTRATION);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = send(ctx, who, out);
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver, CLOUDEP_PURPOSE_REGISTRATION);
    }
    return outcome;
}

cloudep_outcome_t cloudep_resend_registration(cloudep_context_t *ctx, const cloudep_resend_t *in,
                                              cloudep_challenge_answer_t *out)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge = NULL;
    cloudep_registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL}};
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    who.receiver.tenant = tenant;
    outcome = cloudep_load_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_REGISTRATION, in->challenge_id, &challenge);
    if (cloudep_failed(outcome) && outcome.reason != CLOUDEP_CHALLENGE_GONE) {
        return outcome;
    }
    who.receiver.renews = challenge;
    outcome = find_registrant(ctx, tenant, in->challenge_id, challenge, &who);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return send_within_cooldown(ctx, &who, out, cloudep_send_renewed_code);
}

/* ---- resume ---- */

static cloudep_outcome_t find_pending(const cloudep_member_t *member, cloudep_registrant_t *who)
{
    if (member && (member->status == CLOUDEP_MEMBER_ACTIVE || member->status == CLOUDEP_MEMBER_SUSPENDED)) {
        return cloudep_refuse(CLOUDEP_ALREADY_CONFIRMED);
    }
    if (!member || member->status != CLOUDEP_MEMBER_PENDING) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_UNKNOWN);
    }
    who->attempt.member_uid = member->uid;
    who->receiver.language = member->language;
    return cloudep_done();
}

cloudep_outcome_t cloudep_resume_registration(cloudep_context_t *ctx, const cloudep_resume_t *in,
                                              cloudep_challenge_answer_t *out)
{
    const char *const words[] = {in->email, in->tenant_slug, NULL};
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email},
                                .attempt = {.terms_version = in->terms_version}};
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &tenant, &member);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    who.receiver.tenant = tenant;
    outcome = cloudep_conceals(ctx) ? cloudep_find_concealed(ctx, member, &who) : find_pending(member, &who);
    if (outcome.reason == CLOUDEP_REGISTRATION_UNKNOWN) {
        const cloudep_outcome_t counted = cloudep_count_network_failure(ctx, CLOUDEP_FAILED_ACCOUNT);

        return cloudep_failed(counted) ? counted : outcome;
    }
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (in->password) {
        outcome = cloudep_check_password_rules(ctx, offsetof(cloudep_resume_t, password), in->password, words);
    }
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_new_attempt(ctx, &who, offsetof(cloudep_resume_t, password), in->password);
    }
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return send_within_cooldown(ctx, &who, out, cloudep_send_attempt_code);
}
