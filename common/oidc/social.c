/*
 * social.c - a login at a social provider from its start to the return: what is remembered meanwhile, and who may
 * come back with it.
 *
 * state is <id>.<expires>.<MAC>: genuine, or not, whatever memcached knows. The record under the id is sealed and
 * serves once. Only who started may finish: a browser proves it by a cookie, any other client by the session_id
 * that it was given. Else an attacker could have a victim finish the attacker's login, and use their account.
 */
#include "core/private.h"

#include <util_cookies.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/text/json.h"
#include "base/crypto/mac.h"
#include "base/jose/oidc_request.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "oidc/oidc.h"

#define COOKIE "__Host-cloudep-browser"
#define MAC_LABEL "cloudep social state"
#define CONTRACT_PROVIDER "google" /* known, be it configured or not */

/* A state taken apart, and what was remembered under it. */
typedef struct record_t {
    const char *session_id;
    const char *browser;
    const char *verifier;
    const char *nonce;
} record_t;

/* What flows see is the first member, so it is found again from there. */
typedef struct remembered_t {
    cloudep_social_t social;
    record_t record;
} remembered_t;

cloudep_problem_t *cloudep_social_find(cloudep_call_t *call, const char *name)
{
    const cloudep_oidc_t *oidc = call->config->run->oidc;
    const char *names = CONTRACT_PROVIDER;

    if (cloudep_oidc_social(oidc, name)) {
        return NULL;
    }
    if (!strcmp(name, CONTRACT_PROVIDER)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNCONFIGURED, "this provider is not configured");
    }
    for (int i = 0; i < oidc->social->nelts; i++) {
        const cloudep_oidc_provider_t *provider = APR_ARRAY_IDX(oidc->social, i, const cloudep_oidc_provider_t *);

        if (strcmp(provider->name, CONTRACT_PROVIDER) != 0) {
            names = apr_pstrcat(call->p, names, ", ", provider->name, NULL);
        }
    }
    return cloudep_problem_field(call, "provider", apr_pstrcat(call->p, "must be one of: ", names, NULL));
}

/* ---- state ---- */

static const char *signed_part(apr_pool_t *p, const char *purpose, const char *id, apr_int64_t expires)
{
    return apr_psprintf(p, "%s.%s.%" APR_INT64_T_FMT, purpose, id, expires);
}

static apr_status_t make_state(const char **state, cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    const apr_int64_t expires = apr_time_sec(challenge->expires);
    const char *text = signed_part(call->p, challenge->spec.purpose, challenge->id, expires);
    const char *mac;
    apr_status_t rv = cloudep_mac(&mac, call->p, call->config->run->sealing, NULL, MAC_LABEL, text, strlen(text));

    *state =
        rv == APR_SUCCESS ? apr_psprintf(call->p, "%s.%" APR_INT64_T_FMT ".%s", challenge->id, expires, mac) : NULL;
    return rv;
}

/* CLOUDEP_EFORGED: not one of ours, or for another purpose. CLOUDEP_EEXPIRED. */
static apr_status_t read_state(const char **id, cloudep_call_t *call, const char *purpose, const char *state)
{
    const char *dot = strchr(state, '.');
    const char *mac = dot ? strchr(dot + 1, '.') : NULL;
    const char *text;
    apr_int64_t expires;

    if (!mac) {
        return CLOUDEP_EFORGED;
    }
    *id = apr_pstrmemdup(call->p, state, (apr_size_t)(dot - state));
    expires = apr_atoi64(dot + 1);
    text = signed_part(call->p, purpose, *id, expires);
    if (cloudep_mac_check(call->p, call->config->run->sealing, MAC_LABEL, text, strlen(text), mac + 1) != APR_SUCCESS) {
        return CLOUDEP_EFORGED;
    }
    return expires <= apr_time_sec(call->r->request_time) ? CLOUDEP_EEXPIRED : APR_SUCCESS;
}

/* ---- the record ---- */

static const char *seal_aad(apr_pool_t *p, const char *purpose, const char *tenant_id)
{
    return apr_pstrcat(p, "social ", purpose, " ", tenant_id, NULL);
}

static apr_status_t seal_record(const char **sealed, cloudep_call_t *call, const cloudep_social_t *social,
                                const record_t *record)
{
    json_t *json = cloudep_json_own(
        json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:b, s:s, s:s, s:s, s:s}", "provider", social->provider, "redirect_uri",
                  social->redirect_uri, "invite", social->invite_code, "terms", social->terms_version, "language",
                  social->language, "marketing", social->marketing_opt_in, "session_id", record->session_id, "browser",
                  record->browser, "verifier", record->verifier, "nonce", record->nonce),
        call->p);
    apr_size_t length = json ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;
    char *text = apr_palloc(call->p, length + 1);
    apr_status_t rv;

    if (!length || json_dumpb(json, text, length, JSON_COMPACT) != length) {
        return APR_ENOMEM;
    }
    rv = cloudep_seal(sealed, call->p, call->config->run->sealing, text, length,
                      seal_aad(call->p, social->purpose, social->tenant_id));
    OPENSSL_cleanse(text, length);
    return rv;
}

static apr_status_t open_record(remembered_t *into, cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    cloudep_social_t *social = &into->social;
    record_t *record = &into->record;
    const unsigned char *text;
    apr_size_t length;
    const char *ignored;
    json_t *json;

    social->purpose = challenge->spec.purpose;
    social->tenant_id = challenge->spec.tenant_id;
    if (!challenge->spec.extra ||
        cloudep_unseal(&text, &length, call->p, call->config->run->sealing, challenge->spec.extra,
                       seal_aad(call->p, social->purpose, social->tenant_id)) != APR_SUCCESS ||
        cloudep_json_parse(&json, &ignored, (const char *)text, length, call->p) != APR_SUCCESS ||
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

/* The id of this browser: the one it has, so that logins in several tabs do not shut each other out, or a new one. */
static apr_status_t know_browser(const char **browser, cloudep_call_t *call)
{
    apr_status_t rv = APR_SUCCESS;

    if (ap_cookie_read(call->r, COOKIE, browser, 0) != APR_SUCCESS || !*browser || strlen(*browser) != 22 ||
        strspn(*browser, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != 22) {
        rv = cloudep_random_id(browser, call->p);
    }
    if (rv == APR_SUCCESS) {
        apr_table_addn(call->r->headers_out, "Set-Cookie",
                       apr_psprintf(call->p, COOKIE "=%s; Path=/; Max-Age=%d; Secure; HttpOnly; SameSite=Lax", *browser,
                                    call->config->social_lifetime));
    }
    return rv;
}

static int same(const char *a, const char *b)
{
    return a && strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(b)) == 0;
}

static int is_who_started(cloudep_call_t *call, const record_t *record, const char *session_id)
{
    const char *browser = NULL;

    if (!call->config->social_binding || same(session_id, record->session_id)) {
        return 1;
    }
    return ap_cookie_read(call->r, COOKIE, &browser, 0) == APR_SUCCESS && same(browser, record->browser);
}

/* ---- start ---- */

static const char *authorization_url(cloudep_call_t *call, const cloudep_oidc_provider_t *provider,
                                     const cloudep_oidc_metadata_t *metadata, const cloudep_social_t *social,
                                     const record_t *record, const char *state, const char *challenge)
{
    apr_table_t *query = apr_table_copy(call->p, provider->parameters);

    apr_table_setn(query, "response_type", "code");
    apr_table_setn(query, "client_id", provider->client_id);
    apr_table_setn(query, "redirect_uri", social->redirect_uri);
    apr_table_setn(query, "scope", provider->scope);
    apr_table_setn(query, "state", state);
    apr_table_setn(query, "nonce", record->nonce);
    apr_table_setn(query, "code_challenge", challenge);
    apr_table_setn(query, "code_challenge_method", "S256");
    return cloudep_url_with_query(call->p, metadata->authorization_endpoint, query);
}

/* The endpoint that the browser is sent to, read from the provider where need be. */
static cloudep_problem_t *find_endpoint(cloudep_call_t *call, const cloudep_oidc_provider_t *provider,
                                        const cloudep_oidc_metadata_t **metadata)
{
    const char *scheme;
    const char *host;
    apr_status_t rv = cloudep_oidc_metadata(metadata, provider, call->p);

    if (rv == APR_SUCCESS &&
        (!(*metadata)->authorization_endpoint ||
         cloudep_http_split(&scheme, &host, call->p, (*metadata)->authorization_endpoint) != APR_SUCCESS ||
         (strcmp(scheme, "https") != 0 && !cloudep_http_is_loopback(host)))) {
        rv = CLOUDEP_EPROVIDER;
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "asking the provider where to log in");
}

cloudep_problem_t *cloudep_social_start(cloudep_call_t *call, const cloudep_social_t *social)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(call->config->run->oidc, social->provider);
    cloudep_challenge_spec_t spec = {.tenant_id = social->tenant_id, .purpose = social->purpose};
    const cloudep_oidc_metadata_t *metadata;
    const char *state, *pkce;
    cloudep_challenge_t *challenge;
    record_t record;
    apr_status_t rv;
    cloudep_problem_t *problem = cloudep_claim_social_start(call, social->tenant_id);

    problem = problem ? problem : find_endpoint(call, provider, &metadata);
    if (problem) {
        return problem;
    }
    if ((rv = know_browser(&record.browser, call)) != APR_SUCCESS ||
        (rv = cloudep_random_id(&record.session_id, call->p)) != APR_SUCCESS ||
        (rv = cloudep_random_id(&record.nonce, call->p)) != APR_SUCCESS ||
        (rv = cloudep_pkce_verifier(&record.verifier, call->p)) != APR_SUCCESS ||
        (rv = cloudep_pkce_challenge(&pkce, call->p, record.verifier)) != APR_SUCCESS ||
        (rv = seal_record(&spec.extra, call, social, &record)) != APR_SUCCESS ||
        (rv = cloudep_challenge_open(&challenge, cloudep_challenges(call), &spec,
                                     (apr_uint32_t)call->config->social_lifetime, call->p)) != APR_SUCCESS ||
        (rv = make_state(&state, call, challenge)) != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "remembering the login");
    }
    call->data =
        json_pack("{ss,ss,si}", "oauth_url", authorization_url(call, provider, metadata, social, &record, state, pkce),
                  "session_id", record.session_id, "expires_in", call->config->social_lifetime);
    return NULL;
}

/* A code must not go to another provider than the one that gave it, whatever the browser was talked into (RFC 9207). */
static int is_who_was_asked(cloudep_call_t *call, const cloudep_social_t *social, const char *issuer)
{
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(call->config->run->oidc, social->provider);

    return !issuer || !provider || !strcmp(issuer, provider->issuer);
}

/* ---- return ---- */

/* One answer for all that is wrong with a state; the log has the reason. */
static cloudep_problem_t *refuse_state(cloudep_call_t *call, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, call->r, CENO(522) "state refused: %s", why);
    return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_MALFORMED, "the state is not valid, or was used");
}

static cloudep_problem_t *session_gone(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_ABSENT, "the session is not there any more: start again");
}

static cloudep_cache_key_t used_key(const char *id)
{
    return cloudep_cache_key_near(id, "social used", CLOUDEP_KEY_PARTS(id));
}

/* A genuine state without its record: used, or lost with memcached. */
static cloudep_problem_t *explain_missing(cloudep_call_t *call, const char *id)
{
    char *ignored;
    apr_status_t rv = cloudep_cache_get(&ignored, NULL, cloudep_challenges(call)->cache, used_key(id), call->p);

    if (rv == APR_SUCCESS) {
        return refuse_state(call, "it was used before");
    }
    return rv == APR_NOTFOUND ? session_gone(call) : cloudep_problem_service(call, rv, "looking up the login");
}

/* Of all who bring the same state one gets through. */
static cloudep_problem_t *use_up(cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    apr_uint32_t remaining = cloudep_challenge_remaining(challenge);
    apr_status_t rv = cloudep_cache_add(cloudep_challenges(call)->cache, used_key(challenge->id), "1", 1,
                                        (remaining ? remaining : 1) + 2);

    if (rv == APR_EEXIST) {
        return refuse_state(call, "it was used before");
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_challenge_consume(challenge, cloudep_challenges(call), call->p);
    }
    if (rv == APR_NOTFOUND) {
        return refuse_state(call, "it was used before");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "using up the login's state");
}

cloudep_problem_t *cloudep_social_return(cloudep_call_t *call, const char *purpose, const char *state,
                                         const char *session_id, const char *issuer, const cloudep_social_t **social)
{
    remembered_t *into = apr_pcalloc(call->p, sizeof(*into));
    cloudep_challenge_t *challenge;
    const char *id;
    apr_status_t rv = read_state(&id, call, purpose, state);

    if (rv != APR_SUCCESS) {
        return refuse_state(call, rv == CLOUDEP_EEXPIRED ? "it has expired" : "it is not one of ours");
    }
    rv = cloudep_challenge_load(&challenge, cloudep_challenges(call), id, call->p);
    if (rv == APR_NOTFOUND) {
        return explain_missing(call, id);
    }
    if (rv != APR_SUCCESS || (rv = open_record(into, call, challenge)) != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the login");
    }
    cloudep_note(call, into->social.tenant_id, NULL, into->social.provider);
    if (!is_who_started(call, &into->record, session_id)) {
        return refuse_state(call, "it was started by another browser");
    }
    if (!is_who_was_asked(call, &into->social, issuer)) {
        return refuse_state(call, "another provider answers");
    }
    *social = &into->social;
    return use_up(call, challenge);
}

cloudep_problem_t *cloudep_social_redeem(cloudep_call_t *call, const cloudep_social_t *social, const char *code,
                                         cloudep_social_account_t *account)
{
    const record_t *record = &((const remembered_t *)social)->record;
    const cloudep_oidc_provider_t *provider = cloudep_oidc_social(call->config->run->oidc, social->provider);
    const cloudep_oidc_return_t returned = {
        .code = code, .redirect_uri = social->redirect_uri, .verifier = record->verifier, .nonce = record->nonce};
    cloudep_oidc_profile_t profile;
    apr_status_t rv;

    if (!provider) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNCONFIGURED, "this provider is not configured");
    }
    account->identity.issuer = provider->issuer;
    rv = cloudep_oidc_redeem(&account->identity.subject, &profile, provider, call->p, &returned);
    if (rv == CLOUDEP_EFORGED) {
        return refuse_state(call, "its code is not one that the provider gave for it");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "asking the provider who it is");
    }
    if (!profile.email_verified) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN,
                               "the provider has not verified the email address");
    }
    account->email = profile.email;
    account->name = profile.name;
    return NULL;
}
