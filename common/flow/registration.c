/*
 * registration.c - see registration.h.
 */
#include "flow/registration.h"

#include <stddef.h>
#include "base/status.h"
#include "flow/admission.h"
#include "flow/purpose.h"
#include "flow/registration_steps.h"
#include "service/account.h"
#include "service/decoy.h"

cloudep_outcome_t cloudep_register(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                   cloudep_challenge_answer_t *out)
{
    const char *const words[] = {in->email, in->tenant_slug, in->display_name, NULL};
    cloudep_idp_user_t user = {.email = in->email, .display_name = in->display_name, .language = in->language};
    cloudep_registrant_t who = {
        .receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email, .language = in->language}};
    cloudep_admission_t admission;
    cloudep_outcome_t outcome = cloudep_check_admission(ctx, in->tenant_slug, in->invite_code, in->email, &admission);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_password_rules(ctx, offsetof(cloudep_registration_t, password), in->password, words);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_claim_cooldown(ctx, admission.tenant->id, in->email);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    user.tenant = who.receiver.tenant = admission.tenant;
    outcome = cloudep_conceals(ctx) ? cloudep_enrol_concealed(ctx, in, &user, &who, out)
                                    : cloudep_enrol(ctx, in, &user, &who, out);
    if (cloudep_failed(outcome)) {
        /* Nothing was sent: the next try need not wait. */
        cloudep_release_cooldown(ctx, user.tenant->id, in->email);
    }
    return outcome;
}

/* The winner of the challenge activates the member; if that fails, the challenge is put back. */
static cloudep_outcome_t activate(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                  cloudep_session_t **session)
{
    cloudep_outcome_t outcome =
        cloudep_session_new(ctx, session, challenge->spec.tenant_id, challenge->spec.uid, "otp", CLOUDEP_OPENED_OTP);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_consume_challenge(ctx, challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_member_activate(cloudep_database(ctx), ctx->p, *session);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
    }
    if (rv != APR_SUCCESS) {
        cloudep_restore_challenge(ctx, challenge);
        return cloudep_failure(ctx, rv, "activating the member");
    }
    return cloudep_done();
}

/* The provider learns that the email is confirmed; that it could not be told does not undo the confirmation. */
static void tell_provider(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_challenge_t *challenge)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    const cloudep_idp_user_t user = {.tenant = tenant, .uid = challenge->spec.uid, .email = challenge->spec.target};

    (void)idp->confirm(&at, &user);
}

cloudep_outcome_t cloudep_confirm_registration(cloudep_context_t *ctx, const cloudep_confirmation_t *in,
                                               const cloudep_session_t **session)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    cloudep_session_t *opened;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_REGISTRATION, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_code(ctx, challenge, in->code);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = activate(ctx, challenge, &opened);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    tell_provider(ctx, tenant, challenge);
    *session = opened;
    return cloudep_done();
}

/* A new code for somebody who has not confirmed yet. */
static cloudep_outcome_t send_again(cloudep_context_t *ctx, const cloudep_registrant_t *who,
                                    cloudep_challenge_answer_t *out)
{
    const cloudep_code_receiver_t *receiver = &who->receiver;
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, receiver->tenant->id, receiver->target);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_send_registration_code(ctx, who, out);
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver->tenant->id, receiver->target);
    }
    return outcome;
}

/* Whom a challenge was for, as they are now. */
static cloudep_outcome_t find_registrant(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_challenge_t *challenge, cloudep_registrant_t *who)
{
    const cloudep_member_t *member = NULL;
    apr_status_t rv = cloudep_member_by_uid(cloudep_database(ctx), ctx->p, &member, tenant->id, challenge->spec.uid);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    who->receiver.decoy = cloudep_is_decoy(challenge);
    if (!who->receiver.decoy && (!member || member->status != CLOUDEP_MEMBER_PENDING)) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
    }
    who->stored = !who->receiver.decoy && !cloudep_conceals(ctx);
    who->receiver.tenant = tenant;
    who->receiver.uid = challenge->spec.uid;
    who->receiver.target = challenge->spec.target;
    who->receiver.language = member ? member->language : NULL;
    return cloudep_done();
}

cloudep_outcome_t cloudep_resend_registration(cloudep_context_t *ctx, const cloudep_resend_t *in,
                                              cloudep_challenge_answer_t *out)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    cloudep_registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL}};
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_REGISTRATION, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = find_registrant(ctx, tenant, challenge, &who);
    return cloudep_failed(outcome) ? outcome : send_again(ctx, &who, out);
}

cloudep_outcome_t cloudep_resume_registration(cloudep_context_t *ctx, const cloudep_resume_t *in,
                                              cloudep_challenge_answer_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email}, .stored = 1};
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &tenant, &member);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    who.receiver.tenant = tenant;
    if (cloudep_conceals(ctx)) {
        outcome = cloudep_find_concealed(ctx, member, &who);
        return cloudep_failed(outcome) ? outcome : send_again(ctx, &who, out);
    }
    if (member && (member->status == CLOUDEP_MEMBER_ACTIVE || member->status == CLOUDEP_MEMBER_SUSPENDED)) {
        return cloudep_refuse(CLOUDEP_ALREADY_CONFIRMED);
    }
    if (!member || member->status != CLOUDEP_MEMBER_PENDING) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_UNKNOWN);
    }
    who.receiver.uid = member->uid;
    who.receiver.language = member->language;
    return send_again(ctx, &who, out);
}
