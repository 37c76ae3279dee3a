/*
 * redeem.c - redeems an authorization code for the user that it stands for: token endpoint, id_token, userinfo.
 */
#include "oidc/oidc.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include "base/jose/oidc_request.h"
#include "base/text/json.h"
#include "core/module.h"

#define SECRET_LIFETIME 300 /* seconds, of a client secret that is signed for one request */

/* A code that is being redeemed. */
typedef struct redeem_t {
    const cloudep_oidc_provider_t *provider;
    const cloudep_oidc_metadata_t *metadata;
    const cloudep_oidc_return_t *returned;
    apr_pool_t *p;
} redeem_t;

static apr_status_t disbelieve(const redeem_t *redeem, const char *what, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, redeem->provider->all->s, CENO(521) "OpenID provider %s: %s: %s",
                 redeem->provider->issuer, what, why);
    return CLOUDEP_EPROVIDER;
}

/* ---- token endpoint ---- */

/* What the provider refuses because of the code is not the provider's failure. ZITADEL calls an unknown or used code
 * an invalid request. The words are the provider's, so they are not logged. */
static apr_status_t read_refusal(const redeem_t *redeem, const cloudep_http_response_t *response)
{
    const char *error = NULL;
    const char *ignored;
    json_t *answer;

    if (response->status == HTTP_BAD_REQUEST &&
        cloudep_json_parse(&answer, &ignored, response->body, response->len, redeem->p) == APR_SUCCESS) {
        error = cloudep_claim_text(answer, "error");
    }
    if (error && (!strcmp(error, "invalid_grant") || !strcmp(error, "invalid_request"))) {
        return CLOUDEP_EFORGED;
    }
    return disbelieve(redeem, "token endpoint",
                      error && !strcmp(error, "invalid_client")
                          ? "does not accept our client id and secret"
                          : apr_psprintf(redeem->p, "answers %d", response->status));
}

/* The client secret: the word in the file, or a JWT of this moment that the key in there signs. NULL: there is none. */
static apr_status_t make_secret(const char **secret, const redeem_t *redeem)
{
    const cloudep_oidc_provider_t *provider = redeem->provider;
    const json_int_t now = apr_time_sec(apr_time_now());
    json_t *claims;

    if (!provider->secret_key) {
        *secret = provider->secret;
        return APR_SUCCESS;
    }
    claims = cloudep_json_own(json_pack("{ss,ss,ss,sI,sI}", "iss", provider->team_id, "sub", provider->client_id, "aud",
                                        provider->issuer, "iat", now, "exp", now + SECRET_LIFETIME),
                              redeem->p);
    return claims ? cloudep_jwt_sign(secret, redeem->p, provider->secret_key, "JWT", claims) : APR_ENOMEM;
}

static apr_status_t authenticate(cloudep_http_request_t *request, apr_table_t *form, const redeem_t *redeem)
{
    const cloudep_oidc_provider_t *provider = redeem->provider;
    int basic = provider->auth ? !strcmp(provider->auth, "basic") : redeem->metadata->takes_basic;
    const char *secret = NULL;
    apr_status_t rv = make_secret(&secret, redeem);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (secret && basic) {
        /* Each part is encoded before it becomes Basic (RFC 6749, section 2.3.1). */
        request->user = apr_pescape_urlencoded(redeem->p, provider->client_id);
        request->password = apr_pescape_urlencoded(redeem->p, secret);
        return APR_SUCCESS;
    }
    apr_table_setn(form, "client_id", provider->client_id);
    if (secret) {
        apr_table_setn(form, "client_secret", secret);
    }
    return APR_SUCCESS;
}

static apr_status_t ask_for_tokens(json_t **answer, const redeem_t *redeem)
{
    apr_table_t *form = apr_table_make(redeem->p, 6);
    apr_array_header_t *headers = apr_array_make(redeem->p, 2, sizeof(const char *));
    /* A code that is seen twice may end all that it led to (RFC 6749, section 4.1.2). */
    cloudep_http_request_t request = {.url = redeem->metadata->token_endpoint, .headers = headers, .once = 1};
    cloudep_http_response_t *response;
    const char *ignored;
    apr_status_t rv;

    APR_ARRAY_PUSH(headers, const char *) = "Content-Type: application/x-www-form-urlencoded";
    APR_ARRAY_PUSH(headers, const char *) = "Accept: application/json";
    apr_table_setn(form, "grant_type", "authorization_code");
    apr_table_setn(form, "code", redeem->returned->code);
    apr_table_setn(form, "redirect_uri", redeem->returned->redirect_uri);
    apr_table_setn(form, "code_verifier", redeem->returned->verifier);
    if ((rv = authenticate(&request, form, redeem)) != APR_SUCCESS) {
        return rv;
    }
    request.body = cloudep_form_encode(redeem->p, form);
    request.body_len = strlen(request.body);
    rv = cloudep_oidc_request(&response, redeem->provider, redeem->p, &request);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (response->status != HTTP_OK) {
        return read_refusal(redeem, response);
    }
    return cloudep_json_parse(answer, &ignored, response->body, response->len, redeem->p) == APR_SUCCESS
               ? APR_SUCCESS
               : disbelieve(redeem, "token endpoint", "the answer is not a JSON object");
}

/* ---- who it is ---- */

static apr_status_t read_idtoken(const cloudep_idtoken_t **idtoken, cloudep_oidc_profile_t *profile,
                                 const redeem_t *redeem, const char *token)
{
    const cloudep_idtoken_rule_t rule = {.issuer = redeem->provider->issuer,
                                         .audience = redeem->provider->client_id,
                                         .nonce = redeem->returned->nonce,
                                         .now = apr_time_sec(apr_time_now()),
                                         .leeway = redeem->provider->all->config->oidc_leeway};
    const cloudep_jwt_t *jwt;
    const char *reason;
    apr_status_t rv = cloudep_oidc_verify(&jwt, redeem->provider, redeem->p, token, &reason);

    if (rv != APR_SUCCESS) {
        return disbelieve(redeem, "id_token", reason);
    }
    rv = cloudep_idtoken_check(idtoken, redeem->p, jwt, &rule, &reason);
    if (rv == CLOUDEP_EFORGED) {
        return rv; /* another nonce: the code of another login was put in here */
    }
    if (rv != APR_SUCCESS) {
        return disbelieve(redeem, "id_token", reason);
    }
    if (profile) {
        cloudep_oidc_profile_read(profile, redeem->p, jwt->claims);
    }
    return APR_SUCCESS;
}

static apr_status_t ask_userinfo(cloudep_oidc_profile_t *profile, const redeem_t *redeem, const char *subject,
                                 const char *access_token)
{
    apr_array_header_t *headers = apr_array_make(redeem->p, 2, sizeof(const char *));
    cloudep_http_request_t request = {.url = redeem->metadata->userinfo_endpoint, .headers = headers};
    cloudep_http_response_t *response;
    const char *ignored;
    const char *about;
    json_t *claims;
    apr_status_t rv;

    APR_ARRAY_PUSH(headers, const char *) = apr_pstrcat(redeem->p, "Authorization: Bearer ", access_token, NULL);
    APR_ARRAY_PUSH(headers, const char *) = "Accept: application/json";
    rv = cloudep_oidc_request(&response, redeem->provider, redeem->p, &request);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (response->status != HTTP_OK) {
        return disbelieve(redeem, "userinfo", apr_psprintf(redeem->p, "answers %d", response->status));
    }
    if (cloudep_json_parse(&claims, &ignored, response->body, response->len, redeem->p) != APR_SUCCESS) {
        return disbelieve(redeem, "userinfo", "the answer is not a JSON object");
    }
    about = cloudep_claim_text(claims, "sub");
    if (!about || strcmp(about, subject) != 0) {
        return disbelieve(redeem, "userinfo", "it is about somebody else"); /* OpenID Connect Core 5.3.2 */
    }
    cloudep_oidc_profile_read(profile, redeem->p, claims);
    return APR_SUCCESS;
}

apr_status_t cloudep_oidc_redeem(const char **subject, cloudep_oidc_profile_t *profile,
                                 const cloudep_oidc_provider_t *provider, apr_pool_t *p,
                                 const cloudep_oidc_return_t *returned)
{
    redeem_t redeem = {.provider = provider, .returned = returned, .p = p};
    const cloudep_idtoken_t *idtoken = NULL;
    const char *id_token, *access_token;
    json_t *answer = NULL;
    apr_status_t rv = cloudep_oidc_metadata(&redeem.metadata, provider, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!redeem.metadata->token_endpoint) {
        return disbelieve(&redeem, "discovery document", "it names no token endpoint");
    }
    rv = ask_for_tokens(&answer, &redeem);
    if (rv != APR_SUCCESS || !answer) {
        return rv != APR_SUCCESS ? rv : CLOUDEP_EDATA;
    }
    id_token = cloudep_claim_text(answer, "id_token");
    access_token = cloudep_claim_text(answer, "access_token");
    if (!id_token) {
        return disbelieve(&redeem, "token endpoint", "the answer has no id_token");
    }
    rv = read_idtoken(&idtoken, profile, &redeem, id_token);
    if (rv != APR_SUCCESS || !idtoken) {
        return rv != APR_SUCCESS ? rv : CLOUDEP_EDATA;
    }
    *subject = idtoken->subject;
    return profile && !cloudep_oidc_believes(provider, profile) && access_token && redeem.metadata->userinfo_endpoint
               ? ask_userinfo(profile, &redeem, idtoken->subject, access_token)
               : APR_SUCCESS;
}

int cloudep_oidc_believes(const cloudep_oidc_provider_t *provider, const cloudep_oidc_profile_t *profile)
{
    return profile->email_state == CLOUDEP_EMAIL_VERIFIED ||
           (profile->email_state == CLOUDEP_EMAIL_UNSTATED && provider->trusts_email);
}
