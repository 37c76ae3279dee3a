/*
 * verify.c - forward auth for other servers: nginx, Traefik, HAProxy and Envoy ask here for each request.
 *
 * Not in the contract. 204 with identity headers, 401, or 403 when the session is not of the tenant, or its second
 * factor not as recent, as the asking server's configuration demands in the query string.
 */
#include "auth.h"

#include <apr_strings.h>

enum { TENANT, MFA };
const cloudep_field_t verify_fields[] = {
    {.name = "tenant", .type = CLOUDEP_FIELD_SLUG},
    {.name = "mfa", .type = CLOUDEP_FIELD_CODE, .min = 1, .max = 9},
    FIELDS_END,
};

static cloudep_problem_t *not_enough(cloudep_call_t *call, const char *message)
{
    cloudep_problem_t *problem = cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, message);

    problem->challenge = "insufficient_scope";
    return problem;
}

/* A demand that is misspelt or empty would let everybody pass: the query is the asking server's configuration. */
static int has_other_words(cloudep_call_t *call)
{
    const char *args = call->r->args ? call->r->args : "";

    while (*args) {
        const char *word = ap_getword(call->p, &args, '&');
        const char *value = ap_strchr_c(word, '=');

        if (!value || !value[1] || (strncmp(word, "tenant=", 7) && strncmp(word, "mfa=", 4))) {
            return 1;
        }
    }
    return 0;
}

cloudep_problem_t *verify(cloudep_call_t *call)
{
    static const cloudep_document_t no_content = {0};
    const cloudep_principal_t *principal = call->principal;
    const char *tenant = cloudep_text(call, TENANT);
    const char *mfa = cloudep_text(call, MFA);

    if (has_other_words(call)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_MALFORMED,
                               "the query may have a tenant and an mfa, and nothing else");
    }
    if (!principal->member) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNAUTHENTICATED, "the member is gone");
    }
    if (tenant && (!principal->tenant_slug || strcmp(tenant, principal->tenant_slug))) {
        return not_enough(call, "the session is of another tenant");
    }
    if (mfa && (!principal->mfa_at || apr_time_sec(call->r->request_time) - principal->mfa_at > apr_atoi64(mfa))) {
        return not_enough(call, "a more recent second factor is needed");
    }
    cloudep_identity_headers(call->r->headers_out, principal);
    call->document = &no_content;
    return NULL;
}
