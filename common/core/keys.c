/*
 * keys.c - see keys.h. Keys are read once, as root, before the children drop their privileges.
 */
#include "core/keys.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <string.h>
#include "base/crypto/mac.h"
#include "base/jose/keyfile.h"
#include "core/kept_files.h"
#include "core/public_url.h"

#define REFRESH_LABEL "refresh token" /* of the derived keys; another one would end every session */
#define COOKIE_LABEL "session cookie"
#define XSRF_LABEL "xsrf"

/* A key set, from its file or as it was before, and its directive named where it is not good. */
static apr_status_t load(const cloudep_jwks_t **set, apr_pool_t *pconf, const char *directive, const char *path,
                         const char **error)
{
    const char *kept;
    char *text = NULL;
    apr_size_t len = 0;
    apr_status_t rv;

    if (cloudep_kept_get(&kept, &len, pconf, path)) {
        rv = kept ? cloudep_keyfile_parse(set, pconf, path, kept, len, error) : APR_ENOENT;
    }
    else {
        rv = cloudep_keyfile_load_text(set, &text, &len, pconf, path, error);
        if (rv == APR_SUCCESS) {
            cloudep_kept_put(pconf, path, text, len);
        }
        if (text) {
            OPENSSL_cleanse(text, len);
        }
    }
    if (rv != APR_SUCCESS) {
        *error = apr_pstrcat(pconf, directive, " ", *error ? *error : path, NULL);
    }
    return rv;
}

/* Public keys are enough for a node that only serves members. */
static int has_verifying(const cloudep_jwks_t *set)
{
    for (int i = 0; i < cloudep_jwks_count(set); i++) {
        if (cloudep_jwk_use(cloudep_jwks_get(set, i)) == CLOUDEP_KEY_SIGN) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t check_issuer(apr_pool_t *pconf, const char *issuer, const char **error)
{
    const char *fault = cloudep_public_url_fault(pconf, issuer);

    if (fault) {
        *error =
            apr_psprintf(pconf,
                         "CloudEPIssuer %s: it %s; write the address under which the public finds this server, such "
                         "as https://id.example.com",
                         issuer, fault);
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_signing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    apr_status_t rv = config->issuer ? check_issuer(pconf, config->issuer, error) : APR_SUCCESS;

    (void)s;
    if (rv != APR_SUCCESS || !config->signing_file) {
        return rv;
    }
    if (!config->issuer) {
        *error =
            "CloudEPSigningKeys needs CloudEPIssuer: add CloudEPIssuer https://... with this server's public address";
        return CLOUDEP_EUNSET;
    }
    rv = load(&config->run->signing, pconf, "CloudEPSigningKeys", config->signing_file, error);
    if (rv == APR_SUCCESS && !has_verifying(config->run->signing)) {
        *error =
            apr_psprintf(pconf,
                         "CloudEPSigningKeys %s: none of its keys signs or verifies; a key that seals belongs into "
                         "CloudEPSealingKeys, and \"cloudepctl key generate --file FILE\" makes one that signs",
                         config->signing_file);
        rv = CLOUDEP_EMALFORMED;
    }
    return rv;
}

apr_status_t cloudep_sealing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    apr_status_t rv;

    (void)s;
    if (!config->sealing_file) {
        return APR_SUCCESS;
    }
    rv = load(&config->run->sealing, pconf, "CloudEPSealingKeys", config->sealing_file, error);
    config->run->challenges.keys = config->run->sealing;
    if (rv == APR_SUCCESS && !cloudep_can_seal(config)) {
        *error = apr_psprintf(pconf,
                              "CloudEPSealingKeys %s: none of its keys seals; a key that signs belongs into "
                              "CloudEPSigningKeys, and \"cloudepctl key generate --file FILE --alg A256GCM\" makes one "
                              "that seals",
                              config->sealing_file);
        rv = CLOUDEP_EMALFORMED;
    }
    return rv;
}

apr_status_t cloudep_refresh_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    cloudep_runtime_t *run = config->run;
    const char *how = config->refresh_tokens ? config->refresh_tokens : cloudep_can_seal(config) ? "hmac" : "signed";
    const int hmac = !strcmp(how, "hmac");
    apr_status_t rv;

    (void)s;
    if (!hmac && strcmp(how, "signed") != 0) {
        *error = apr_psprintf(pconf, "CloudEPRefreshTokens %s: must be hmac or signed", how);
        return CLOUDEP_EREFUSED;
    }
    if (hmac && !cloudep_can_seal(config)) {
        *error = "CloudEPRefreshTokens hmac needs CloudEPSealingKeys: its key is derived from them";
        return CLOUDEP_EUNSET;
    }
    /* Both kinds are read, whichever is written. */
    rv = cloudep_derive_jwks(&run->refresh, pconf, run->sealing, CLOUDEP_KEY_SEAL, REFRESH_LABEL);
    if (rv != APR_SUCCESS) {
        *error = "the key of refresh tokens could not be derived from CloudEPSealingKeys";
        return rv;
    }
    run->refresh_key = cloudep_jwks_active(hmac ? run->refresh : run->signing, CLOUDEP_KEY_SIGN);
    return APR_SUCCESS;
}

/* The names of cookie and header go to clients as they are. */
static int is_token(const char *text)
{
    for (; *text; text++) {
        if (!apr_isalnum(*text) && !strchr("!#$%&'*+-.^_`|~", *text)) {
            return 0;
        }
    }
    return 1;
}

/* The keys that those of cookies are derived from, and their use. */
static apr_status_t session_keys(const cloudep_jwks_t **set, cloudep_key_use_t *use, const cloudep_config_t *config,
                                 apr_pool_t *pconf, const char **error)
{
    apr_status_t rv;
    apr_size_t length;

    *set = config->run->sealing;
    *use = CLOUDEP_KEY_SEAL;
    if (!config->session_file) {
        return APR_SUCCESS;
    }
    *use = CLOUDEP_KEY_SIGN;
    rv = load(set, pconf, "CloudEPSessionKeys", config->session_file, error);
    for (int i = 0; rv == APR_SUCCESS && i < cloudep_jwks_count(*set); i++) {
        const cloudep_jwk_t *key = cloudep_jwks_get(*set, i);

        if (cloudep_jwk_use(key) != CLOUDEP_KEY_SIGN || !cloudep_jwk_secret(key, &length)) {
            *error =
                apr_pstrcat(pconf, "CloudEPSessionKeys ", config->session_file, " takes keys for HS256 only", NULL);
            rv = CLOUDEP_EREFUSED;
        }
    }
    return rv;
}

apr_status_t cloudep_session_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    const cloudep_jwks_t *set;
    cloudep_key_use_t use;
    apr_status_t rv = session_keys(&set, &use, config, pconf, error);

    (void)s;
    if (rv == APR_SUCCESS && (!is_token(config->xsrf_cookie) || !is_token(config->xsrf_header))) {
        *error = "CloudEPXSRFCookie and CloudEPXSRFHeader take the name of a cookie and of a header (RFC 9110 5.6.2)";
        rv = CLOUDEP_EREFUSED;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_derive_jwks(&config->run->cookie_keys, pconf, set, use, COOKIE_LABEL);
    return rv == APR_SUCCESS ? cloudep_derive_jwks(&config->run->xsrf_keys, pconf, set, use, XSRF_LABEL) : rv;
}

int cloudep_has_session_keys(const cloudep_config_t *config)
{
    return cloudep_jwks_count(config->run->cookie_keys) > 0;
}

int cloudep_can_sign(const cloudep_config_t *config)
{
    return config->run->signing && cloudep_jwks_active(config->run->signing, CLOUDEP_KEY_SIGN);
}

int cloudep_can_verify(const cloudep_config_t *config)
{
    return config->run->signing != NULL;
}

int cloudep_can_seal(const cloudep_config_t *config)
{
    return config->run->sealing && cloudep_jwks_active(config->run->sealing, CLOUDEP_KEY_SEAL);
}

static apr_status_t tell_active(const cloudep_jwks_t *set, cloudep_key_use_t use, apr_pool_t *p, const char **said)
{
    const cloudep_jwk_t *key = cloudep_jwks_active(set, use);
    const int others = cloudep_jwks_count(set) - 1;

    *said = apr_psprintf(p, "key %s (%s) %s; %d other%s beside it", cloudep_jwk_kid(key), cloudep_jwk_alg(key),
                         use == CLOUDEP_KEY_SIGN ? "signs" : "seals", others, others == 1 ? "" : "s");
    return APR_SUCCESS;
}

apr_status_t cloudep_signing_keys_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    (void)s;
    return tell_active(config->run->signing, CLOUDEP_KEY_SIGN, p, said);
}

apr_status_t cloudep_sealing_keys_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    (void)s;
    return tell_active(config->run->sealing, CLOUDEP_KEY_SEAL, p, said);
}
