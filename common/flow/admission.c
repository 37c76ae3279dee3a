/*
 * admission.c - see admission.h.
 */
#include "flow/admission.h"

#include "service/decoy.h"
#include "service/network.h"

static cloudep_outcome_t judge(const cloudep_context_t *ctx, const cloudep_admission_t *admission)
{
    if (!admission->tenant->registration) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_CLOSED);
    }
    if (!admission->invite_known) {
        return cloudep_refuse(CLOUDEP_INVITE_UNKNOWN);
    }
    if (admission->invite_expired) {
        return cloudep_refuse(CLOUDEP_INVITE_EXPIRED);
    }
    if (admission->invite_used_up) {
        return cloudep_refuse(CLOUDEP_INVITE_USED_UP);
    }
    if (admission->email_taken && !cloudep_conceals(ctx)) {
        return cloudep_refuse(admission->email_pending ? CLOUDEP_REGISTRATION_PENDING : CLOUDEP_EMAIL_TAKEN);
    }
    return cloudep_done();
}

cloudep_outcome_t cloudep_check_admission(cloudep_context_t *ctx, const char *slug, const char *invite_code,
                                          const char *email, cloudep_admission_t *admission)
{
    cloudep_outcome_t outcome;
    apr_status_t rv = cloudep_tenant_admission(cloudep_database(ctx), ctx->p, admission, slug, invite_code, email);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TENANT_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up tenant and invite");
    }
    cloudep_note(ctx, admission->tenant->id, NULL, NULL);
    outcome = judge(ctx, admission);
    if (outcome.reason == CLOUDEP_INVITE_UNKNOWN) {
        const cloudep_outcome_t counted = cloudep_count_network_failure(ctx, CLOUDEP_FAILED_INVITE);

        return cloudep_failed(counted) ? counted : outcome;
    }
    return outcome;
}

cloudep_outcome_t cloudep_explain_refused_invite(cloudep_context_t *ctx, const char *slug, const char *invite_code,
                                                 const char *email)
{
    cloudep_admission_t admission;
    cloudep_outcome_t outcome = cloudep_check_admission(ctx, slug, invite_code, email, &admission);

    return cloudep_failed(outcome) ? outcome : cloudep_wait(CLOUDEP_INVITE_BUSY, 1);
}
