/*
 * leaving.c - see leaving.h.
 */
#include "flow/leaving.h"

#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/freshness.h"
#include "service/notice.h"

cloudep_outcome_t cloudep_leave(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    const cloudep_tenant_t *tenant;
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant)) ||
        cloudep_failed(outcome = cloudep_notice_new(ctx, &notice, tenant, who->member, "member_left", 0))) {
        return outcome;
    }
    rv = cloudep_member_leave(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, notice);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "marking the member for deletion");
    }
    cloudep_outbox_wake(ctx);
    cloudep_end_challenges(ctx, who->tenant_id, who->uid);
    return outcome;
}
