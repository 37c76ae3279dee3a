/*
 * exchange.c - the member that an id_token at token/exchange stands for.
 *
 * The token was made for another application's session and lives for hours, so it is checked more strictly than one
 * that we fetched ourselves: it has to be fresh, of the tenant's own organisation, and it serves once. The same one
 * again within CloudEPRefreshGrace is a client whose answer was lost, or two tabs: it is answered with the same
 * session.
 */
#include "oidc/exchange.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include "base/crypto/random.h"
#include "base/store/identity_store.h"
#include "base/text/b64.h"
#include "oidc/oidc.h"

#define DIGEST_BYTES 32
#define PROVISIONING "zitadel" /* the identity provider that knows members by our own uid */

static cloudep_outcome_t refuse(cloudep_context_t *ctx, const char *why)
{
    CLOUDEP_LOG(ctx, INFO, 0, CENO(530) "id_token refused: %s", why);
    return cloudep_refuse(CLOUDEP_ID_TOKEN_INVALID);
}

static cloudep_outcome_t check_signature(cloudep_context_t *ctx, const char *token, const cloudep_jwt_t **jwt)
{
    const char *reason = NULL;
    apr_status_t rv = cloudep_oidc_verify(jwt, ctx->config->run->oidc->exchange, ctx->p, token, &reason);

    if (rv == CLOUDEP_EPROVIDER || rv == APR_EGENERAL) {
        return cloudep_failure(ctx, rv, "verifying an id_token");
    }
    return rv == APR_SUCCESS ? cloudep_done() : refuse(ctx, reason);
}

static cloudep_outcome_t check_claims(cloudep_context_t *ctx, const cloudep_jwt_t *jwt,
                                      const cloudep_idtoken_t **idtoken)
{
    const cloudep_config_t *config = ctx->config;
    const cloudep_oidc_provider_t *provider = config->run->oidc->exchange;
    const cloudep_idtoken_rule_t rule = {.issuer = provider->issuer,
                                         .audience = provider->client_id,
                                         .parties = config->exchange_parties,
                                         .now = cloudep_now(ctx),
                                         .leeway = config->oidc_leeway,
                                         .max_age = config->exchange_max_age};
    const char *reason = NULL;

    return cloudep_idtoken_check(idtoken, ctx->p, jwt, &rule, &reason) == APR_SUCCESS ? cloudep_done()
                                                                                      : refuse(ctx, reason);
}

static cloudep_outcome_t check_organization(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_jwt_t *jwt)
{
    const char *organization = cloudep_claim_text(jwt->claims, ctx->config->exchange_organization);

    if (!tenant->organization) {
        return refuse(ctx, "the tenant has no organisation");
    }
    if (!organization) {
        return refuse(ctx, "the claim of the organisation is missing");
    }
    return strcmp(organization, tenant->organization) ? refuse(ctx, "of another organisation") : cloudep_done();
}

/* The digest of header and claims, without the signature, which can be encoded in more than one way. */
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

/* Notes the token for as long as it would be accepted. *session_id: what the session is called that it opens. */
static cloudep_outcome_t use_up(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *token,
                                const cloudep_idtoken_t *idtoken, const char **session_id)
{
    const cloudep_config_t *config = ctx->config;
    apr_int64_t end = cloudep_now(ctx) + config->exchange_max_age + config->oidc_leeway;
    const char *digest;
    apr_status_t rv = digest_of(&digest, ctx->p, token);

    end = end < idtoken->exp ? end : idtoken->exp;
    if (rv == APR_SUCCESS) {
        rv = cloudep_random_uuid(session_id, ctx->p);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_identity_use_token(cloudep_database(ctx), ctx->p, tenant->id, digest,
                                        end + 2 * (apr_int64_t)config->oidc_leeway, config->refresh_grace, session_id);
    }
    if (rv == CLOUDEP_ECONFLICT) {
        return refuse(ctx, "it was used before");
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "noting the id_token");
}

/* The identity provider whose user ids are our uids, if the token is from the ZITADEL that it uses; else NULL. */
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

/* The member that issuer and subject of the token name. */
static cloudep_outcome_t find_member(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                     const cloudep_idtoken_t *idtoken, const cloudep_member_t **member,
                                     const char **opened_with)
{
    cloudep_identity_t identity = {.issuer = ctx->config->exchange_issuer, .subject = idtoken->subject};
    const cloudep_tenant_t *same; /* comes with the member */
    apr_status_t rv = cloudep_identity_member(cloudep_database(ctx), ctx->p, &same, member, tenant->id, &identity,
                                              provisioned_by(ctx->config));

    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !*member)) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    *opened_with =
        identity.id ? apr_pstrcat(ctx->p, CLOUDEP_OPENED_IDENTITY, identity.id, NULL) : CLOUDEP_OPENED_EXCHANGE;
    cloudep_note(ctx, NULL, (*member)->uid, "id_token");
    return cloudep_done();
}

cloudep_outcome_t cloudep_exchange_member(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *id_token,
                                          const cloudep_member_t **member, const char **opened_with,
                                          const char **session_id)
{
    const cloudep_idtoken_t *idtoken;
    const cloudep_jwt_t *jwt;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = check_signature(ctx, id_token, &jwt))) {
        return outcome;
    }
    if (cloudep_failed(outcome = check_claims(ctx, jwt, &idtoken))) {
        return outcome;
    }
    if (cloudep_failed(outcome = check_organization(ctx, tenant, jwt))) {
        return outcome;
    }
    if (cloudep_failed(outcome = find_member(ctx, tenant, idtoken, member, opened_with))) {
        return outcome;
    }
    return ctx->config->exchange_single_use ? use_up(ctx, tenant, id_token, idtoken, session_id) : cloudep_done();
}
