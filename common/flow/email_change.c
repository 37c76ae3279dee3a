/*
 * email_change.c - see email_change.h.
 *
 * The identity provider gets the new address before the commit here: a member whom it knows by another address than we
 * do could still log in, as both know the uid, and the next change mends it.
 */
#include "flow/email_change.h"

#include <stddef.h>
#include <string.h>
#include "base/status.h"
#include "base/store/email_store.h"
#include "flow/purpose.h"
#include "idp/idp.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/freshness.h"
#include "service/notice.h"
#include "service/one_time_link.h"

static cloudep_outcome_t load(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *email,
                              cloudep_reason_e gone, cloudep_email_state_t *state)
{
    apr_status_t rv = cloudep_email_load(cloudep_database(ctx), ctx->p, state, who->tenant_id, who->uid, email);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(gone);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the address");
}

/* ---- start ---- */

/* The mail to whoever has the address, in place of the code; one whose address it was gets none. */
static cloudep_outcome_t tell_owner(cloudep_context_t *ctx, const cloudep_email_state_t *state,
                                    const cloudep_message_t **message)
{
    const int reserved = state->owner && state->owner->status == CLOUDEP_MEMBER_RESERVED;

    return state->owner ? cloudep_notice_new(ctx, message, state->tenant, state->owner,
                                             reserved ? NULL : "email_change_taken", 0)
                        : cloudep_done();
}

cloudep_outcome_t cloudep_start_email_change(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                             const cloudep_email_start_t *in, cloudep_contact_challenge_t *out)
{
    cloudep_contact_code_t code = {
        .purpose = CLOUDEP_PURPOSE_EMAIL_CHANGE, .channel = CLOUDEP_CHANNEL_MAIL, .target = in->email};
    cloudep_email_state_t state;
    cloudep_outcome_t outcome = load(ctx, who, in->email, CLOUDEP_SUBJECT_GONE, &state);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_require_fresh(ctx, who))) {
        return outcome;
    }
    if (!strcmp(state.member->email, in->email)) {
        return cloudep_invalid(offsetof(cloudep_email_start_t, email), CLOUDEP_RULE_NOT_ALLOWED,
                               "is the present address");
    }
    if (cloudep_failed(outcome = tell_owner(ctx, &state, &code.instead))) {
        return outcome;
    }
    return cloudep_send_contact_code(ctx, state.tenant, state.member, &code, out);
}

/* ---- confirm ---- */

/*
 * Whether the change was proved by a second factor beyond doubt: then it takes no undo. A factor whose own enrolment
 * can be undone may be that of whoever has a stolen token.
 */
static int is_beyond_doubt(const cloudep_principal_t *who, const cloudep_email_state_t *state)
{
    return state->member->totp_enrolled && who->proofs.mfa_at && !state->enrolment_in_doubt;
}

/* The notice to the address before, with the link that takes the change back where there is one. */
static cloudep_outcome_t prepare(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                 const cloudep_email_state_t *state, cloudep_email_change_t *change,
                                 const cloudep_message_t **notice)
{
    cloudep_new_link_t link = {0};
    cloudep_outcome_t outcome = cloudep_done();

    if (!is_beyond_doubt(who, state)) {
        outcome = cloudep_new_link(ctx, who->tenant_id, CLOUDEP_LINK_UNDO, &link);
    }
    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_new_uid(ctx, &change->reservation))) {
        return outcome;
    }
    change->undo = link.digest;
    return link.url
               ? cloudep_notice_with_link(ctx, notice, state->tenant, state->member, "email_changed_undo", link.url)
               : cloudep_notice_new(ctx, notice, state->tenant, state->member, "email_changed", 0);
}

static apr_status_t change_at_provider(cloudep_context_t *ctx, const cloudep_email_state_t *state, const char *email)
{
    cloudep_idp_context_t at;
    const cloudep_idp_user_t user = {.tenant = state->tenant,
                                     .uid = state->member->uid,
                                     .email = email,
                                     .first_password = !state->member->has_password && !state->member->password_due};

    return cloudep_idp(ctx, &at)->change_email(&at, &user);
}

/* It is changed at the provider first; what cannot be stored here is put back there. */
static cloudep_outcome_t change_everywhere(cloudep_context_t *ctx, const cloudep_email_state_t *state,
                                           const cloudep_email_change_t *change, const cloudep_message_t *notice)
{
    apr_status_t rv = change_at_provider(ctx, state, change->email);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "changing the address at the identity provider");
    }
    rv = cloudep_email_change(cloudep_database(ctx), ctx->p, change, notice);
    if (rv == APR_SUCCESS) {
        cloudep_outbox_wake(ctx);
        return cloudep_done();
    }
    if (change_at_provider(ctx, state, state->member->email) != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(1360) "member %s has another address at the identity provider than here",
                    change->uid);
    }
    if (rv == CLOUDEP_ECONFLICT || rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(rv == CLOUDEP_ECONFLICT ? CLOUDEP_EMAIL_TAKEN : CLOUDEP_CREDENTIALS_CHANGED);
    }
    return cloudep_failure(ctx, rv, "changing the address");
}

/* The one request that uses the challenge up changes the address; what is not the member's fault gives it back. */
static cloudep_outcome_t change(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                const cloudep_challenge_t *challenge, const cloudep_email_state_t *state)
{
    cloudep_email_change_t change = {.tenant_id = who->tenant_id,
                                     .uid = who->uid,
                                     .email = challenge->spec.target,
                                     .generation = state->member->generation,
                                     .session_id = who->session_id};
    const cloudep_message_t *notice = NULL;
    cloudep_outcome_t outcome = prepare(ctx, who, state, &change, &notice);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    outcome = change_everywhere(ctx, state, &change, notice);
    if (cloudep_failed(outcome) && outcome.reason != CLOUDEP_EMAIL_TAKEN) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

cloudep_outcome_t cloudep_confirm_email_change(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                               const cloudep_contact_confirm_t *in)
{
    cloudep_challenge_t *challenge;
    cloudep_email_state_t state;
    cloudep_outcome_t outcome = cloudep_check_contact_code(ctx, who, CLOUDEP_PURPOSE_EMAIL_CHANGE, in, &challenge);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = load(ctx, who, challenge->spec.target, CLOUDEP_MEMBER_UNKNOWN, &state))) {
        return outcome;
    }
    if (state.owner) {
        return cloudep_refuse(CLOUDEP_EMAIL_TAKEN);
    }
    outcome = change(ctx, who, challenge, &state);
    if (!cloudep_failed(outcome)) {
        cloudep_end_challenges(ctx, who->tenant_id, who->uid); /* a reset by a code that went to the address before */
    }
    return outcome;
}
