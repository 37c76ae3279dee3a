/*
 * exchange.c - whose id_token it is that a client turns in at token/exchange.
 *
 * The token was made for somebody else's session and lives for hours, so more is asked of it than of one that we
 * fetched ourselves: it has to be fresh, of the tenant's own organisation, and it serves once.
 */
#include "core/private.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include "base/text/b64.h"
#include "oidc/oidc.h"

#define DIGEST_BYTES 32
#define PROVISIONING "zitadel" /* the identity provider that knows members by our own uid */

static cloudep_problem_t *refuse(cloudep_call_t *call, const char *why)
{
    cloudep_problem_t *problem =
        cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNAUTHENTICATED, "the id_token is not valid here");

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, call->r, CENO(530) "id_token refused: %s", why);
    problem->challenge = "invalid_token";
    return problem;
}

static cloudep_problem_t *verify(cloudep_call_t *call, const char *token, const cloudep_jwt_t **jwt,
                                 const cloudep_idtoken_t **idtoken)
{
    const cloudep_config_t *config = call->config;
    const cloudep_oidc_provider_t *provider = config->run->oidc->exchange;
    const cloudep_idtoken_rule_t rule = {.issuer = provider->issuer,
                                         .audience = provider->client_id,
                                         .parties = config->exchange_parties,
                                         .now = apr_time_sec(call->r->request_time),
                                         .leeway = config->oidc_leeway,
                                         .max_age = config->exchange_max_age};
    const char *reason = NULL;
    apr_status_t rv = cloudep_oidc_verify(jwt, provider, call->p, token, &reason);

    if (rv == CLOUDEP_EPROVIDER || rv == APR_EGENERAL) {
        return cloudep_problem_service(call, rv, "verifying an id_token");
    }
    if (rv != APR_SUCCESS || cloudep_idtoken_check(idtoken, call->p, *jwt, &rule, &reason) != APR_SUCCESS) {
        return refuse(call, reason);
    }
    return NULL;
}

static cloudep_problem_t *check_organization(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                             const cloudep_jwt_t *jwt)
{
    const char *organization = cloudep_claim_text(jwt->claims, call->config->exchange_organization);

    if (!tenant->organization) {
        return refuse(call, "the tenant has no organisation");
    }
    if (!organization) {
        return refuse(call, "the claim of the organisation is missing");
    }
    return strcmp(organization, tenant->organization) ? refuse(call, "of another organisation") : NULL;
}

/* Of header and claims, as they are signed: a signature may have more than one spelling. */
static apr_status_t digest_of(const char **digest, apr_pool_t *p, const char *token)
{
    unsigned char bytes[DIGEST_BYTES];
    const char *end = strrchr(token, '.');

    if (!end || !EVP_Digest(token, (size_t)(end - token), bytes, NULL, EVP_sha256(), NULL)) {
        return APR_EGENERAL;
    }
    *digest = cloudep_b64_encode(p, bytes, sizeof(bytes));
    return APR_SUCCESS;
}

/* Noted for as long as it would be accepted. */
static cloudep_problem_t *use_up(cloudep_call_t *call, const cloudep_tenant_t *tenant, const char *token,
                                 const cloudep_idtoken_t *idtoken)
{
    const cloudep_config_t *config = call->config;
    apr_int64_t end = apr_time_sec(call->r->request_time) + config->exchange_max_age + config->oidc_leeway;
    const char *digest;
    apr_status_t rv = digest_of(&digest, call->p, token);

    end = end < idtoken->exp ? end : idtoken->exp;
    if (rv == APR_SUCCESS) {
        rv = cloudep_identity_use_token(cloudep_database(call), call->p, tenant->id, digest,
                                        end + 2 * (apr_int64_t)config->oidc_leeway);
    }
    if (rv == CLOUDEP_ECONFLICT) {
        return refuse(call, "it was turned in before");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "noting the id_token");
}

/* The identity provider by our own uid, if the token is from the very ZITADEL that it uses. */
static const char *provisioned_by(const cloudep_config_t *config)
{
    const char *url = config->zitadel_url;
    apr_size_t length = url ? strlen(url) : 0;

    length -= length && url[length - 1] == '/';
    return !strcmp(config->provider, PROVISIONING) && length && strlen(config->exchange_issuer) == length &&
                   !strncmp(config->exchange_issuer, url, length)
               ? PROVISIONING
               : NULL;
}

cloudep_problem_t *cloudep_exchange_member(cloudep_call_t *call, const cloudep_tenant_t *tenant, const char *token,
                                           const cloudep_member_t **member)
{
    const cloudep_idtoken_t *idtoken = NULL;
    const cloudep_jwt_t *jwt;
    const cloudep_tenant_t *again;
    cloudep_identity_t identity;
    cloudep_problem_t *problem = verify(call, token, &jwt, &idtoken);
    apr_status_t rv;

    problem = problem ? problem : check_organization(call, tenant, jwt);
    if (problem || !idtoken) {
        return problem ? problem : cloudep_problem_service(call, CLOUDEP_EDATA, "reading the id_token");
    }
    identity = (cloudep_identity_t){call->config->exchange_issuer, idtoken->subject};
    rv = cloudep_identity_member(cloudep_database(call), call->p, &again, member, tenant->id, &identity,
                                 provisioned_by(call->config));
    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !*member)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such member");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the member");
    }
    cloudep_note(call, NULL, (*member)->uid, "id_token");
    return call->config->exchange_single_use ? use_up(call, tenant, token, idtoken) : NULL;
}
