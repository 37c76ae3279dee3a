/*
 * jws.c - signatures over bytes with the algorithm that belongs to the key.
 *
 * Each operation copies the context that the key was loaded with, as contexts must not be shared by threads.
 */
#include "base/jose/jws.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>
#include "base/jose/jwk_private.h"

#define HMAC_SIZE 32
/* Two P-521 coordinates in DER: 2 * (66 + 4) and the sequence's header, rounded up. */
#define ECDSA_DER_MAX 160

/* A context of one's own, set up like model. */
static EVP_MD_CTX *copy_of(const EVP_MD_CTX *model)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_MD_CTX_copy_ex(ctx, model) != 1) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }
    /* It is used once: saves OpenSSL another copy when it finishes. */
    EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
    return ctx;
}

/* ECDSA as OpenSSL gives it (DER) to r || s, each of size bytes (RFC 7518 section 3.4). */
static apr_status_t raw_from_der(unsigned char *raw, int size, const unsigned char *der, size_t der_len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    apr_status_t rv = APR_SUCCESS;

    if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, size) != size ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + size, size) != size) {
        rv = APR_EGENERAL;
    }
    ECDSA_SIG_free(pair);
    return rv;
}

/* The way back. der has ECDSA_DER_MAX bytes of room; returns the length, 0 on failure. */
static size_t der_from_raw(unsigned char *der, const unsigned char *raw, int size)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, size, NULL);
    BIGNUM *s = BN_bin2bn(raw + size, size, NULL);
    int len = 0;

    if (!pair || !r || !s || !ECDSA_SIG_set0(pair, r, s)) {
        BN_free(r);
        BN_free(s);
    }
    else if (i2d_ECDSA_SIG(pair, NULL) <= ECDSA_DER_MAX) {
        len = i2d_ECDSA_SIG(pair, &der);
    }
    ECDSA_SIG_free(pair);
    return len > 0 ? (size_t)len : 0;
}

static apr_status_t sign(unsigned char **signature, apr_size_t *signature_len, apr_pool_t *pool,
                         const cloudep_jwk_t *key, EVP_MD_CTX *ctx, const void *data, apr_size_t len)
{
    const int size = key->alg->size;
    size_t made_len = (size_t)EVP_PKEY_get_size(key->pkey);
    unsigned char *made;

    if (key->alg->kty == CLOUDEP_KTY_OCT) {
        made_len = HMAC_SIZE;
    }
    made = apr_palloc(pool, made_len);
    if (EVP_DigestSign(ctx, made, &made_len, data, len) != 1) {
        return APR_EGENERAL;
    }
    *signature = made;
    *signature_len = made_len;
    if (key->alg->kty != CLOUDEP_KTY_EC) {
        return APR_SUCCESS;
    }
    *signature_len = 2 * (apr_size_t)size;
    *signature = apr_palloc(pool, *signature_len);
    return raw_from_der(*signature, size, made, made_len);
}

apr_status_t cloudep_jws_sign(unsigned char **signature, apr_size_t *signature_len, apr_pool_t *pool,
                              const cloudep_jwk_t *key, const void *data, apr_size_t len)
{
    EVP_MD_CTX *ctx;
    apr_status_t rv;

    if (!key->signer) {
        return CLOUDEP_EUNSET;
    }
    ERR_set_mark();
    ctx = copy_of(key->signer);
    rv = ctx ? sign(signature, signature_len, pool, key, ctx, data, len) : APR_EGENERAL;
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    return rv;
}

static apr_status_t verify_hmac(const cloudep_jwk_t *key, const void *data, apr_size_t len,
                                const unsigned char *signature, apr_size_t signature_len)
{
    EVP_MD_CTX *ctx = copy_of(key->signer);
    unsigned char expected[HMAC_SIZE];
    size_t expected_len = sizeof(expected);
    apr_status_t rv = APR_EGENERAL;

    if (ctx && EVP_DigestSign(ctx, expected, &expected_len, data, len) == 1) {
        rv = signature_len == expected_len && CRYPTO_memcmp(expected, signature, expected_len) == 0 ? APR_SUCCESS
                                                                                                    : CLOUDEP_EFORGED;
    }
    EVP_MD_CTX_free(ctx);
    return rv;
}

static apr_status_t verify_public(const cloudep_jwk_t *key, const void *data, apr_size_t len,
                                  const unsigned char *signature, apr_size_t signature_len)
{
    unsigned char der[ECDSA_DER_MAX];
    EVP_MD_CTX *ctx;
    int verdict;

    if (key->alg->kty == CLOUDEP_KTY_EC) {
        const int size = key->alg->size;

        if (signature_len != 2 * (apr_size_t)size) {
            return CLOUDEP_EFORGED;
        }
        signature_len = der_from_raw(der, signature, size);
        if (!signature_len) {
            return APR_EGENERAL;
        }
        signature = der;
    }
    ctx = copy_of(key->verifier);
    if (!ctx) {
        return APR_EGENERAL;
    }
    /* A signature that cannot even be parsed is a negative value here: it is the sender's fault all the same. */
    verdict = EVP_DigestVerify(ctx, signature, signature_len, data, len);
    EVP_MD_CTX_free(ctx);
    return verdict == 1 ? APR_SUCCESS : CLOUDEP_EFORGED;
}

apr_status_t cloudep_jws_verify(const cloudep_jwk_t *key, const void *data, apr_size_t len,
                                const unsigned char *signature, apr_size_t signature_len)
{
    apr_status_t rv = CLOUDEP_EFORGED;

    ERR_set_mark();
    if (key->alg->kty == CLOUDEP_KTY_OCT && key->signer) {
        rv = verify_hmac(key, data, len, signature, signature_len);
    }
    else if (key->verifier) {
        rv = verify_public(key, data, len, signature, signature_len);
    }
    ERR_pop_to_mark();
    return rv;
}
