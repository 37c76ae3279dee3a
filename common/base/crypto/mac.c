/*
 * mac.c - keyed hashes of short secrets, and keys derived from sealing keys.
 */
#include "base/crypto/mac.h"

#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/text/json.h"

apr_status_t cloudep_hmac_sha256(unsigned char out[CLOUDEP_MAC_LEN], const void *key, apr_size_t key_len,
                                 const void *data, apr_size_t len)
{
    size_t out_len = 0;
    apr_status_t rv = APR_SUCCESS;

    ERR_set_mark();
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len, data, len, out, CLOUDEP_MAC_LEN, &out_len) ||
        out_len != CLOUDEP_MAC_LEN) {
        rv = APR_EGENERAL;
    }
    ERR_pop_to_mark();
    return rv;
}

/* OpenSSL's parameters are not const, although it only reads these. */
static OSSL_PARAM octets(const char *name, const void *data, apr_size_t len)
{
    union {
        const void *given;
        void *taken;
    } pointer = {.given = len ? data : ""};

    return OSSL_PARAM_construct_octet_string(name, pointer.taken, len);
}

apr_status_t cloudep_hkdf_sha256(unsigned char *out, apr_size_t out_len, const void *ikm, apr_size_t ikm_len,
                                 const void *salt, apr_size_t salt_len, const void *info, apr_size_t info_len)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, ikm, ikm_len),
        octets(OSSL_KDF_PARAM_SALT, salt, salt_len),
        octets(OSSL_KDF_PARAM_INFO, info, info_len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf;
    EVP_KDF_CTX *ctx;
    apr_status_t rv;

    ERR_set_mark();
    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    rv = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1 ? APR_SUCCESS : APR_EGENERAL;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_pop_to_mark();
    return rv;
}

/* The sealing key kid, or the active one. */
static apr_status_t sealing_key(const cloudep_jwk_t **key, const cloudep_jwks_t *set, const char *kid)
{
    *key = NULL;
    if (!set || !cloudep_jwks_active(set, CLOUDEP_KEY_SEAL)) {
        return CLOUDEP_EUNSET;
    }
    *key = kid ? cloudep_jwks_find(set, kid) : cloudep_jwks_active(set, CLOUDEP_KEY_SEAL);
    return *key && cloudep_jwk_use(*key) == CLOUDEP_KEY_SEAL ? APR_SUCCESS : APR_NOTFOUND;
}

static apr_status_t derive(unsigned char out[CLOUDEP_MAC_LEN], const cloudep_jwk_t *key, const char *label)
{
    apr_size_t len;
    const unsigned char *secret = cloudep_jwk_secret(key, &len);

    return cloudep_hkdf_sha256(out, CLOUDEP_MAC_LEN, secret, len, NULL, 0, label, strlen(label));
}

apr_status_t cloudep_derive_key(unsigned char out[CLOUDEP_MAC_LEN], const cloudep_jwks_t *set, const char *kid,
                                const char *label)
{
    const cloudep_jwk_t *key;
    const apr_status_t rv = sealing_key(&key, set, kid);

    return rv == APR_SUCCESS ? derive(out, key, label) : rv;
}

static apr_status_t append_derived(json_t *keys, apr_pool_t *pool, const cloudep_jwk_t *key, const char *label)
{
    unsigned char secret[CLOUDEP_MAC_LEN];
    apr_status_t rv = derive(secret, key, label);

    if (rv == APR_SUCCESS && json_array_append_new(keys, json_pack("{ss,ss,ss,ss,ss}", "kty", "oct", "alg", "HS256",
                                                                   "use", "sig", "kid", cloudep_jwk_kid(key), "k",
                                                                   cloudep_b64_encode(pool, secret, sizeof(secret))))) {
        rv = APR_ENOMEM;
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return rv;
}

apr_status_t cloudep_derive_jwks(const cloudep_jwks_t **derived, apr_pool_t *pool, const cloudep_jwks_t *set,
                                 cloudep_key_use_t use, const char *label)
{
    json_t *document = cloudep_json_own(json_pack("{s[]}", "keys"), pool);
    const char *ignored;
    apr_status_t rv = document ? APR_SUCCESS : APR_ENOMEM;

    for (int i = 0; rv == APR_SUCCESS && set && i < cloudep_jwks_count(set); i++) {
        const cloudep_jwk_t *key = cloudep_jwks_get(set, i);

        apr_size_t length;

        if (cloudep_jwk_use(key) == use && cloudep_jwk_secret(key, &length)) {
            rv = append_derived(json_object_get(document, "keys"), pool, key, label);
        }
    }
    return rv == APR_SUCCESS ? cloudep_jwks_from_json(derived, pool, document, CLOUDEP_JWKS_OWN, &ignored) : rv;
}

apr_status_t cloudep_mac(const char **stored, apr_pool_t *pool, const cloudep_jwks_t *set, const char *kid,
                         const char *label, const void *data, apr_size_t len)
{
    unsigned char derived[CLOUDEP_MAC_LEN], mac[CLOUDEP_MAC_LEN];
    const cloudep_jwk_t *key;
    apr_status_t rv = sealing_key(&key, set, kid);

    *stored = NULL;
    if (rv != APR_SUCCESS || (rv = derive(derived, key, label)) != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_hmac_sha256(mac, derived, sizeof(derived), data, len);
    OPENSSL_cleanse(derived, sizeof(derived));
    if (rv == APR_SUCCESS) {
        *stored = apr_pstrcat(pool, cloudep_jwk_kid(key), ".", cloudep_b64_encode(pool, mac, sizeof(mac)), NULL);
    }
    return rv;
}

apr_status_t cloudep_mac_check(apr_pool_t *pool, const cloudep_jwks_t *set, const char *label, const void *data,
                               apr_size_t len, const char *stored)
{
    const char *dot = strrchr(stored, '.');
    unsigned char *mac;
    apr_size_t mac_len;
    const char *expected;
    apr_status_t rv;

    if (!dot || dot == stored || cloudep_b64_decode(&mac, &mac_len, pool, dot + 1, strlen(dot + 1)) != APR_SUCCESS ||
        mac_len != CLOUDEP_MAC_LEN) {
        return CLOUDEP_EMALFORMED;
    }
    rv = cloudep_mac(&expected, pool, set, apr_pstrmemdup(pool, stored, (apr_size_t)(dot - stored)), label, data, len);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Both are the same kid and as many characters: the decoding above is exact. */
    return CRYPTO_memcmp(expected, stored, strlen(stored)) == 0 ? APR_SUCCESS : CLOUDEP_EFORGED;
}
