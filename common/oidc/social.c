/*
 * social.c - a login at a social provider: its start, who may return from it, and whom the provider means.
 *
 * What is remembered meanwhile, social_proof.c, serves once. Only the client that started may finish: a browser proves
 * it by its cookie, and a client without cookies by the session_id that it was given. Else an attacker could have a
 * victim finish the attacker's login, and use their account.
 */
#include "oidc/social.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/random.h"
#include "base/jose/oidc_request.h"
#include "oidc/oidc.h"
#include "oidc/social_record.h"
#include "service/throttle.h"

#define CONTRACT_PROVIDER "google" /* known, be it configured or not */
#define BROWSER_ID_LENGTH 22       /* as cloudep_random_id() makes them */

const cloudep_social_t *cloudep_social_remembered(const cloudep_social_login_t *login)
{
    return &login->social;
}

cloudep_outcome_t cloudep_social_find(cloudep_context_t *ctx, apr_size_t field, const char *name)
{
    const cloudep_oidc_t *oidc = ctx->config->run->oidc;
    const char *names = CONTRACT_PROVIDER;

    if (cloudep_oidc_social(oidc, name)) {
        return cloudep_done();
    }
    if (!strcmp(name, CONTRACT_PROVIDER)) {
        return cloudep_refuse(CLOUDEP_PROVIDER_NOT_CONFIGURED);
    }
    for (int i = 0; i < oidc->social->nelts; i++) {
        const cloudep_oidc_provider_t *provider = APR_ARRAY_IDX(oidc->social, i, const cloudep_oidc_provider_t *);

        if (strcmp(provider->name, CONTRACT_PROVIDER) != 0) {
            names = apr_pstrcat(ctx->p, names, ", ", provider->name, NULL);
        }
    }
    return cloudep_invalid(field, CLOUDEP_RULE_CHOICE, apr_pstrcat(ctx->p, "must be one of: ", names, NULL));
}

/* ---- the browser ---- */

/* The id that the browser has already, so that logins in several tabs do not shut each other out, or a new one. */
static apr_status_t browser_id(const char **id, apr_pool_t *p, const char *given)
{
    if (given && strlen(given) == BROWSER_ID_LENGTH &&
        strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == BROWSER_ID_LENGTH) {
        *id = given;
        return APR_SUCCESS;
    }
    return cloudep_random_id(id, p);
}

static int same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(b)) == 0;
}

/*
 * A cookie that is there decides: whoever wrote the address that a browser follows can write a session_id into it. What
 * links an account is ended by the live session that began it, whatever the settings.
 */
static int has_started(const cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *browser,
                       const char *session_id)
{
    const cloudep_social_proof_t *proof = &login->proof;

    if (login->social.live_session) {
        return session_id && same(session_id, login->social.live_session);
    }
    if (!ctx->config->social_binding) {
        return 1;
    }
    if (browser) {
        return same(browser, proof->browser);
    }
    return session_id && same(session_id, proof->session_id);
}

/* ---- start ---- */

static const char *authorization_url(cloudep_context_t *ctx, const cloudep_oidc_provider_t *provider,
                                     const cloudep_oidc_metadata_t *metadata, const char *redirect_uri,
                                     const char *state, const char *nonce, const char *challenge)
{
    apr_table_t *query = apr_table_copy(ctx->p, provider->parameters);

    apr_table_setn(query, "response_type", "code");
    if (provider->response_mode) {
        apr_table_setn(query, "response_mode", provider->response_mode);
    }
    apr_table_setn(query, "client_id", provider->client_id);
    apr_table_setn(query, "redirect_uri", redirect_uri);
    apr_table_setn(query, "scope", provider->scope);
    apr_table_setn(query, "state", state);
    apr_table_setn(query, "nonce", nonce);
    apr_table_setn(query, "code_challenge", challenge);
    apr_table_setn(query, "code_challenge_method", "S256");
    return cloudep_url_with_query(ctx->p, metadata->authorization_endpoint, query);
}

/* The endpoint that the browser is sent to, read from the provider where need be. */
static cloudep_outcome_t find_endpoint(cloudep_context_t *ctx, const cloudep_oidc_provider_t *provider,
                                       const cloudep_oidc_metadata_t **metadata)
{
    const char *scheme;
    const char *host;
    apr_status_t rv = cloudep_oidc_metadata(metadata, provider, ctx->p);

    if (rv == APR_SUCCESS &&
        (!(*metadata)->authorization_endpoint ||
         cloudep_http_split(&scheme, &host, ctx->p, (*metadata)->authorization_endpoint) != APR_SUCCESS ||
         (strcmp(scheme, "https") != 0 && !cloudep_http_is_loopback(host)))) {
        rv = CLOUDEP_EPROVIDER;
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "asking the provider where to log in");
}

/* What proves at the return that it is the same browser, client and provider. */
static apr_status_t make_proof(cloudep_social_proof_t *proof, apr_pool_t *p, const char *browser)
{
    apr_status_t rv = browser_id(&proof->browser, p, browser);

    if (rv != APR_SUCCESS || (rv = cloudep_random_id(&proof->session_id, p)) != APR_SUCCESS ||
        (rv = cloudep_random_id(&proof->nonce, p)) != APR_SUCCESS) {
        return rv;
    }
    return cloudep_pkce_verifier(&proof->verifier, p);
}

cloudep_outcome_t cloudep_social_begin(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                                       cloudep_social_redirect_t *out)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, social->provider);
    const cloudep_oidc_metadata_t *metadata;
    const char *state, *challenge;
    cloudep_social_proof_t proof;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (cloudep_failed(outcome = cloudep_claim_social_start(ctx, social->tenant_id))) {
        return outcome;
    }
    if (cloudep_failed(outcome = find_endpoint(ctx, provider, &metadata))) {
        return outcome;
    }
    if ((rv = make_proof(&proof, ctx->p, browser)) != APR_SUCCESS ||
        (rv = cloudep_pkce_challenge(&challenge, ctx->p, proof.verifier)) != APR_SUCCESS ||
        (rv = cloudep_social_remember(&state, ctx, social, &proof)) != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "remembering the login");
    }
    out->url = authorization_url(ctx, provider, metadata, social->redirect_uri, state, proof.nonce, challenge);
    out->session_id = proof.session_id;
    out->browser = proof.browser;
    out->expires_in = ctx->config->social_lifetime;
    return cloudep_done();
}

/* ---- return ---- */

/* A code must not go to another provider than the one that gave it, whatever the browser was talked into (RFC 9207). */
static int is_from_provider(const cloudep_context_t *ctx, const cloudep_social_t *social, const char *issuer)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, social->provider);

    return !issuer || !provider || !strcmp(issuer, provider->issuer);
}

cloudep_outcome_t cloudep_social_return(cloudep_context_t *ctx, const char *purpose, const char *state,
                                        const char *browser, const char *session_id, const char *issuer,
                                        const cloudep_social_login_t **out)
{
    cloudep_social_login_t *login;
    cloudep_outcome_t outcome = cloudep_social_recall(ctx, purpose, state, &login);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!has_started(ctx, login, browser, session_id)) {
        return cloudep_social_refuse_state(ctx, "it was started by another browser");
    }
    if (!is_from_provider(ctx, &login->social, issuer)) {
        return cloudep_social_refuse_state(ctx, "another provider answers");
    }
    *out = login;
    return cloudep_social_use_up(ctx, login);
}

/* profile NULL: who it is matters, and nothing else about them. */
static cloudep_outcome_t redeem(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                cloudep_identity_t *identity, cloudep_oidc_profile_t *profile)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, login->social.provider);
    const cloudep_oidc_return_t returned = {.code = code,
                                            .redirect_uri = login->social.redirect_uri,
                                            .verifier = login->proof.verifier,
                                            .nonce = login->proof.nonce};
    apr_status_t rv;

    if (!provider) {
        return cloudep_refuse(CLOUDEP_PROVIDER_NOT_CONFIGURED);
    }
    identity->issuer = provider->issuer;
    rv = cloudep_oidc_redeem(&identity->subject, profile, provider, ctx->p, &returned);
    if (rv == CLOUDEP_EFORGED) {
        CLOUDEP_LOG(ctx, INFO, 0, CENO(1220) "the provider does not accept the authorization code");
        return cloudep_refuse(CLOUDEP_AUTHORIZATION_INVALID);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "asking the provider who it is");
}

cloudep_outcome_t cloudep_social_identify(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                          cloudep_identity_t *identity)
{
    return redeem(ctx, login, code, identity, NULL);
}

/* Tells the operator why an address is not believed: there may be a parameter to set. */
static void tell_why(cloudep_context_t *ctx, const char *provider, cloudep_email_state_e state)
{
    if (state == CLOUDEP_EMAIL_UNSTATED) {
        CLOUDEP_LOG(ctx, WARNING, 0,
                    CENO(1282) "no registration by provider %s: it does not say whether an address is verified; "
                               "email=trusted believes it all the same",
                    provider);
        return;
    }
    CLOUDEP_LOG(ctx, INFO, 0, CENO(1281) "no registration by provider %s: %s", provider,
                state == CLOUDEP_EMAIL_ABSENT
                    ? "it sends no address that mail gets to; see to the scope, and to what the client may read there"
                    : "it says that the address is not verified");
}

cloudep_outcome_t cloudep_social_redeem(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                        cloudep_social_account_t *account)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, login->social.provider);
    cloudep_oidc_profile_t profile = {0};
    cloudep_outcome_t outcome = redeem(ctx, login, code, &account->identity, &profile);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!cloudep_oidc_believes(provider, &profile)) {
        tell_why(ctx, provider->name, profile.email_state);
        return cloudep_refuse(CLOUDEP_EMAIL_UNVERIFIED);
    }
    account->email = profile.email;
    account->name = profile.name ? profile.name : cloudep_social_kept_name(ctx, login);
    return cloudep_done();
}

cloudep_outcome_t cloudep_social_find_page(cloudep_context_t *ctx, const char *purpose, const char *state,
                                           const char *user, const char **page)
{
    const cloudep_oidc_provider_t *provider;
    cloudep_social_login_t *login;
    const char *name = user ? cloudep_oidc_user_name(ctx->p, user) : NULL;
    cloudep_outcome_t outcome = cloudep_social_recall(ctx, purpose, state, &login);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    provider = cloudep_oidc_social(ctx->config->run->oidc, login->social.provider);
    if (!provider) {
        return cloudep_refuse(CLOUDEP_PROVIDER_NOT_CONFIGURED);
    }
    if (!provider->page) {
        return cloudep_social_refuse_state(ctx, "its provider does not answer by form_post");
    }
    if (name) {
        cloudep_social_keep_name(ctx, login, name);
    }
    *page = provider->page;
    return cloudep_done();
}
