/*
 * registration_steps.c - see registration_steps.h.
 *
 * The member's row and the invite's use are taken first, in one statement. Whatever fails after that is undone at once
 * or, after a crash, by the sweep, so neither an orphan at the provider nor a lost use remains.
 */
#include "flow/registration_steps.h"

#include <stddef.h>
#include "base/status.h"
#include "flow/admission.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/notice.h"

/* The email was taken meanwhile, by somebody who has confirmed it or by somebody who has not. */
static cloudep_outcome_t explain_taken(cloudep_context_t *ctx, const cloudep_registration_t *in)
{
    cloudep_admission_t admission;
    cloudep_outcome_t outcome = cloudep_check_admission(ctx, in->tenant_slug, in->invite_code, in->email, &admission);

    return outcome.reason == CLOUDEP_REGISTRATION_PENDING ? outcome : cloudep_refuse(CLOUDEP_EMAIL_TAKEN);
}

/* Takes invite and email. What another request has taken meanwhile is refused as if it had been taken from the start.
 */
static cloudep_outcome_t reserve(cloudep_context_t *ctx, const cloudep_registration_t *in, const char *provider,
                                 const cloudep_idp_user_t *user)
{
    const cloudep_applicant_t applicant = {.tenant_id = user->tenant->id,
                                           .uid = user->uid,
                                           .email = user->email,
                                           .invite_code = in->invite_code,
                                           .origin = "platform_native",
                                           .provider = provider,
                                           .display_name = user->display_name,
                                           .language = user->language,
                                           .terms_version = in->terms_version,
                                           .marketing_opt_in = in->marketing_opt_in};
    apr_status_t rv = cloudep_member_reserve(cloudep_database(ctx), ctx->p, &applicant);

    switch (rv) {
    case APR_SUCCESS:
        return cloudep_done();
    case CLOUDEP_ECONFLICT:
        return explain_taken(ctx, in);
    case CLOUDEP_ELOCKED:
        return cloudep_wait(CLOUDEP_INVITE_BUSY, 1);
    case APR_NOTFOUND:
        return cloudep_explain_refused_invite(ctx, in->tenant_slug, in->invite_code, in->email);
    default:
        return cloudep_failure(ctx, rv, "reserving the member");
    }
}

/* *in_doubt: the user may or may not be created there, so nothing may be undone yet. */
static cloudep_outcome_t create_at_provider(cloudep_context_t *ctx, const cloudep_idp_t *idp,
                                            const cloudep_idp_context_t *at, const cloudep_idp_user_t *user,
                                            const char *kept, int *in_doubt)
{
    const char *reason = NULL;
    apr_status_t rv = idp->create(at, user, kept, &reason);

    *in_doubt = rv == APR_INCOMPLETE;
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_done();
    case CLOUDEP_EREFUSED:
        return cloudep_invalid(offsetof(cloudep_registration_t, password), CLOUDEP_RULE_PASSWORD, reason);
    case CLOUDEP_ECONFLICT:
        return cloudep_refuse(CLOUDEP_EMAIL_TAKEN);
    default:
        return cloudep_failure(ctx, *in_doubt ? CLOUDEP_EPROVIDER : rv, "creating the user at the identity provider");
    }
}

cloudep_outcome_t cloudep_new_attempt(cloudep_context_t *ctx, cloudep_registrant_t *who, apr_size_t field,
                                      const char *password)
{
    cloudep_registration_attempt_t *attempt = &who->attempt;
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    cloudep_idp_user_t user = {.tenant = who->receiver.tenant, .email = who->receiver.target};
    const char *reason = NULL;
    const char *form;
    cloudep_outcome_t outcome = cloudep_new_uid(ctx, &attempt->uid);
    apr_status_t rv = APR_SUCCESS;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    attempt->tenant_id = who->receiver.tenant->id;
    attempt->email = who->receiver.target;
    if (!attempt->member_uid) {
        attempt->member_uid = attempt->uid;
    }
    who->receiver.uid = who->receiver.attempt = attempt->uid;
    if (password) {
        user.uid = attempt->uid;
        if (cloudep_failed(outcome = cloudep_form_password(ctx, &form, field, password))) {
            return outcome;
        }
        rv = idp->keep(&at, &user, form, &attempt->password, &reason);
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_invalid(field, CLOUDEP_RULE_PASSWORD, reason);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "keeping the password");
}

/* The challenge, and what is mailed: its code, or in its place what the owner is told. */
static cloudep_outcome_t start(cloudep_context_t *ctx, cloudep_registrant_t *who, cloudep_challenge_t **challenge,
                               const cloudep_message_t **message)
{
    cloudep_outcome_t outcome =
        cloudep_start_code(ctx, &who->receiver, CLOUDEP_PURPOSE_REGISTRATION, challenge, message);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    who->attempt.challenge_id = (*challenge)->id;
    /* For a decoy, in place of the code: a notice to the owner of the address that somebody tried. */
    return who->owner ? cloudep_notice_new(ctx, message, who->receiver.tenant, who->owner, "registration_exists", 0)
                      : outcome;
}

/* rv: of the statement that stored attempt and message. */
static cloudep_outcome_t answer(cloudep_context_t *ctx, apr_status_t rv, const cloudep_registrant_t *who,
                                const cloudep_challenge_t *challenge, cloudep_challenge_answer_t *out)
{
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the registration");
    }
    cloudep_outbox_wake(ctx);
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    out->uid = who->attempt.uid ? who->attempt.uid : challenge->spec.uid;
    return cloudep_done();
}

cloudep_outcome_t cloudep_send_attempt_code(cloudep_context_t *ctx, cloudep_registrant_t *who,
                                            cloudep_challenge_answer_t *out)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message;
    cloudep_outcome_t outcome = start(ctx, who, &challenge, &message);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_registration_add(cloudep_database(ctx), ctx->p, &who->attempt, message);
    return answer(ctx, rv, who, challenge, out);
}

cloudep_outcome_t cloudep_send_renewed_code(cloudep_context_t *ctx, cloudep_registrant_t *who,
                                            cloudep_challenge_answer_t *out)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message;
    cloudep_outcome_t outcome = start(ctx, who, &challenge, &message);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    /* Without an attempt: begun by a node of 1.0.0. */
    rv = who->attempt.uid ? cloudep_registration_renew(cloudep_database(ctx), ctx->p, &who->attempt, message)
                          : cloudep_outbox_enqueue(cloudep_database(ctx), ctx->p, message);
    return answer(ctx, rv, who, challenge, out);
}

static cloudep_outcome_t send_first_code(cloudep_context_t *ctx, cloudep_registrant_t *who, int stored_here,
                                         cloudep_challenge_answer_t *out)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message;
    cloudep_outcome_t outcome = start(ctx, who, &challenge, &message);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_registration_begin(cloudep_database(ctx), ctx->p, &who->attempt,
                                    stored_here ? who->attempt.password : NULL, message);
    return answer(ctx, rv, who, challenge, out);
}

cloudep_outcome_t cloudep_enrol(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                const cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                cloudep_challenge_answer_t *out)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    cloudep_outcome_t outcome = reserve(ctx, in, idp->name, user);
    int in_doubt = 0;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!who->receiver.decoy) {
        cloudep_note(ctx, NULL, user->uid, NULL);
    }
    outcome = create_at_provider(ctx, idp, &at, user, who->attempt.password, &in_doubt);
    if (!cloudep_failed(outcome)) {
        outcome = send_first_code(ctx, who, idp->stored_here, out);
    }
    if (cloudep_failed(outcome) && !in_doubt) {
        cloudep_undo_registration(ctx, user);
    }
    return outcome;
}
