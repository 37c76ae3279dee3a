/*
 * verify.c - forward auth for other servers: nginx, Traefik, HAProxy and Envoy ask here for each request.
 *
 * Not in the contract. 204 with identity headers, 401, or 403 when the session is not of the tenant, or its second
 * factor or last proof not as recent, as the asking server's configuration demands in the query string. A demand that
 * is misspelt or empty would let everybody pass, so the query is strict.
 */
#include "operations.h"

#include <stddef.h>
#include <apr_strings.h>
#include "guard/identity.h"
#include "service/freshness.h"

const cloudep_field_t verify_fields[] = {
    {.name = "tenant", .type = CLOUDEP_FIELD_SLUG, .at = offsetof(verify_t, tenant)},
    {.name = "mfa", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 9, .at = offsetof(verify_t, mfa)},
    {.name = "fresh", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 9, .at = offsetof(verify_t, fresh)},
    {.name = NULL},
};

cloudep_outcome_t run_verify(cloudep_call_t *call)
{
    static const cloudep_document_t no_content = {0};
    const cloudep_principal_t *who = call->principal;
    const apr_int64_t mfa_at = who->proofs.mfa_at;
    const verify_t *in = call->in;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (in->tenant && (!who->tenant_slug || strcmp(in->tenant, who->tenant_slug))) {
        return cloudep_refuse(CLOUDEP_TENANT_MISMATCH);
    }
    if (in->mfa && (!mfa_at || cloudep_now(call->ctx) - mfa_at > apr_atoi64(in->mfa))) {
        return cloudep_refuse(CLOUDEP_SECOND_FACTOR_TOO_OLD);
    }
    if (in->fresh && !cloudep_is_fresh(call->ctx, who, apr_atoi64(in->fresh))) {
        return cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED);
    }
    cloudep_identity_headers(call->r->headers_out, who);
    call->document = &no_content;
    return cloudep_done();
}
