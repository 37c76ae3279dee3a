/*
 * freshness.c - see freshness.h.
 */
#include "service/freshness.h"

#include "core/settings.h"

/* The last proof that counts for the member; Unix seconds, 0: none. */
static apr_int64_t proved_at(const cloudep_proofs_t *proofs)
{
    apr_int64_t last = proofs->mfa_at;

    if (!proofs->second_factor) {
        last = proofs->auth_time > last ? proofs->auth_time : last;
        last = proofs->fresh_at > last ? proofs->fresh_at : last;
    }
    return last;
}

int cloudep_is_fresh(const cloudep_principal_t *who, apr_int64_t seconds)
{
    const apr_int64_t at = proved_at(&who->proofs);

    return !who->session_id || (at && who->proofs.now - at < seconds);
}

int cloudep_has_recent_factor(const cloudep_principal_t *who, apr_int64_t seconds)
{
    return who->proofs.mfa_at && who->proofs.now - who->proofs.mfa_at <= seconds;
}

cloudep_outcome_t cloudep_require_fresh(const cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    const int freshness = ctx->config->freshness;

    return !freshness || cloudep_is_fresh(who, freshness) ? cloudep_done() : cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED);
}
