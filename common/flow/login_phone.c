/*
 * login_phone.c - see login_phone.h.
 */
#include "flow/login_phone.h"

#include <stddef.h>
#include "base/status.h"
#include "base/store/login_phone_store.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/freshness.h"
#include "service/notice.h"
#include "service/sms_number.h"

cloudep_outcome_t cloudep_start_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                            const cloudep_login_phone_start_t *in, cloudep_contact_challenge_t *out)
{
    const cloudep_contact_code_t code = {
        .purpose = CLOUDEP_PURPOSE_LOGIN_PHONE, .channel = CLOUDEP_CHANNEL_SMS, .target = in->phone};
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome =
                           cloudep_check_sms_number(ctx, offsetof(cloudep_login_phone_start_t, phone), in->phone)) ||
        cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant))) {
        return outcome;
    }
    return cloudep_send_contact_code(ctx, tenant, who->member, &code, out);
}

/* The notice of a change, to the member. */
static cloudep_outcome_t tell(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *template,
                              const cloudep_message_t **notice)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant);

    return cloudep_failed(outcome) ? outcome : cloudep_notice_new(ctx, notice, tenant, who->member, template, 0);
}

cloudep_outcome_t cloudep_confirm_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                              const cloudep_contact_confirm_t *in)
{
    const cloudep_message_t *notice;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (cloudep_failed(outcome = cloudep_check_contact_code(ctx, who, CLOUDEP_PURPOSE_LOGIN_PHONE, in, &challenge)) ||
        cloudep_failed(outcome = tell(ctx, who, "login_phone_changed", &notice)) ||
        cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    rv = cloudep_login_phone_set(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, challenge->spec.target,
                                 cloudep_outbox_name(ctx), notice);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        cloudep_restore_challenge(ctx, challenge);
        return cloudep_failure(ctx, rv, "writing the login phone");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_remove_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = tell(ctx, who, "login_phone_removed", &notice))) {
        return outcome;
    }
    rv = cloudep_login_phone_remove(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, notice);
    if (rv == APR_NOTFOUND || rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(rv == APR_NOTFOUND ? CLOUDEP_MEMBER_UNKNOWN : CLOUDEP_LAST_WAY_IN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "removing the login phone");
    }
    cloudep_outbox_wake(ctx);
    return outcome;
}
