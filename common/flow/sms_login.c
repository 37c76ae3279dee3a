/*
 * sms_login.c - see sms_login.h.
 *
 * The code proves the number. It is good for the number that it was sent to, so that whoever has lost it meanwhile to
 * another member does not get in by it.
 */
#include "flow/sms_login.h"

#include <stddef.h>
#include <string.h>
#include "flow/purpose.h"
#include "service/account.h"
#include "service/code.h"
#include "service/decoy.h"
#include "service/sms_number.h"

static cloudep_outcome_t find_tenant(cloudep_context_t *ctx, const char *slug, const cloudep_tenant_t **tenant)
{
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, slug, tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return (*tenant)->sms_login ? cloudep_done() : cloudep_refuse(CLOUDEP_CODE_LOGIN_CLOSED);
}

/* Whose login phone it is; NULL: nobody's. */
static cloudep_outcome_t find_owner(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *phone,
                                    const cloudep_member_t **member)
{
    apr_status_t rv = cloudep_member_by_login_phone(cloudep_database(ctx), ctx->p, member, tenant->id, phone);

    if (rv == APR_NOTFOUND) {
        *member = NULL;
        return cloudep_done();
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the login phone");
}

cloudep_outcome_t cloudep_start_sms_login(cloudep_context_t *ctx, const cloudep_sms_login_start_t *in,
                                          const char **challenge_id)
{
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_SMS, .target = in->phone};
    cloudep_outcome_t outcome = find_tenant(ctx, in->tenant_slug, &receiver.tenant);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome =
                           cloudep_check_sms_number(ctx, offsetof(cloudep_sms_login_start_t, phone), in->phone)) ||
        cloudep_failed(outcome = find_owner(ctx, receiver.tenant, in->phone, &member))) {
        return outcome;
    }
    outcome =
        member && member->status == CLOUDEP_MEMBER_ACTIVE ? cloudep_done() : cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN);
    if (cloudep_failed(outcome = cloudep_member_or_always_decoy(ctx, outcome, member, &receiver)) ||
        cloudep_failed(outcome = cloudep_send_code_in_turn(ctx, &receiver, CLOUDEP_PURPOSE_LOGIN_SMS, &challenge))) {
        return outcome;
    }
    *challenge_id = challenge->id;
    return outcome;
}

/* The challenge is used up first, so that of parallel requests one gets in; a failure gives it back. */
static cloudep_outcome_t log_in(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                const cloudep_challenge_t *challenge, const cloudep_member_t *member,
                                cloudep_login_result_t *out)
{
    static const cloudep_first_factor_t first = {.amr = "sms", .opened_with = CLOUDEP_OPENED_LOGIN_PHONE};
    cloudep_outcome_t outcome = cloudep_consume_challenge(ctx, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!member || strcmp(member->uid, challenge->spec.uid) != 0) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    outcome = cloudep_complete_login(ctx, tenant, member, &first, out);
    if (cloudep_failed(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

cloudep_outcome_t cloudep_sms_login(cloudep_context_t *ctx, const cloudep_sms_login_t *in, cloudep_login_result_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!in->challenge_id) {
        return cloudep_challenge_gone(ctx);
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_LOGIN_SMS, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (strcmp(challenge->spec.target, in->phone) != 0) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    /* Read before the code is compared. */
    if (cloudep_failed(outcome = find_owner(ctx, tenant, in->phone, &member)) ||
        cloudep_failed(outcome = cloudep_check_code(ctx, challenge, in->code))) {
        return outcome;
    }
    return log_in(ctx, tenant, challenge, member, out);
}
