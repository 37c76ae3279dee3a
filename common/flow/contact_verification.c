/*
 * contact_verification.c - see contact_verification.h.
 */
#include "flow/contact_verification.h"

#include <stddef.h>
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/notice.h"
#include "service/sms_number.h"

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

/* ---- start ---- */

cloudep_outcome_t cloudep_start_contact(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        cloudep_contact_e contact, const cloudep_contact_start_t *in,
                                        cloudep_contact_challenge_t *out)
{
    const cloudep_contact_code_t code = {
        .purpose = kinds[contact].purpose, .channel = kinds[contact].channel, .target = in->target};
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (contact == CLOUDEP_CONTACT_PHONE &&
        cloudep_failed(outcome =
                           cloudep_check_sms_number(ctx, offsetof(cloudep_contact_start_t, target), in->target))) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant))) {
        return outcome;
    }
    return cloudep_send_contact_code(ctx, tenant, who->member, &code, out);
}

/* ---- confirm ---- */

/* The one request that uses the challenge up writes its target, and puts the challenge back if it cannot. */
static cloudep_outcome_t write_contact(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       cloudep_contact_e contact, const cloudep_challenge_t *challenge)
{
    const cloudep_tenant_t *tenant;
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant);
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
    outcome = cloudep_check_contact_code(ctx, who, kinds[contact].purpose, in, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return write_contact(ctx, who, contact, challenge);
}
