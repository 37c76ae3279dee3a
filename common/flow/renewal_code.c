/*
 * renewal_code.c - see renewal_code.h.
 */
#include "flow/renewal_code.h"

#include <string.h>
#include "flow/purpose.h"
#include "flow/session.h"
#include "service/code.h"

cloudep_outcome_t cloudep_new_renewal_code(cloudep_context_t *ctx, const cloudep_principal_t *who, const char **code)
{
    const cloudep_challenge_spec_t spec = {
        .tenant_id = who->tenant_id, .purpose = CLOUDEP_PURPOSE_RENEWAL, .uid = who->uid, .extra = who->session_id};
    cloudep_challenge_t *challenge;
    apr_status_t rv;

    if (!who->cookie_seq) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), &spec, CLOUDEP_RENEWAL_CODE_LIFETIME, ctx->p);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a renewal code");
    }
    *code = challenge->id;
    return cloudep_done();
}

cloudep_outcome_t cloudep_renew_by_code(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *code,
                                        const cloudep_session_t **session)
{
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_find_challenge(ctx, who->tenant_id, CLOUDEP_PURPOSE_RENEWAL, code, &challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!challenge->spec.extra || strcmp(challenge->spec.extra, who->session_id) != 0) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    if (cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    return cloudep_renew_session(ctx, who, session);
}
