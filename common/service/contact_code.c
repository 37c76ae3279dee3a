/*
 * contact_code.c - see contact_code.h.
 */
#include "service/contact_code.h"

#include <string.h>
#include <apr_strings.h>
#include "base/text/phone_plan.h"
#include "outbox/message.h"
#include "service/code.h"

#define DAILY_CODES 10 /* for each member and purpose */

cloudep_outcome_t cloudep_check_number(cloudep_context_t *ctx, apr_size_t field, const char *number)
{
    const cloudep_phone_kind_e kind = cloudep_phone_kind(number);

    return kind == CLOUDEP_PHONE_ORDINARY
               ? cloudep_done()
               : cloudep_invalid(field, CLOUDEP_RULE_NOT_ALLOWED,
                                 apr_pstrcat(ctx->p, "must not be ", cloudep_phone_kind_name(kind), NULL));
}

/* ---- sending ---- */

static cloudep_outcome_t claim_daily(cloudep_context_t *ctx, const cloudep_member_t *member, const char *purpose)
{
    apr_uint32_t wait;
    apr_status_t rv = cloudep_quota_claim(&wait, cloudep_challenges(ctx), member->tenant_id, member->uid, purpose,
                                          DAILY_CODES, ctx->p);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_wait(CLOUDEP_DAILY_CODES_USED_UP, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting the day's codes");
}

/* One message, whichever it is: what goes out in place of a code takes as long. */
static cloudep_outcome_t enqueue(cloudep_context_t *ctx, const cloudep_message_t *code,
                                 const cloudep_message_t *instead)
{
    apr_status_t rv =
        cloudep_outbox_enqueue(cloudep_database(ctx), ctx->p, instead && instead->channel ? instead : code);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the message");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

static cloudep_outcome_t send_one(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                  const cloudep_member_t *member, const cloudep_contact_code_t *what,
                                  cloudep_contact_challenge_t *out)
{
    const cloudep_code_receiver_t receiver = {.tenant = tenant,
                                              .uid = member->uid,
                                              .channel = what->channel,
                                              .target = what->target,
                                              .language = member->language,
                                              .decoy = what->instead != NULL};
    const cloudep_message_t *code;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = claim_daily(ctx, member, what->purpose);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_start_code(ctx, &receiver, what->purpose, &challenge, &code)) ||
        cloudep_failed(outcome = enqueue(ctx, code, what->instead))) {
        return outcome;
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return outcome;
}

cloudep_outcome_t cloudep_send_contact_code(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_member_t *member, const cloudep_contact_code_t *what,
                                            cloudep_contact_challenge_t *out)
{
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, tenant->id, what->target);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = send_one(ctx, tenant, member, what, out);
    if (cloudep_failed(outcome)) {
        /* Nothing was sent: the next try need not wait. */
        cloudep_release_cooldown(ctx, tenant->id, what->target);
    }
    return outcome;
}

/* ---- the code that comes back ---- */

cloudep_outcome_t cloudep_check_contact_code(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                             const char *purpose, const cloudep_contact_confirm_t *in,
                                             cloudep_challenge_t **challenge)
{
    cloudep_outcome_t outcome = cloudep_find_challenge(ctx, who->tenant_id, purpose, in->challenge_id, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!(*challenge)->spec.uid || strcmp((*challenge)->spec.uid, who->uid)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    return cloudep_check_code(ctx, *challenge, in->code);
}
