/*
 * social_record.c - what is remembered of a login while somebody is at a provider, and the state that names it.
 *
 * state is <id>.<expires>.<MAC>: genuine, or not, whatever memcached knows. The record under the id is sealed.
 */
#include "oidc/social_record.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "base/text/json.h"
#include "core/config.h"

#define MAC_LABEL "cloudep social state"

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
                                const cloudep_social_proof_t *proof)
{
    json_t *json = cloudep_json_own(json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:b, s:s, s:s, s:s, s:s}", "provider",
                                              social->provider, "redirect_uri", social->redirect_uri, "live_session",
                                              social->live_session, "invite", social->invite_code, "terms",
                                              social->terms_version, "language", social->language, "marketing",
                                              social->marketing_opt_in, "session_id", proof->session_id, "browser",
                                              proof->browser, "verifier", proof->verifier, "nonce", proof->nonce),
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

static apr_status_t open_record(cloudep_social_login_t *login, cloudep_context_t *ctx)
{
    const cloudep_challenge_t *challenge = login->challenge;
    cloudep_social_t *social = &login->social;
    cloudep_social_proof_t *proof = &login->proof;
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
        json_unpack(json, "{s:s, s:s, s?s, s?s, s?s, s?s, s:b, s:s, s:s, s:s, s:s}", "provider", &social->provider,
                    "redirect_uri", &social->redirect_uri, "live_session", &social->live_session, "invite",
                    &social->invite_code, "terms", &social->terms_version, "language", &social->language, "marketing",
                    &social->marketing_opt_in, "session_id", &proof->session_id, "browser", &proof->browser, "verifier",
                    &proof->verifier, "nonce", &proof->nonce)) {
        return CLOUDEP_EDATA;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_social_remember(const char **state, cloudep_context_t *ctx, const cloudep_social_t *social,
                                     const cloudep_social_proof_t *proof)
{
    cloudep_challenge_spec_t spec = {.tenant_id = social->tenant_id, .purpose = social->purpose};
    cloudep_challenge_t *challenge;
    apr_status_t rv = seal_record(&spec.extra, ctx, social, proof);

    if (rv != APR_SUCCESS || (rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), &spec,
                                                          (apr_uint32_t)ctx->config->social_lifetime, ctx->p))) {
        return rv;
    }
    return make_state(state, ctx, challenge);
}

/* ---- the way back ---- */

cloudep_outcome_t cloudep_social_refuse_state(cloudep_context_t *ctx, const char *why)
{
    CLOUDEP_LOG(ctx, INFO, 0, CENO(522) "state refused: %s", why);
    return cloudep_refuse(CLOUDEP_STATE_INVALID);
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
        return cloudep_social_refuse_state(ctx, "it was used before");
    }
    return rv == APR_NOTFOUND ? cloudep_refuse(CLOUDEP_LOGIN_LOST) : cloudep_failure(ctx, rv, "looking up the login");
}

cloudep_outcome_t cloudep_social_recall(cloudep_context_t *ctx, const char *purpose, const char *state,
                                        cloudep_social_login_t **out)
{
    cloudep_social_login_t *login = apr_pcalloc(ctx->p, sizeof(*login));
    const char *id;
    apr_status_t rv = read_state(&id, ctx, purpose, state);

    if (rv != APR_SUCCESS) {
        return cloudep_social_refuse_state(ctx, rv == CLOUDEP_EEXPIRED ? "it has expired"
                                                                       : "it is forged, or of another purpose");
    }
    rv = cloudep_challenge_load(&login->challenge, cloudep_challenges(ctx), id, ctx->p);
    if (rv == APR_NOTFOUND) {
        return explain_missing(ctx, id);
    }
    if (rv != APR_SUCCESS || (rv = open_record(login, ctx)) != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the login");
    }
    cloudep_note(ctx, login->social.tenant_id, NULL, login->social.provider);
    *out = login;
    return cloudep_done();
}

/* Seconds that a note beside the record is kept: a little longer than the record. */
static apr_uint32_t note_lifetime(const cloudep_social_login_t *login)
{
    apr_uint32_t remaining = cloudep_challenge_remaining(login->challenge);

    return (remaining ? remaining : 1) + 2;
}

cloudep_outcome_t cloudep_social_use_up(cloudep_context_t *ctx, const cloudep_social_login_t *login)
{
    const cloudep_challenge_t *challenge = login->challenge;
    apr_status_t rv =
        cloudep_cache_add(cloudep_challenges(ctx)->cache, used_key(challenge->id), "1", 1, note_lifetime(login));

    if (rv == APR_SUCCESS) {
        rv = cloudep_challenge_consume(challenge, cloudep_challenges(ctx), ctx->p);
    }
    if (rv == APR_EEXIST || rv == APR_NOTFOUND) {
        return cloudep_social_refuse_state(ctx, "it was used before");
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "using up the login's state");
}

/* ---- a name that comes once ---- */

static cloudep_cache_key_t name_key(const char *id)
{
    return cloudep_cache_key_near(id, "social name", CLOUDEP_KEY_PARTS(id));
}

static const char *name_aad(apr_pool_t *p, const cloudep_social_login_t *login)
{
    return apr_pstrcat(p, "social name ", login->challenge->id, NULL);
}

void cloudep_social_keep_name(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *name)
{
    const char *sealed;
    apr_status_t rv =
        cloudep_seal(&sealed, ctx->p, ctx->config->run->sealing, name, strlen(name), name_aad(ctx->p, login));

    if (rv == APR_SUCCESS) {
        rv = cloudep_cache_add(cloudep_challenges(ctx)->cache, name_key(login->challenge->id), sealed, strlen(sealed),
                               note_lifetime(login));
    }
    if (rv != APR_SUCCESS && rv != APR_EEXIST) {
        CLOUDEP_LOG(ctx, WARNING, rv, CENO(1280) "the name that a provider sent could not be kept");
    }
}

const char *cloudep_social_kept_name(cloudep_context_t *ctx, const cloudep_social_login_t *login)
{
    const unsigned char *name;
    apr_size_t length;
    char *sealed;

    if (cloudep_cache_get(&sealed, NULL, cloudep_challenges(ctx)->cache, name_key(login->challenge->id), ctx->p) !=
            APR_SUCCESS ||
        cloudep_unseal(&name, &length, ctx->p, ctx->config->run->sealing, sealed, name_aad(ctx->p, login)) !=
            APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrmemdup(ctx->p, (const char *)name, length);
}
