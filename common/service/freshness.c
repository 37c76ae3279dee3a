/*
 * freshness.c - see freshness.h.
 */
#include "service/freshness.h"

#include "core/settings.h"

cloudep_outcome_t cloudep_require_fresh(const cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    const int step_up = ctx->config->step_up;

    return step_up && who->mfa_at <= cloudep_now(ctx) - step_up ? cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED)
                                                                : cloudep_done();
}
