/*
 * token.c - our access and refresh tokens: made from a stored session, read back against the key set.
 *
 * Every claim comes from the session's row, so that the same generation always says the same.
 */
#include "core/private.h"

#include <apr_strings.h>
#include <apr_time.h>
#include "base/jose/claims.h"
#include "base/crypto/random.h"

static apr_array_header_t *words(apr_pool_t *p, const char *text)
{
    apr_array_header_t *list = apr_array_make(p, 2, sizeof(const char *));
    char *last;

    for (char *word = apr_strtok(apr_pstrdup(p, text), " ", &last); word; word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

static apr_status_t sign(cloudep_call_t *call, const char **token, cloudep_token_kind_t kind,
                         const cloudep_claims_t *claims)
{
    json_t *json;
    apr_status_t rv = cloudep_claims_to_json(&json, call->p, claims);

    return rv != APR_SUCCESS
               ? rv
               : cloudep_jwt_sign(token, call->p, cloudep_jwks_active(call->config->run->signing, CLOUDEP_KEY_SIGN),
                                  cloudep_claims_typ(kind), json);
}

cloudep_problem_t *cloudep_issue_tokens(cloudep_call_t *call, const cloudep_session_t *session)
{
    apr_int64_t now = apr_time_sec(call->r->request_time);
    cloudep_claims_t claims = {
        .iss = call->config->issuer,
        .aud = call->config->audience,
        .sub = session->uid,
        .tid = session->tenant_id,
        .sid = session->id,
        .auth_time = session->auth_time,
        .amr = words(call->p, session->amr),
    };
    const char *access = NULL;
    const char *refresh = NULL;
    apr_status_t rv;

    claims.jti = apr_psprintf(call->p, "%s.%d", session->id, session->refresh_seq);
    claims.iat = claims.nbf = session->rotated_at;
    claims.exp = session->idle_expires_at;
    rv = sign(call, &refresh, CLOUDEP_TOKEN_REFRESH, &claims);
    if (rv == APR_SUCCESS) {
        rv = cloudep_random_id(&claims.jti, call->p);
    }
    if (rv == APR_SUCCESS) {
        claims.iat = claims.nbf = now;
        claims.exp = now + call->config->access_lifetime;
        if (claims.exp > session->idle_expires_at) {
            claims.exp = session->idle_expires_at; /* never after its end, whether it is refreshed or not */
        }
        rv = sign(call, &access, CLOUDEP_TOKEN_ACCESS, &claims);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "signing a token");
    }
    call->data = json_pack("{ss,ss,sI,ss,ss}", "access_token", access, "refresh_token", refresh, "expires_in",
                           (json_int_t)(claims.exp - now), "uid", session->uid, "token_type", "Bearer");
    return NULL;
}

const cloudep_claims_t *cloudep_read_token(request_rec *r, const cloudep_config_t *config, cloudep_token_kind_t kind,
                                           const char *token, const char **reason)
{
    const cloudep_claims_t *claims;
    const cloudep_jwt_t *jwt;
    cloudep_claims_rule_t rule = {.kind = kind,
                                  .iss = config->issuer,
                                  .aud = config->audience,
                                  .now = apr_time_sec(r->request_time),
                                  .leeway = config->clock_leeway};

    if (cloudep_jwt_verify(&jwt, r->pool, config->run->signing, token, CLOUDEP_JWT_NEED_KID, reason) != APR_SUCCESS ||
        cloudep_claims_check(&claims, r->pool, jwt, &rule, reason) != APR_SUCCESS) {
        return NULL;
    }
    return claims;
}

/* Only the verified are remembered, so a token that is not ours costs its verification each time. */
static void remember(cloudep_call_t *call, const unsigned char *key, const cloudep_claims_t *claims,
                     cloudep_access_t *access)
{
    memset(access, 0, sizeof(*access));
    apr_cpystrn(access->tenant_id, claims->tid, sizeof(access->tenant_id));
    apr_cpystrn(access->session_id, claims->sid, sizeof(access->session_id));
    apr_cpystrn(access->uid, claims->sub, sizeof(access->uid));
    access->expires = claims->exp;
    cloudep_token_cache_put(call->config->run->tokens, key, access);
}

apr_status_t cloudep_read_access_token(cloudep_call_t *call, const char *token, unsigned char *key,
                                       cloudep_access_t *access, const char **reason)
{
    const cloudep_claims_t *claims;
    apr_status_t rv = cloudep_token_key(key, call->config->run->tokens, token);

    if (rv != APR_SUCCESS) {
        *reason = "it could not be hashed";
        return rv;
    }
    if (cloudep_token_cache_get(call->config->run->tokens, key, access) == APR_SUCCESS &&
        apr_time_sec(call->r->request_time) < access->expires + call->config->clock_leeway) {
        return APR_SUCCESS;
    }
    claims = cloudep_read_token(call->r, call->config, CLOUDEP_TOKEN_ACCESS, token, reason);
    if (!claims) {
        return CLOUDEP_EFORGED;
    }
    remember(call, key, claims, access);
    return APR_SUCCESS;
}

const cloudep_claims_t *cloudep_read_refresh_token(cloudep_call_t *call, const char *token)
{
    const char *reason = NULL;
    const cloudep_claims_t *claims = cloudep_read_token(call->r, call->config, CLOUDEP_TOKEN_REFRESH, token, &reason);

    if (!claims) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, call->r, CENO(120) "refresh token refused: %s", reason);
    }
    return claims;
}

const char *cloudep_public_keys(request_rec *r)
{
    const cloudep_config_t *config = cloudep_config_of(r->server);

    return config->run->signing ? cloudep_jwks_public_json(config->run->signing, r->pool) : NULL;
}
