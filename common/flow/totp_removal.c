/*
 * totp_removal.c - see totp_removal.h.
 */
#include "flow/totp_removal.h"

#include <stddef.h>
#include "core/needs.h"
#include "core/settings.h"
#include "flow/totp_enrolment.h"
#include "outbox/message.h"
#include "service/freshness.h"
#include "service/notice.h"
#include "service/password.h"
#include "service/second_factor.h"

#define FIELD(member) offsetof(cloudep_totp_removal_t, member)

static cloudep_outcome_t remove_all(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_t *totp)
{
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome = cloudep_notice_new(ctx, &notice, totp->tenant, totp->member, "totp_disabled", 0);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_totp_remove(cloudep_database(ctx), ctx->p, totp->member->tenant_id, totp->member->uid, who->session_id,
                             notice);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "removing the second factor");
    }
    cloudep_outbox_wake(ctx);
    return outcome;
}

cloudep_outcome_t cloudep_remove_totp(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_MEMBER_UNKNOWN, &totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (totp->secret && cloudep_failed(outcome = cloudep_require_fresh(ctx, who))) {
        return outcome;
    }
    return remove_all(ctx, who, totp);
}

static cloudep_outcome_t compare_password(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *password)
{
    cloudep_outcome_t outcome;

    if (ctx->config->off & CLOUDEP_NEEDS_PROVIDER) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    outcome = cloudep_compare_password(ctx, totp->tenant, totp->member, totp->member->email, password, 1);
    return outcome.reason == CLOUDEP_CREDENTIALS_WRONG ? cloudep_refuse(CLOUDEP_PASSWORD_WRONG) : outcome;
}

/* Of an enrolled member. The code is asked first, as it is the stronger proof; what is told is why that did not do. */
static cloudep_outcome_t check_proof(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_t *totp,
                                     const cloudep_totp_removal_t *in)
{
    const cloudep_outcome_t fresh = cloudep_require_fresh(ctx, who);
    cloudep_outcome_t outcome = fresh;

    if (in->code) {
        outcome = cloudep_factor_prove(ctx, totp, in->code, who->session_id);
        if (outcome.reason != CLOUDEP_TOTP_WRONG && outcome.reason != CLOUDEP_BACKUP_CODE_WRONG) {
            return outcome;
        }
    }
    return in->password && (in->password_alone || !cloudep_failed(fresh)) ? compare_password(ctx, totp, in->password)
                                                                          : outcome;
}

cloudep_outcome_t cloudep_disable_totp(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       const cloudep_totp_removal_t *in)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = in->code ? cloudep_factor_format(FIELD(code), in->code) : cloudep_done();

    if (!in->password && !in->code) {
        return cloudep_missing(FIELD(password), "is required, or code");
    }
    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_find_totp(ctx, who, CLOUDEP_SUBJECT_GONE, &totp))) {
        return outcome;
    }
    if (totp->secret) {
        outcome = check_proof(ctx, who, totp, in);
    }
    else if (in->password) {
        outcome = compare_password(ctx, totp, in->password);
    }
    return cloudep_failed(outcome) ? outcome : remove_all(ctx, who, totp);
}
