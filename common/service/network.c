/*
 * network.c - see network.h.
 */
#include "service/network.h"

#include "base/status.h"
#include "service/budget.h"

cloudep_client_t cloudep_client_of(const cloudep_context_t *ctx)
{
    return (cloudep_client_t){ctx->network, ctx->network56, ctx->network48};
}

cloudep_outcome_t cloudep_network_known(cloudep_context_t *ctx, const char *tenant_id, const char *uid, int *known)
{
    apr_status_t rv = cloudep_budget_known(cloudep_database(ctx), ctx->p, tenant_id, uid, ctx->network, known);

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "asking whether the network is known");
}

cloudep_outcome_t cloudep_count_network_failure(cloudep_context_t *ctx, const char *kind)
{
    const cloudep_budget_failure_t failure = {.tenant_id = ctx->note.tenant_id,
                                              .failed = kind,
                                              .client = cloudep_client_of(ctx),
                                              .of_network = cloudep_network_policy(ctx)};
    int wait;
    apr_status_t rv;

    if (!ctx->note.tenant_id) {
        return cloudep_done();
    }
    rv = cloudep_budget_fail(cloudep_database(ctx), ctx->p, &failure, &wait);
    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(CLOUDEP_TOO_MANY_GUESSES, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting a network's failure");
}
