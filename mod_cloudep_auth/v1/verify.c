/*
 * verify.c - forward auth for other servers: nginx, Traefik, HAProxy and Envoy ask here for each request.
 *
 * Not in the contract. 204 with identity headers, 401, or 403 when the session is not of the tenant, or its second
 * factor not as recent, as the asking server's configuration demands in the query string. A demand that is misspelt
 * or empty would let everybody pass, so the query is strict.
 */
#include "operations.h"

#include <stddef.h>
#include <apr_strings.h>
#include "guard/identity.h"

const cloudep_field_t verify_fields[] = {
    {.name = "tenant", .type = CLOUDEP_FIELD_SLUG, .at = offsetof(verify_t, tenant)},
    {.name = "mfa", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 9, .at = offsetof(verify_t, mfa)},
    {.name = NULL},
};

cloudep_outcome_t run_verify(cloudep_call_t *call)
{
    static const cloudep_document_t no_content = {0};
    const cloudep_principal_t *who = call->principal;
    const verify_t *in = call->in;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (in->tenant && (!who->tenant_slug || strcmp(in->tenant, who->tenant_slug))) {
        return cloudep_refuse(CLOUDEP_TENANT_MISMATCH);
    }
    if (in->mfa && (!who->mfa_at || cloudep_now(call->ctx) - who->mfa_at > apr_atoi64(in->mfa))) {
        return cloudep_refuse(CLOUDEP_SECOND_FACTOR_TOO_OLD);
    }
    cloudep_identity_headers(call->r->headers_out, who);
    call->document = &no_content;
    return cloudep_done();
}
