/*
 * code_login.c - see code_login.h.
 *
 * The code proves the mailbox. It is good for the address that it was sent to, so that whoever has another one
 * meanwhile does not get in by the old one.
 */
#include "flow/code_login.h"

#include <string.h>
#include "flow/purpose.h"
#include "service/account.h"
#include "service/code.h"
#include "service/decoy.h"

static cloudep_outcome_t check_tenant(const cloudep_tenant_t *tenant)
{
    return tenant->code_login ? cloudep_done() : cloudep_refuse(CLOUDEP_CODE_LOGIN_CLOSED);
}

/* Whether a code is sent to the member. Who has not confirmed the address confirms it by the code of the registration.
 */
static cloudep_outcome_t check_member(const cloudep_member_t *member)
{
    if (member && member->status == CLOUDEP_MEMBER_SUSPENDED) {
        return cloudep_refuse(CLOUDEP_SUSPENDED);
    }
    return member && member->status == CLOUDEP_MEMBER_ACTIVE ? cloudep_done() : cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN);
}

cloudep_outcome_t cloudep_start_code_login(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                                           cloudep_code_login_challenge_t *out)
{
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email};
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &receiver.tenant, &member);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_tenant(receiver.tenant))) {
        return outcome;
    }
    outcome = cloudep_member_or_decoy(ctx, check_member(member), member, &receiver);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_send_code_in_turn(ctx, &receiver, CLOUDEP_PURPOSE_LOGIN_CODE, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_done();
}

/* The member of the challenge, read before the code is compared. NULL: nobody, or one of another address by now. */
static cloudep_outcome_t find_member(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                     const cloudep_member_t **member)
{
    apr_status_t rv =
        cloudep_member_by_uid(cloudep_database(ctx), ctx->p, member, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && strcmp((*member)->email, challenge->spec.target))) {
        *member = NULL;
        return cloudep_done();
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the member");
}

/* The challenge is used up first, so that of parallel requests one gets in; a failure gives it back. */
static cloudep_outcome_t log_in(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                const cloudep_challenge_t *challenge, const cloudep_member_t *member,
                                cloudep_login_result_t *out)
{
    static const cloudep_first_factor_t first = {.amr = "otp", .opened_with = CLOUDEP_OPENED_OTP};
    cloudep_outcome_t outcome = cloudep_consume_challenge(ctx, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!member) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    outcome = cloudep_complete_login(ctx, tenant, member, &first, out);
    if (cloudep_failed(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

cloudep_outcome_t cloudep_code_login(cloudep_context_t *ctx, const cloudep_code_login_t *in,
                                     cloudep_login_result_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_tenant(tenant))) {
        return outcome;
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_LOGIN_CODE, in->challenge_id, &challenge);
    if (cloudep_failed(outcome) || cloudep_failed(outcome = find_member(ctx, challenge, &member))) {
        return outcome;
    }
    outcome = cloudep_check_code(ctx, challenge, in->code);
    return cloudep_failed(outcome) ? outcome : log_in(ctx, tenant, challenge, member, out);
}
