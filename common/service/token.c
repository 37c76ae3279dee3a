/*
 * token.c - our access and refresh tokens: made from a stored session, read back against the key set.
 *
 * Every claim comes from the session's row, so that the same generation always says the same.
 */
#include "service/token.h"

#include <apr_strings.h>
#include "base/crypto/random.h"
#include "core/settings.h"

static apr_array_header_t *words(apr_pool_t *p, const char *text)
{
    apr_array_header_t *list = apr_array_make(p, 2, sizeof(const char *));
    char *last;

    for (char *word = apr_strtok(apr_pstrdup(p, text), " ", &last); word; word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

/* An access token is for others to verify; whoever holds our public keys must not take a refresh token for one. */
static apr_status_t sign(cloudep_context_t *ctx, const char **token, cloudep_token_kind_t kind,
                         const cloudep_claims_t *claims)
{
    const cloudep_runtime_t *run = ctx->config->run;
    const cloudep_jwk_t *key =
        kind == CLOUDEP_TOKEN_REFRESH ? run->refresh_key : cloudep_jwks_active(run->signing, CLOUDEP_KEY_SIGN);

    return cloudep_claims_sign(token, ctx->p, key, kind, claims);
}

/* Never after the session's end, whether it is refreshed or not. */
static apr_int64_t access_end(const cloudep_context_t *ctx, const cloudep_session_t *session)
{
    const apr_int64_t end = cloudep_now(ctx) + ctx->config->access_lifetime;

    return end > session->idle_expires_at ? session->idle_expires_at : end;
}

cloudep_outcome_t cloudep_issue_tokens(cloudep_context_t *ctx, const cloudep_session_t *session,
                                       cloudep_tokens_t *tokens)
{
    cloudep_claims_t claims = {
        .iss = ctx->config->issuer,
        .aud = ctx->config->audience,
        .sub = session->uid,
        .tid = session->tenant_id,
        .sid = session->id,
        .auth_time = session->auth_time,
        .amr = words(ctx->p, session->amr),
    };
    apr_status_t rv;

    claims.jti = apr_psprintf(ctx->p, "%s.%d", session->id, session->refresh_seq);
    claims.iat = claims.nbf = session->rotated_at;
    claims.exp = session->idle_expires_at;
    rv = sign(ctx, &tokens->refresh, CLOUDEP_TOKEN_REFRESH, &claims);
    if (rv == APR_SUCCESS) {
        rv = cloudep_random_id(&claims.jti, ctx->p);
    }
    if (rv == APR_SUCCESS) {
        claims.iat = claims.nbf = cloudep_now(ctx);
        claims.exp = access_end(ctx, session);
        rv = sign(ctx, &tokens->access, CLOUDEP_TOKEN_ACCESS, &claims);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "signing a token");
    }
    tokens->expires_in = claims.exp - cloudep_now(ctx);
    return cloudep_done();
}

/* A refresh token is under one of the derived keys; that of 1.0, or with CloudEPRefreshTokens signed, is as access
 * tokens are. */
static apr_status_t verify(cloudep_context_t *ctx, cloudep_token_kind_t kind, const char *token,
                           const cloudep_jwt_t **jwt, const char **reason)
{
    const cloudep_runtime_t *run = ctx->config->run;
    const char *why = NULL;
    apr_status_t derived = APR_NOTFOUND, rv;

    if (kind == CLOUDEP_TOKEN_REFRESH) {
        derived = cloudep_jwt_verify(jwt, ctx->p, run->refresh, token, CLOUDEP_JWT_OWN, &why);
        if (derived == APR_SUCCESS) {
            return APR_SUCCESS;
        }
    }
    rv = cloudep_jwt_verify(jwt, ctx->p, run->signing, token, CLOUDEP_JWT_OWN, reason);
    if (rv == APR_NOTFOUND && derived != APR_NOTFOUND) {
        *reason = why; /* it names a derived key */
    }
    return rv;
}

/* Our own token of that kind, if it is one; NULL and a reason for the log otherwise. */
static const cloudep_claims_t *read_token(cloudep_context_t *ctx, cloudep_token_kind_t kind, const char *token,
                                          const char **reason)
{
    const cloudep_claims_t *claims;
    const cloudep_jwt_t *jwt;
    cloudep_claims_rule_t rule = {.kind = kind,
                                  .iss = ctx->config->issuer,
                                  .aud = ctx->config->audience,
                                  .now = cloudep_now(ctx),
                                  .leeway = ctx->config->clock_leeway};

    if (verify(ctx, kind, token, &jwt, reason) != APR_SUCCESS ||
        cloudep_claims_check(&claims, ctx->p, jwt, &rule, reason) != APR_SUCCESS) {
        return NULL;
    }
    return claims;
}

/* Only the verified are remembered, so a token that is not ours costs its verification each time. */
static void remember(cloudep_context_t *ctx, const unsigned char *key, const cloudep_claims_t *claims,
                     cloudep_access_t *access)
{
    memset(access, 0, sizeof(*access));
    apr_cpystrn(access->tenant_id, claims->tid, sizeof(access->tenant_id));
    apr_cpystrn(access->session_id, claims->sid, sizeof(access->session_id));
    apr_cpystrn(access->uid, claims->sub, sizeof(access->uid));
    access->expires = claims->exp;
    cloudep_token_cache_put(ctx->config->run->tokens, key, access);
}

apr_status_t cloudep_read_access_token(cloudep_context_t *ctx, const char *token, unsigned char *key,
                                       cloudep_access_t *access, const char **reason)
{
    const cloudep_claims_t *claims;
    apr_status_t rv = cloudep_token_key(key, ctx->config->run->tokens, token);

    if (rv != APR_SUCCESS) {
        *reason = "it could not be hashed";
        return rv;
    }
    if (cloudep_token_cache_get(ctx->config->run->tokens, key, access) == APR_SUCCESS &&
        cloudep_now(ctx) < access->expires + ctx->config->clock_leeway) {
        return APR_SUCCESS;
    }
    claims = read_token(ctx, CLOUDEP_TOKEN_ACCESS, token, reason);
    if (!claims) {
        return CLOUDEP_EFORGED;
    }
    remember(ctx, key, claims, access);
    return APR_SUCCESS;
}

cloudep_outcome_t cloudep_read_refresh_token(cloudep_context_t *ctx, const char *token, const cloudep_claims_t **claims)
{
    const char *reason = NULL;

    *claims = read_token(ctx, CLOUDEP_TOKEN_REFRESH, token, &reason);
    if (!*claims) {
        CLOUDEP_LOG(ctx, INFO, 0, CENO(120) "refresh token refused: %s", reason);
        return cloudep_refuse(CLOUDEP_REFRESH_TOKEN_INVALID);
    }
    return cloudep_done();
}

const char *cloudep_public_keys(const cloudep_context_t *ctx)
{
    return ctx->config->run->signing ? cloudep_jwks_public_json(ctx->config->run->signing, ctx->p) : NULL;
}
