/*
 * contact_verification.c - see contact_verification.h.
 *
 * A challenge belongs to a tenant, a member, a purpose and a target, and what is confirmed is its own target: nothing
 * that a client sends at the end says which address it was.
 */
#include "flow/contact_verification.h"

#include <stddef.h>
#include <string.h>
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/code.h"
#include "service/network.h"
#include "service/notice.h"
#include "service/sms_number.h"

#define DAILY_CODES 10 /* for each member and purpose */

/* What sets the two contacts apart. purpose is also the template of the message. */
typedef struct kind_t {
    const char *purpose;
    const char *channel;
    const char *notice;
} kind_t;

static const kind_t kinds[] = {
    [CLOUDEP_CONTACT_EMAIL] = {CLOUDEP_PURPOSE_BUSINESS_EMAIL, CLOUDEP_CHANNEL_MAIL, "business_email_changed"},
    [CLOUDEP_CONTACT_PHONE] = {CLOUDEP_PURPOSE_BUSINESS_PHONE, CLOUDEP_CHANNEL_SMS, "business_phone_changed"},
};

/* The member's tenant, which is there as long as the member is. */
static cloudep_outcome_t own_tenant(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                    const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_id(cloudep_database(ctx), ctx->p, tenant, who->tenant_id);

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the tenant");
}

/* ---- start ---- */

/* One of the functions that count a member's codes of a day: cloudep_quota_check, cloudep_quota_claim. */
typedef apr_status_t (*quota_fn)(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool);

static cloudep_outcome_t ask_quota(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *purpose,
                                   quota_fn ask)
{
    apr_uint32_t wait;
    apr_status_t rv = ask(&wait, cloudep_challenges(ctx), who->tenant_id, who->uid, purpose, DAILY_CODES, ctx->p);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_wait(CLOUDEP_DAILY_CODES_USED_UP, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting the day's codes");
}

/* The day's code is taken when nothing but the message is missing: a start that is refused costs none. */
static cloudep_outcome_t send_code(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                   const cloudep_code_receiver_t *receiver, const char *purpose,
                                   cloudep_contact_challenge_t *out)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message = NULL;
    cloudep_outcome_t outcome = cloudep_start_code(ctx, receiver, purpose, &challenge, &message);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = ask_quota(ctx, who, purpose, cloudep_quota_claim);
    if (cloudep_failed(outcome)) {
        return outcome; /* others at the same time took the last ones; nobody gets this one's code */
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_store_code(ctx, message);
}

static cloudep_outcome_t find_receiver(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       cloudep_code_receiver_t *receiver)
{
    cloudep_outcome_t outcome = own_tenant(ctx, who, &receiver->tenant);

    receiver->uid = who->uid;
    receiver->language = who->member->language;
    return cloudep_failed(outcome) ? outcome : cloudep_network_known(ctx, who->tenant_id, who->uid, &receiver->known);
}

cloudep_outcome_t cloudep_start_contact(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        cloudep_contact_e contact, const cloudep_contact_start_t *in,
                                        cloudep_contact_challenge_t *out)
{
    const char *purpose = kinds[contact].purpose;
    cloudep_code_receiver_t receiver = {.channel = kinds[contact].channel, .target = in->target};
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (contact == CLOUDEP_CONTACT_PHONE &&
        cloudep_failed(outcome =
                           cloudep_check_sms_number(ctx, offsetof(cloudep_contact_start_t, target), in->target))) {
        return outcome;
    }
    if (cloudep_failed(outcome = find_receiver(ctx, who, &receiver)) ||
        cloudep_failed(outcome = ask_quota(ctx, who, purpose, cloudep_quota_check)) ||
        cloudep_failed(outcome = cloudep_claim_cooldown(ctx, &receiver, purpose))) {
        return outcome;
    }
    outcome = send_code(ctx, who, &receiver, purpose, out);
    if (cloudep_failed(outcome)) {
        /* Nothing was sent: the next try need not wait. */
        cloudep_release_cooldown(ctx, &receiver, purpose);
    }
    return outcome;
}

/* ---- confirm ---- */

/* The one request that uses the challenge up writes its target, and puts the challenge back if it cannot. */
static cloudep_outcome_t write_contact(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       cloudep_contact_e contact, const cloudep_challenge_t *challenge)
{
    const cloudep_tenant_t *tenant;
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome = own_tenant(ctx, who, &tenant);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_notice_new(ctx, &notice, tenant, who->member, kinds[contact].notice, 0);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    rv = cloudep_contact_set(cloudep_database(ctx), ctx->p, tenant->id, who->uid, contact, challenge->spec.target,
                             notice);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        cloudep_restore_challenge(ctx, challenge);
        return cloudep_failure(ctx, rv, "writing the verified address");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_confirm_contact(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                          cloudep_contact_e contact, const cloudep_contact_confirm_t *in)
{
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    outcome = cloudep_find_challenge(ctx, who->tenant_id, kinds[contact].purpose, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!challenge->spec.uid || strcmp(challenge->spec.uid, who->uid)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    if (cloudep_failed(outcome = cloudep_check_code(ctx, challenge, in->code))) {
        return outcome;
    }
    return write_contact(ctx, who, contact, challenge);
}
