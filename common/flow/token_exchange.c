/*
 * token_exchange.c - see token_exchange.h.
 */
#include "flow/token_exchange.h"

#include "oidc/exchange.h"
#include "service/account.h"

cloudep_outcome_t cloudep_exchange_token(cloudep_context_t *ctx, const cloudep_exchange_t *in,
                                         cloudep_login_result_t *out)
{
    cloudep_first_factor_t first = {.amr = "fed"};
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_exchange_member(ctx, tenant, in->id_token, &member, &first.opened_with,
                                                         &first.session_id))) {
        return outcome;
    }
    return cloudep_complete_login(ctx, tenant, member, &first, out);
}
