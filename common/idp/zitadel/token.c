/*
 * token.c - the access token of our service account: a personal access token as it is, or one fetched
 * with a signed assertion (RFC 7523 section 2.1) and fetched again before it ends.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include "base/text/json.h"
#include "base/jose/jwt.h"
#include "core/secret_file.h"

#define KEY_FILE_MAX 16384
#define ASSERTION_LIFETIME 300 /* seconds */
#define ASSERTION_BACKDATED 5  /* ZITADEL refuses an assertion that was issued in the future */
#define RETRY apr_time_from_sec(30)
#define API_SCOPE "openid%20urn:zitadel:iam:org:project:id:zitadel:aud"
#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"

/* ---- The key file --------------------------------------------------------------------------------------- */

/* {"type":"serviceaccount","keyId":"..","key":"-----BEGIN RSA PRIVATE KEY-----..","userId":".."} */
static apr_status_t parse_key(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const char *text, apr_size_t len)
{
    const char *reason;
    const char *id;
    const char *pem;
    json_t *file;
    json_t *jwk;
    json_t *set;
    const cloudep_jwks_t *keys;
    apr_status_t rv = cloudep_json_parse(&file, &reason, text, len, pconf);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    id = json_string_value(json_object_get(file, "keyId"));
    pem = json_string_value(json_object_get(file, "key"));
    zitadel->user_id = json_string_value(json_object_get(file, "userId"));
    if (!id || !pem || !zitadel->user_id) {
        return CLOUDEP_EMALFORMED;
    }
    rv = cloudep_jwk_of_pem(&jwk, pconf, pem, id, "RS256");
    if (rv != APR_SUCCESS) {
        return rv;
    }
    set = cloudep_json_own(json_pack("{s[O]}", "keys", jwk), pconf);
    rv = set ? cloudep_jwks_from_json(&keys, pconf, set, CLOUDEP_JWKS_OWN, &reason) : APR_ENOMEM;
    if (rv == APR_SUCCESS) {
        zitadel->key = cloudep_jwks_active(keys, CLOUDEP_KEY_SIGN);
    }
    return rv;
}

apr_status_t zitadel_key_load(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const char *path, const char **error)
{
    const char *text;
    apr_size_t len;
    apr_status_t rv = cloudep_secret_file(&text, &len, pconf, "CloudEPZitadelKeyFile", path, KEY_FILE_MAX, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = parse_key(zitadel, pconf, text, len);
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pconf, "CloudEPZitadelKeyFile %s: not a service account's key file", path);
    }
    return rv;
}

/* ---- Fetching ------------------------------------------------------------------------------------------- */

static apr_status_t make_assertion(const char **assertion, const cloudep_idp_context_t *ctx)
{
    const cloudep_zitadel_t *zitadel = zitadel_of(ctx);
    const json_int_t now = apr_time_sec(apr_time_now());
    json_t *claims =
        cloudep_json_own(json_pack("{ss,ss,ss,sI,sI}", "iss", zitadel->user_id, "sub", zitadel->user_id, "aud",
                                   zitadel->url, "iat", now - ASSERTION_BACKDATED, "exp", now + ASSERTION_LIFETIME),
                         ctx->p);

    return claims ? cloudep_jwt_sign(assertion, ctx->p, zitadel->key, "JWT", claims) : APR_ENOMEM;
}

/* Tells why there is no token, without a word of what was sent or came back. */
static apr_status_t no_token(const cloudep_idp_context_t *ctx, int status, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, ctx->s,
                 CENO(614) "ZITADEL gives the service account no token: HTTP %d, %s%s", status, why,
                 status == 500 ? " (an assertion is also refused when the clocks differ)" : "");
    return CLOUDEP_EPROVIDER;
}

static apr_status_t fetch(const char **token, apr_int64_t *lifetime, const cloudep_idp_context_t *ctx)
{
    const cloudep_zitadel_t *zitadel = zitadel_of(ctx);
    apr_array_header_t *headers = apr_array_make(ctx->p, 2, sizeof(const char *));
    cloudep_http_request_t request = {.url = apr_pstrcat(ctx->p, zitadel->url, "/oauth/v2/token", NULL),
                                      .headers = headers,
                                      .ca_file = ctx->config->ca_file,
                                      .connect_timeout = ctx->config->zitadel_connect_timeout,
                                      .total_timeout = ctx->config->zitadel_timeout,
                                      .max_bytes = 65536,
                                      .stop = ctx->r ? NULL : zitadel_deferred_stop(zitadel->deferred)};
    cloudep_http_response_t *response;
    const char *assertion;
    const char *reason;
    json_t *body;
    apr_status_t rv = make_assertion(&assertion, ctx);

    if (rv != APR_SUCCESS) {
        return no_token(ctx, 0, "signing failed");
    }
    APR_ARRAY_PUSH(headers, const char *) = "Content-Type: application/x-www-form-urlencoded";
    APR_ARRAY_PUSH(headers, const char *) = "Accept: application/json";
    request.body = apr_pstrcat(ctx->p, "grant_type=" JWT_BEARER "&scope=" API_SCOPE "&assertion=", assertion, NULL);
    request.body_len = strlen(request.body);
    rv = cloudep_http_exchange(&response, zitadel->http, ctx->p, &request);
    if (rv != APR_SUCCESS) {
        return no_token(ctx, 0, "no answer");
    }
    if (response->status != 200) {
        return no_token(ctx, response->status, "refused");
    }
    rv = cloudep_json_parse(&body, &reason, response->body, response->len, ctx->p);
    *token = rv == APR_SUCCESS ? json_string_value(json_object_get(body, "access_token")) : NULL;
    *lifetime = rv == APR_SUCCESS ? json_integer_value(json_object_get(body, "expires_in")) : 0;
    return *token && *lifetime > 0 ? APR_SUCCESS : no_token(ctx, response->status, "not an answer");
}

/* ---- The cache ------------------------------------------------------------------------------------------ */

static void forget(zitadel_token_t *token)
{
    if (token->text) {
        OPENSSL_cleanse(token->text, strlen(token->text));
        free(token->text);
    }
    token->text = NULL;
}

static apr_status_t cleanup(void *token)
{
    forget(token);
    return APR_SUCCESS;
}

apr_status_t zitadel_token_init(zitadel_token_t *token, apr_pool_t *pchild)
{
    apr_status_t rv = apr_thread_mutex_create(&token->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);

    apr_pool_cleanup_register(pchild, token, cleanup, apr_pool_cleanup_null);
    return rv == APR_SUCCESS ? apr_thread_cond_create(&token->done, pchild) : rv;
}

/* Under the mutex: whether there is a token that has not expired and was not refused. */
static int is_good(const zitadel_token_t *cache, const char *refused, apr_time_t now)
{
    return cache->text && now < cache->expires && !(refused && !strcmp(cache->text, refused));
}

/* Under the mutex, which is unlocked during the fetch. After a failure a token that is still good stays in use. */
static void renew(const cloudep_idp_context_t *ctx)
{
    zitadel_token_t *cache = &zitadel_of(ctx)->token;
    const char *text = NULL;
    apr_int64_t lifetime = 0;
    apr_status_t rv;

    cache->fetching = 1;
    apr_thread_mutex_unlock(cache->mutex);
    rv = fetch(&text, &lifetime, ctx);
    apr_thread_mutex_lock(cache->mutex);
    cache->fetching = 0;
    cache->fetches++;
    if (rv == APR_SUCCESS && text) {
        const apr_time_t now = apr_time_now();

        forget(cache);
        cache->text = strdup(text);
        cache->expires = now + apr_time_from_sec(lifetime);
        cache->renew = now + apr_time_from_sec(lifetime) * 4 / 5;
    }
    else {
        cache->renew = apr_time_now() + RETRY;
    }
    apr_thread_cond_broadcast(cache->done);
}

/* Under the mutex: fetches one, or waits for the fetch of another thread, no longer than that may take. */
static void get(const cloudep_idp_context_t *ctx, const char *refused)
{
    zitadel_token_t *cache = &zitadel_of(ctx)->token;
    const apr_uint32_t fetches = cache->fetches;
    const apr_time_t end = apr_time_now() + apr_time_from_msec(ctx->config->zitadel_timeout);
    apr_interval_time_t left;

    while (!is_good(cache, refused, apr_time_now()) && fetches == cache->fetches) {
        if (!cache->fetching) {
            renew(ctx);
        }
        else if ((left = end - apr_time_now()) > 0) {
            (void)apr_thread_cond_timedwait(cache->done, cache->mutex, left);
        }
        else {
            return;
        }
    }
}

apr_status_t zitadel_token(const char **token, const cloudep_idp_context_t *ctx, const char *refused)
{
    zitadel_token_t *cache = &zitadel_of(ctx)->token;

    *token = zitadel_of(ctx)->pat;
    if (*token) {
        return APR_SUCCESS;
    }
    apr_thread_mutex_lock(cache->mutex);
    get(ctx, refused);
    if (is_good(cache, refused, apr_time_now()) && apr_time_now() >= cache->renew && !cache->fetching) {
        renew(ctx);
    }
    if (is_good(cache, refused, apr_time_now())) {
        *token = apr_pstrdup(ctx->p, cache->text);
    }
    apr_thread_mutex_unlock(cache->mutex);
    return *token ? APR_SUCCESS : CLOUDEP_EPROVIDER;
}
