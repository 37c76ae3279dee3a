/*
 * contact_code.c - see contact_code.h.
 */
#include "service/contact_code.h"

#include <string.h>
#include "service/code.h"
#include "service/network.h"

#define DAILY_CODES 10 /* for each member and purpose */

/* ---- sending ---- */

/* One of the functions that count a member's codes of a day: cloudep_quota_check, cloudep_quota_claim. */
typedef apr_status_t (*quota_fn)(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool);

static cloudep_outcome_t ask_quota(cloudep_context_t *ctx, const cloudep_member_t *member, const char *purpose,
                                   quota_fn ask)
{
    apr_uint32_t wait;
    apr_status_t rv = ask(&wait, cloudep_challenges(ctx), member->tenant_id, member->uid, purpose, DAILY_CODES, ctx->p);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_wait(CLOUDEP_DAILY_CODES_USED_UP, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting the day's codes");
}

/* The day's code is taken when nothing but the message is missing: a start that is refused costs none. */
static cloudep_outcome_t send_one(cloudep_context_t *ctx, const cloudep_member_t *member,
                                  const cloudep_code_receiver_t *receiver, const cloudep_contact_code_t *what,
                                  cloudep_contact_challenge_t *out)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *code = NULL;
    cloudep_outcome_t outcome = cloudep_start_code(ctx, receiver, what->purpose, &challenge, &code);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = ask_quota(ctx, member, what->purpose, cloudep_quota_claim);
    if (cloudep_failed(outcome)) {
        return outcome; /* others at the same time took the last ones; nobody gets this one's code */
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    /* One message, whichever it is: what goes out in place of a code takes as long. */
    return cloudep_store_code(ctx, what->instead && what->instead->channel ? what->instead : code);
}

cloudep_outcome_t cloudep_send_contact_code(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_member_t *member, const cloudep_contact_code_t *what,
                                            cloudep_contact_challenge_t *out)
{
    cloudep_code_receiver_t receiver = {.tenant = tenant,
                                        .uid = member->uid,
                                        .channel = what->channel,
                                        .target = what->target,
                                        .language = member->language,
                                        .decoy = what->instead != NULL};
    cloudep_outcome_t outcome = cloudep_network_known(ctx, tenant->id, member->uid, &receiver.known);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = ask_quota(ctx, member, what->purpose, cloudep_quota_check)) ||
        cloudep_failed(outcome = cloudep_claim_cooldown(ctx, &receiver, what->purpose))) {
        return outcome;
    }
    outcome = send_one(ctx, member, &receiver, what, out);
    if (cloudep_failed(outcome)) {
        /* Nothing was sent: the next try need not wait. */
        cloudep_release_cooldown(ctx, &receiver, what->purpose);
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
    if (in->target && strcmp((*challenge)->spec.target, in->target)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    return cloudep_check_code(ctx, *challenge, in->code);
}
