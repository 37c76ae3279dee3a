/*
 * social.c - a login at a social provider from its start to the return: what is remembered meanwhile, and who may
 * return with it.
 *
 * state is <id>.<expires>.<MAC>: genuine, or not, whatever memcached knows. The record under the id is sealed and
 * serves once. Only the client that started may finish: a browser proves it by its cookie, and a client without cookies
 * by the session_id that it was given. Else an attacker could have a victim finish the attacker's login, and use their
 * account.
 */
#include "oidc/social.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "base/jose/oidc_request.h"
#include "base/text/json.h"
#include "oidc/oidc.h"
#include "service/throttle.h"

#define MAC_LABEL "cloudep social state"
#define CONTRACT_PROVIDER "google" /* known, be it configured or not */
#define BROWSER_ID_LENGTH 22       /* as cloudep_random_id() makes them */

/* What only this file needs of a login: who started it, and what the provider has to be told at its end. */
typedef struct record_t {
    const char *session_id;
    const char *browser;
    const char *verifier;
    const char *nonce;
} record_t;

struct cloudep_social_login_t {
    cloudep_social_t social;
    record_t record;
};

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

/* ---- state ---- */

static const char *signed_part(apr_pool_t *p, const char *purpose, const char *id, apr_int64_t expires)
{
    return apr_psprintf(p, "%s.%s.%" APR_INT64_T_FMT, purpose, id, expires);
}

static apr_status_t make_state(const char **state, cloudep_context_t *ctx, const cloudep_challenge_t *challenge)
{
    const apr_int64_t expires = apr_time_sec(challenge->expires);
    const char *text = signed_part(ctx->p, challenge->spec.purpose, challenge->id, expires);
    const char *mac;
    apr_status_t rv = cloudep_mac(&mac, ctx->p, ctx->config->run->sealing, NULL, MAC_LABEL, text, strlen(text));

    *state = rv == APR_SUCCESS ? apr_psprintf(ctx->p, "%s.%" APR_INT64_T_FMT ".%s", challenge->id, expires, mac) : NULL;
    return rv;
}

/* CLOUDEP_EFORGED: we did not make it, or not for this purpose. CLOUDEP_EEXPIRED. */
static apr_status_t read_state(const char **id, cloudep_context_t *ctx, const char *purpose, const char *state)
{
    const char *dot = strchr(state, '.');
    const char *mac = dot ? strchr(dot + 1, '.') : NULL;
    const char *text;
    apr_int64_t expires;

    if (!mac) {
        return CLOUDEP_EFORGED;
    }
    *id = apr_pstrmemdup(ctx->p, state, (apr_size_t)(dot - state));
    expires = apr_atoi64(dot + 1);
    text = signed_part(ctx->p, purpose, *id, expires);
    if (cloudep_mac_check(ctx->p, ctx->config->run->sealing, MAC_LABEL, text, strlen(text), mac + 1) != APR_SUCCESS) {
        return CLOUDEP_EFORGED;
    }
    return expires <= cloudep_now(ctx) ? CLOUDEP_EEXPIRED : APR_SUCCESS;
}

/* ---- the record ---- */

static const char *seal_aad(apr_pool_t *p, const char *purpose, const char *tenant_id)
{
    return apr_pstrcat(p, "social ", purpose, " ", tenant_id, NULL);
}

static apr_status_t seal_record(const char **sealed, cloudep_context_t *ctx, const cloudep_social_t *social,
                                const record_t *record)
{
    json_t *json = cloudep_json_own(
        json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:b, s:s, s:s, s:s, s:s}", "provider", social->provider, "redirect_uri",
                  social->redirect_uri, "invite", social->invite_code, "terms", social->terms_version, "language",
                  social->language, "marketing", social->marketing_opt_in, "session_id", record->session_id, "browser",
                  record->browser, "verifier", record->verifier, "nonce", record->nonce),
        ctx->p);
    apr_size_t length = json ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;
    char *text = apr_palloc(ctx->p, length + 1);
    apr_status_t rv;

    if (!length || json_dumpb(json, text, length, JSON_COMPACT) != length) {
        return APR_ENOMEM;
    }
    rv = cloudep_seal(sealed, ctx->p, ctx->config->run->sealing, text, length,
                      seal_aad(ctx->p, social->purpose, social->tenant_id));
    OPENSSL_cleanse(text, length);
    return rv;
}

static apr_status_t open_record(cloudep_social_login_t *login, cloudep_context_t *ctx,
                                const cloudep_challenge_t *challenge)
{
    cloudep_social_t *social = &login->social;
    record_t *record = &login->record;
    const unsigned char *text;
    apr_size_t length;
    const char *ignored;
    json_t *json;

    social->purpose = challenge->spec.purpose;
    social->tenant_id = challenge->spec.tenant_id;
    if (!challenge->spec.extra ||
        cloudep_unseal(&text, &length, ctx->p, ctx->config->run->sealing, challenge->spec.extra,
                       seal_aad(ctx->p, social->purpose, social->tenant_id)) != APR_SUCCESS ||
        cloudep_json_parse(&json, &ignored, (const char *)text, length, ctx->p) != APR_SUCCESS ||
        json_unpack(json, "{s:s, s:s, s?s, s?s, s?s, s:b, s:s, s:s, s:s, s:s}", "provider", &social->provider,
                    "redirect_uri", &social->redirect_uri, "invite", &social->invite_code, "terms",
                    &social->terms_version, "language", &social->language, "marketing", &social->marketing_opt_in,
                    "session_id", &record->session_id, "browser", &record->browser, "verifier", &record->verifier,
                    "nonce", &record->nonce)) {
        return CLOUDEP_EDATA;
    }
    return APR_SUCCESS;
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

/* A cookie that is there decides: whoever wrote the address that a browser follows can write a session_id into it. */
static int has_started(const cloudep_context_t *ctx, const record_t *record, const char *browser,
                       const char *session_id)
{
    if (!ctx->config->social_binding) {
        return 1;
    }
    if (browser) {
        return same(browser, record->browser);
    }
    return session_id && same(session_id, record->session_id);
}

/* ---- start ---- */

static const char *authorization_url(cloudep_context_t *ctx, const cloudep_oidc_provider_t *provider,
                                     const cloudep_oidc_metadata_t *metadata, const char *redirect_uri,
                                     const char *state, const char *nonce, const char *challenge)
{
    apr_table_t *query = apr_table_copy(ctx->p, provider->parameters);

    apr_table_setn(query, "response_type", "code");
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
static apr_status_t make_record(record_t *record, apr_pool_t *p, const char *browser)
{
    apr_status_t rv = browser_id(&record->browser, p, browser);

    if (rv != APR_SUCCESS || (rv = cloudep_random_id(&record->session_id, p)) != APR_SUCCESS ||
        (rv = cloudep_random_id(&record->nonce, p)) != APR_SUCCESS) {
        return rv;
    }
    return cloudep_pkce_verifier(&record->verifier, p);
}

/* Seals what is to be remembered and stores it; *state names it. */
static apr_status_t remember(const char **state, cloudep_context_t *ctx, const cloudep_social_t *social,
                             const record_t *record)
{
    cloudep_challenge_spec_t spec = {.tenant_id = social->tenant_id, .purpose = social->purpose};
    cloudep_challenge_t *challenge;
    apr_status_t rv = seal_record(&spec.extra, ctx, social, record);

    if (rv != APR_SUCCESS || (rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), &spec,
                                                          (apr_uint32_t)ctx->config->social_lifetime, ctx->p))) {
        return rv;
    }
    return make_state(state, ctx, challenge);
}

cloudep_outcome_t cloudep_social_begin(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                                       cloudep_social_redirect_t *out)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, social->provider);
    const cloudep_oidc_metadata_t *metadata;
    const char *state, *challenge;
    record_t record;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (cloudep_failed(outcome = cloudep_claim_social_start(ctx, social->tenant_id))) {
        return outcome;
    }
    if (cloudep_failed(outcome = find_endpoint(ctx, provider, &metadata))) {
        return outcome;
    }
    if ((rv = make_record(&record, ctx->p, browser)) != APR_SUCCESS ||
        (rv = cloudep_pkce_challenge(&challenge, ctx->p, record.verifier)) != APR_SUCCESS ||
        (rv = remember(&state, ctx, social, &record)) != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "remembering the login");
    }
    out->url = authorization_url(ctx, provider, metadata, social->redirect_uri, state, record.nonce, challenge);
    out->session_id = record.session_id;
    out->browser = record.browser;
    out->expires_in = ctx->config->social_lifetime;
    return cloudep_done();
}

/* ---- return ---- */

/* One answer for all that is wrong with a state; the log has the reason. */
static cloudep_outcome_t refuse_state(cloudep_context_t *ctx, const char *why)
{
    CLOUDEP_LOG(ctx, INFO, 0, CENO(522) "state refused: %s", why);
    return cloudep_refuse(CLOUDEP_STATE_INVALID);
}

/* A code must not go to another provider than the one that gave it, whatever the browser was talked into (RFC 9207). */
static int is_from_provider(const cloudep_context_t *ctx, const cloudep_social_t *social, const char *issuer)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, social->provider);

    return !issuer || !provider || !strcmp(issuer, provider->issuer);
}

static cloudep_cache_key_t used_key(const char *id)
{
    return cloudep_cache_key_near(id, "social used", CLOUDEP_KEY_PARTS(id));
}

/* A genuine state without its record: used, or lost with memcached. */
static cloudep_outcome_t explain_missing(cloudep_context_t *ctx, const char *id)
{
    char *ignored;
    apr_status_t rv = cloudep_cache_get(&ignored, NULL, cloudep_challenges(ctx)->cache, used_key(id), ctx->p);

    if (rv == APR_SUCCESS) {
        return refuse_state(ctx, "it was used before");
    }
    return rv == APR_NOTFOUND ? cloudep_refuse(CLOUDEP_LOGIN_LOST) : cloudep_failure(ctx, rv, "looking up the login");
}

/* Of all requests that bring the same state one gets through. */
static cloudep_outcome_t use_up(cloudep_context_t *ctx, const cloudep_challenge_t *challenge)
{
    apr_uint32_t remaining = cloudep_challenge_remaining(challenge);
    apr_status_t rv = cloudep_cache_add(cloudep_challenges(ctx)->cache, used_key(challenge->id), "1", 1,
                                        (remaining ? remaining : 1) + 2);

    if (rv == APR_SUCCESS) {
        rv = cloudep_challenge_consume(challenge, cloudep_challenges(ctx), ctx->p);
    }
    if (rv == APR_EEXIST || rv == APR_NOTFOUND) {
        return refuse_state(ctx, "it was used before");
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "using up the login's state");
}

/* The record of a state, and what it says. */
static cloudep_outcome_t recall(cloudep_context_t *ctx, const char *id, cloudep_challenge_t **challenge,
                                cloudep_social_login_t *login)
{
    apr_status_t rv = cloudep_challenge_load(challenge, cloudep_challenges(ctx), id, ctx->p);

    if (rv == APR_NOTFOUND) {
        return explain_missing(ctx, id);
    }
    if (rv != APR_SUCCESS || (rv = open_record(login, ctx, *challenge)) != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the login");
    }
    cloudep_note(ctx, login->social.tenant_id, NULL, login->social.provider);
    return cloudep_done();
}

cloudep_outcome_t cloudep_social_return(cloudep_context_t *ctx, const char *purpose, const char *state,
                                        const char *browser, const char *session_id, const char *issuer,
                                        const cloudep_social_login_t **out)
{
    cloudep_social_login_t *login = apr_pcalloc(ctx->p, sizeof(*login));
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome;
    const char *id;
    apr_status_t rv = read_state(&id, ctx, purpose, state);

    if (rv != APR_SUCCESS) {
        return refuse_state(ctx, rv == CLOUDEP_EEXPIRED ? "it has expired" : "it is forged, or of another purpose");
    }
    if (cloudep_failed(outcome = recall(ctx, id, &challenge, login))) {
        return outcome;
    }
    if (!has_started(ctx, &login->record, browser, session_id)) {
        return refuse_state(ctx, "it was started by another browser");
    }
    if (!is_from_provider(ctx, &login->social, issuer)) {
        return refuse_state(ctx, "another provider answers");
    }
    *out = login;
    return use_up(ctx, challenge);
}

cloudep_outcome_t cloudep_social_redeem(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                        cloudep_social_account_t *account)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(ctx->config->run->oidc, login->social.provider);
    const cloudep_oidc_return_t returned = {.code = code,
                                            .redirect_uri = login->social.redirect_uri,
                                            .verifier = login->record.verifier,
                                            .nonce = login->record.nonce};
    cloudep_oidc_profile_t profile;
    apr_status_t rv;

    if (!provider) {
        return cloudep_refuse(CLOUDEP_PROVIDER_NOT_CONFIGURED);
    }
    account->identity.issuer = provider->issuer;
    rv = cloudep_oidc_redeem(&account->identity.subject, &profile, provider, ctx->p, &returned);
    if (rv == CLOUDEP_EFORGED) {
        CLOUDEP_LOG(ctx, INFO, 0, CENO(1220) "the provider does not accept the authorization code");
        return cloudep_refuse(CLOUDEP_AUTHORIZATION_INVALID);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "asking the provider who it is");
    }
    if (!profile.email_verified) {
        return cloudep_refuse(CLOUDEP_EMAIL_UNVERIFIED);
    }
    account->email = profile.email;
    account->name = profile.name;
    return cloudep_done();
}
