/*
 * context.c - see context.h.
 */
#include "core/context.h"

#include "base/status.h"
#include "core/settings.h"

void cloudep_note(cloudep_context_t *ctx, const char *tenant_id, const char *uid, const char *method)
{
    ctx->note.tenant_id = tenant_id ? tenant_id : ctx->note.tenant_id;
    ctx->note.uid = uid ? uid : ctx->note.uid;
    ctx->note.method = method ? method : ctx->note.method;
}

cloudep_outcome_t cloudep_failure(cloudep_context_t *ctx, apr_status_t rv, const char *what)
{
    /* Our own statuses have names; APR's have texts, which the log shows itself. */
    const apr_status_t shown = rv < APR_OS_START_USERERR ? rv : 0;

    if (rv == CLOUDEP_EUNSET) {
        CLOUDEP_LOG(ctx, INFO, shown, CENO(102) "%s failed (%s)", what, cloudep_status_name(rv));
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    CLOUDEP_LOG(ctx, ERR, shown, CENO(101) "%s failed (%s)", what, cloudep_status_name(rv));
    switch (rv) {
    case CLOUDEP_EDATABASE:
        return cloudep_refuse(CLOUDEP_DATABASE_FAILED);
    case CLOUDEP_EPROVIDER:
        return cloudep_refuse(CLOUDEP_PROVIDER_FAILED);
    case CLOUDEP_EOVERLOAD:
        return cloudep_refuse(CLOUDEP_OVERLOADED);
    default:
        return cloudep_refuse(CLOUDEP_INTERNAL_ERROR);
    }
}

cloudep_db_t *cloudep_database(const cloudep_context_t *ctx)
{
    return ctx->config->run->db;
}

const cloudep_challenges_t *cloudep_challenges(const cloudep_context_t *ctx)
{
    return &ctx->config->run->challenges;
}
