/*
 * jwk_write.c - keys as JSON: the public form, thumbprints (RFC 7638), and newly made private keys.
 */
#include "base/jose/jwk_private.h"

#include <apr_strings.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/text/json.h"
#include "base/crypto/random.h"

#define RSA_BITS 2048
#define SHA256_SIZE 32

/* The members that identify the public key, and nothing else. */
static json_t *public_members(apr_pool_t *pool, const json_t *jwk, cloudep_kty_t kty)
{
    const char *const *name = cloudep_kty_members(kty);
    json_t *public = cloudep_json_own(json_object(), pool);

    for (; public && *name; name++) {
        json_t *member = json_object_get(jwk, *name);

        if (!json_is_string(member) || json_object_set(public, *name, member)) {
            return NULL;
        }
    }
    return public;
}

static int set_text(json_t *object, const char *name, const char *value)
{
    return json_object_set_new(object, name, json_string(value)) == 0;
}

apr_status_t cloudep_jwk_render(cloudep_jwk_t *key, apr_pool_t *pool, const json_t *jwk)
{
    json_t *public = public_members(pool, jwk, key->alg->kty);

    if (!public || (key->kid && !set_text(public, "kid", key->kid)) || !set_text(public, "alg", key->alg->name) ||
        !set_text(public, "use", cloudep_use_name(key->alg->use))) {
        return APR_ENOMEM;
    }
    key->public_json = cloudep_json_text(public, pool);
    return key->public_json ? APR_SUCCESS : APR_ENOMEM;
}

apr_status_t cloudep_jwk_thumbprint(const char **thumbprint, apr_pool_t *pool, const json_t *jwk)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    const cloudep_alg_t *alg = kty ? cloudep_alg_find(NULL, kty, crv, NULL, NULL) : NULL;
    json_t *public = alg ? public_members(pool, jwk, alg->kty) : NULL;
    const char *text = cloudep_json_text(public, pool);
    unsigned char digest[SHA256_SIZE];

    *thumbprint = NULL;
    if (!text) {
        return CLOUDEP_EMALFORMED;
    }
    if (!EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, NULL)) {
        return APR_EGENERAL;
    }
    *thumbprint = cloudep_b64_encode(pool, digest, sizeof(digest));
    return APR_SUCCESS;
}

static int set_bytes(json_t *jwk, apr_pool_t *pool, const char *name, unsigned char *bytes, apr_size_t len)
{
    const char *text = cloudep_b64_encode(pool, bytes, len);

    OPENSSL_cleanse(bytes, len);
    return text && set_text(jwk, name, text);
}

/* A number of the key, in exactly width bytes; width 0: as few as it needs. */
static int set_number(json_t *jwk, apr_pool_t *pool, const char *name, const EVP_PKEY *pkey, const char *param,
                      int width)
{
    BIGNUM *number = NULL;
    unsigned char *bytes;
    int done = 0;

    if (!EVP_PKEY_get_bn_param(pkey, param, &number)) {
        return 0;
    }
    width = width ? width : BN_num_bytes(number);
    bytes = apr_palloc(pool, (apr_size_t)width);
    if (BN_bn2binpad(number, bytes, width) == width) {
        done = set_bytes(jwk, pool, name, bytes, (apr_size_t)width);
    }
    BN_clear_free(number);
    return done;
}

static int describe_ec(json_t *jwk, apr_pool_t *pool, const EVP_PKEY *pkey, const cloudep_alg_t *alg)
{
    return set_text(jwk, "crv", alg->crv) && set_number(jwk, pool, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, alg->size) &&
           set_number(jwk, pool, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, alg->size) &&
           set_number(jwk, pool, "d", pkey, OSSL_PKEY_PARAM_PRIV_KEY, alg->size);
}

static int describe_rsa(json_t *jwk, apr_pool_t *pool, const EVP_PKEY *pkey)
{
    return set_number(jwk, pool, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0) &&
           set_number(jwk, pool, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0) &&
           set_number(jwk, pool, "d", pkey, OSSL_PKEY_PARAM_RSA_D, 0) &&
           set_number(jwk, pool, "p", pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, 0) &&
           set_number(jwk, pool, "q", pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, 0) &&
           set_number(jwk, pool, "dp", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0) &&
           set_number(jwk, pool, "dq", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0) &&
           set_number(jwk, pool, "qi", pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0);
}

static int describe_okp(json_t *jwk, apr_pool_t *pool, const EVP_PKEY *pkey, const cloudep_alg_t *alg)
{
    unsigned char public[64], private[64];
    size_t public_len = sizeof(public), private_len = sizeof(private);

    return EVP_PKEY_get_raw_public_key(pkey, public, &public_len) &&
           EVP_PKEY_get_raw_private_key(pkey, private, &private_len) && set_text(jwk, "crv", alg->crv) &&
           set_bytes(jwk, pool, "x", public, public_len) && set_bytes(jwk, pool, "d", private, private_len);
}

static apr_status_t make_pair(json_t *jwk, apr_pool_t *pool, const cloudep_alg_t *alg)
{
    EVP_PKEY *pkey;
    int done = 0;

    switch (alg->kty) {
    case CLOUDEP_KTY_EC:
        pkey = EVP_EC_gen(alg->crv);
        done = pkey && describe_ec(jwk, pool, pkey, alg);
        break;
    case CLOUDEP_KTY_RSA:
        pkey = EVP_RSA_gen(RSA_BITS);
        done = pkey && describe_rsa(jwk, pool, pkey);
        break;
    default:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        done = pkey && describe_okp(jwk, pool, pkey, alg);
        break;
    }
    EVP_PKEY_free(pkey);
    return done ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t make_secret(json_t *jwk, apr_pool_t *pool, const cloudep_alg_t *alg)
{
    unsigned char secret[32];
    apr_status_t rv;

    if (alg->size != sizeof(secret)) {
        return APR_EGENERAL;
    }
    rv = cloudep_random_bytes(secret, sizeof(secret));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return set_bytes(jwk, pool, "k", secret, sizeof(secret)) ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t cloudep_jwk_generate(json_t **out, apr_pool_t *pool, const char *name)
{
    const cloudep_alg_t *alg = cloudep_alg_by_name(name);
    json_t *jwk = alg ? cloudep_json_own(json_object(), pool) : NULL;
    const char *kid = NULL;
    apr_status_t rv;

    *out = NULL;
    if (!alg) {
        return CLOUDEP_EREFUSED;
    }
    if (!jwk || !set_text(jwk, "kty", alg->kty_name)) {
        return APR_ENOMEM;
    }
    ERR_set_mark();
    if (alg->kty == CLOUDEP_KTY_OCT) {
        rv = make_secret(jwk, pool, alg);
        if (rv == APR_SUCCESS) {
            rv = cloudep_random_id(&kid, pool);
        }
    }
    else {
        rv = make_pair(jwk, pool, alg);
        if (rv == APR_SUCCESS) {
            rv = cloudep_jwk_thumbprint(&kid, pool, jwk);
        }
    }
    ERR_pop_to_mark();
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!set_text(jwk, "kid", kid) || !set_text(jwk, "alg", alg->name) ||
        !set_text(jwk, "use", cloudep_use_name(alg->use))) {
        return APR_ENOMEM;
    }
    *out = jwk;
    return APR_SUCCESS;
}

/* Nobody is asked for the passphrase of an encrypted key. */
static int no_passphrase(char *buffer, int size, int writing, void *unused)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

/* The public and private members of a key that is of the algorithm's type. */
static int describe_pem(json_t *jwk, apr_pool_t *pool, const EVP_PKEY *pkey, const cloudep_alg_t *alg)
{
    switch (alg->kty) {
    case CLOUDEP_KTY_RSA:
        return EVP_PKEY_is_a(pkey, "RSA") && describe_rsa(jwk, pool, pkey);
    case CLOUDEP_KTY_EC:
        return EVP_PKEY_is_a(pkey, "EC") && describe_ec(jwk, pool, pkey, alg);
    default:
        return 0;
    }
}

apr_status_t cloudep_jwk_of_pem(json_t **out, apr_pool_t *pool, const char *pem, const char *kid, const char *name)
{
    const cloudep_alg_t *alg = cloudep_alg_by_name(name);
    json_t *jwk = cloudep_json_own(json_object(), pool);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey;
    int done;

    *out = NULL;
    ERR_set_mark();
    pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    done = pkey && jwk && alg && describe_pem(jwk, pool, pkey, alg) && set_text(jwk, "kty", alg->kty_name) &&
           set_text(jwk, "kid", kid) && set_text(jwk, "alg", alg->name) &&
           set_text(jwk, "use", cloudep_use_name(alg->use));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_pop_to_mark();
    if (done) {
        *out = jwk;
    }
    return done ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}
