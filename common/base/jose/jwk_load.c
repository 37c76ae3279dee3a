/*
 * jwk_load.c - from the members of a JWK to an OpenSSL key that is checked and ready to be used.
 */
#include "base/jose/jwk_private.h"

#include <apr_strings.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/crypto/rsa_key.h"

#define RSA_MAX_BITS 8192
#define SECRET_MAX 1024
#define MAX_NUMBERS 8

/* Parameters for EVP_PKEY_fromdata under construction. The builder keeps pointers, so all of it lives till the end. */
typedef struct material_t {
    apr_pool_t *pool;
    const json_t *jwk;
    OSSL_PARAM_BLD *builder;
    BIGNUM *numbers[MAX_NUMBERS];
    int count;
    const char *why;
} material_t;

/* Bytes of a member; want_len 0: any length but none. */
static apr_status_t member_bytes(unsigned char **data, apr_size_t *len, material_t *m, const char *name,
                                 apr_size_t want_len)
{
    const json_t *member = json_object_get(m->jwk, name);

    m->why = apr_psprintf(m->pool, "member %s is missing or not base64url", name);
    if (!json_is_string(member) ||
        cloudep_b64_decode(data, len, m->pool, json_string_value(member), json_string_length(member)) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    m->why = apr_psprintf(m->pool, "member %s has the wrong length", name);
    if (!*len || (want_len && *len != want_len)) {
        return CLOUDEP_EMALFORMED;
    }
    m->why = NULL;
    return APR_SUCCESS;
}

/* Adds a member as a number; it is also the latest in m->numbers. */
static apr_status_t add_number(material_t *m, const char *param, const char *name, apr_size_t want_len)
{
    unsigned char *data;
    apr_size_t len;
    BIGNUM *number;
    apr_status_t rv = member_bytes(&data, &len, m, name, want_len);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (len > RSA_MAX_BITS / 8 + 1) {
        m->why = "the key is too large";
        return CLOUDEP_EREFUSED;
    }
    /* "Secure" numbers, also for public ones: OpenSSL then wipes its copies. */
    number = m->count < MAX_NUMBERS ? BN_secure_new() : NULL;
    if (number) {
        m->numbers[m->count++] = number;
    }
    if (!number || !BN_bin2bn(data, (int)len, number) || !OSSL_PARAM_BLD_push_BN(m->builder, param, number)) {
        rv = APR_EGENERAL;
    }
    OPENSSL_cleanse(data, len);
    return rv;
}

static apr_status_t add_octets(material_t *m, const char *param, const char *name, apr_size_t want_len)
{
    unsigned char *data;
    apr_size_t len;
    const apr_status_t rv = member_bytes(&data, &len, m, name, want_len);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    return OSSL_PARAM_BLD_push_octet_string(m->builder, param, data, len) ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t add_ec(material_t *m, const cloudep_jwk_t *key)
{
    const apr_size_t size = (apr_size_t)key->alg->size;
    unsigned char *point = apr_palloc(m->pool, 1 + 2 * size);
    unsigned char *half;
    apr_size_t len;
    apr_status_t rv;

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    if ((rv = member_bytes(&half, &len, m, "x", size)) != APR_SUCCESS) {
        return rv;
    }
    memcpy(point + 1, half, size);
    if ((rv = member_bytes(&half, &len, m, "y", size)) != APR_SUCCESS) {
        return rv;
    }
    memcpy(point + 1 + size, half, size);
    if (!OSSL_PARAM_BLD_push_utf8_string(m->builder, OSSL_PKEY_PARAM_GROUP_NAME, key->alg->crv, 0) ||
        !OSSL_PARAM_BLD_push_octet_string(m->builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size)) {
        return APR_EGENERAL;
    }
    return key->is_private ? add_number(m, OSSL_PKEY_PARAM_PRIV_KEY, "d", size) : APR_SUCCESS;
}

static apr_status_t check_rsa_public(material_t *m, const BIGNUM *n, const BIGNUM *e)
{
    switch (cloudep_rsa_judge(n, e, RSA_MAX_BITS)) {
    case CLOUDEP_RSA_FIT:
        return APR_SUCCESS;
    case CLOUDEP_RSA_SIZE:
        m->why = "an RSA key must have 2048 to 8192 bits";
        return CLOUDEP_EREFUSED;
    case CLOUDEP_RSA_FACTORABLE:
        m->why = "this RSA key was made by the generator of CVE-2017-15361 and can be factored";
        return CLOUDEP_EREFUSED;
    default:
        m->why = "this RSA modulus or exponent cannot be";
        return CLOUDEP_EMALFORMED;
    }
}

static apr_status_t add_rsa(material_t *m, const cloudep_jwk_t *key)
{
    /* Without the primes signing would be slow and the key could not be checked, so all of them are required. */
    static const char *const private_members[][2] = {
        {OSSL_PKEY_PARAM_RSA_D, "d"},          {OSSL_PKEY_PARAM_RSA_FACTOR1, "p"},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, "q"},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp"},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq"}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi"},
    };
    apr_status_t rv;
    size_t i;

    if ((rv = add_number(m, OSSL_PKEY_PARAM_RSA_N, "n", 0)) != APR_SUCCESS ||
        (rv = add_number(m, OSSL_PKEY_PARAM_RSA_E, "e", 0)) != APR_SUCCESS ||
        (rv = check_rsa_public(m, m->numbers[0], m->numbers[1])) != APR_SUCCESS) {
        return rv;
    }
    if (!key->is_private) {
        return APR_SUCCESS;
    }
    if (json_object_get(m->jwk, "oth")) {
        m->why = "RSA keys of more than two primes are not supported";
        return CLOUDEP_EREFUSED;
    }
    for (i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++) {
        if ((rv = add_number(m, private_members[i][0], private_members[i][1], 0)) != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t add_okp(material_t *m, const cloudep_jwk_t *key)
{
    const apr_size_t size = (apr_size_t)key->alg->size;
    const apr_status_t rv = add_octets(m, OSSL_PKEY_PARAM_PUB_KEY, "x", size);

    if (rv != APR_SUCCESS || !key->is_private) {
        return rv;
    }
    return add_octets(m, OSSL_PKEY_PARAM_PRIV_KEY, "d", size);
}

/* The point must be on its curve, and a private part must be the one of the public part. */
static apr_status_t check_pkey(const cloudep_jwk_t *key, const char **why)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
    apr_status_t rv = APR_SUCCESS;

    if (!ctx) {
        return APR_EGENERAL;
    }
    if (key->alg->kty == CLOUDEP_KTY_EC && EVP_PKEY_public_check_quick(ctx) != 1) {
        *why = "the public key is not on its curve";
        rv = CLOUDEP_EMALFORMED;
    }
    else if (key->is_private && EVP_PKEY_pairwise_check(ctx) != 1) {
        *why = "the private and the public part do not belong together";
        rv = CLOUDEP_EMALFORMED;
    }
    EVP_PKEY_CTX_free(ctx);
    return rv;
}

static apr_status_t build_pkey(cloudep_jwk_t *key, material_t *m)
{
    static const char *const openssl_names[] = {"EC", "RSA", "ED25519"};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, openssl_names[key->alg->kty], NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(m->builder);
    apr_status_t rv = APR_SUCCESS;

    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1) {
        rv = APR_EGENERAL;
    }
    else if (EVP_PKEY_fromdata(ctx, &key->pkey, key->is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) !=
             1) {
        m->why = "the members do not make a key";
        rv = CLOUDEP_EMALFORMED;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return rv;
}

static apr_status_t load_asymmetric(cloudep_jwk_t *key, material_t *m)
{
    apr_status_t rv;

    m->builder = OSSL_PARAM_BLD_new();
    if (!m->builder) {
        return APR_EGENERAL;
    }
    rv = key->alg->kty == CLOUDEP_KTY_EC    ? add_ec(m, key)
         : key->alg->kty == CLOUDEP_KTY_RSA ? add_rsa(m, key)
                                            : add_okp(m, key);
    if (rv == APR_SUCCESS) {
        rv = build_pkey(key, m);
    }
    while (m->count) {
        BN_clear_free(m->numbers[--m->count]);
    }
    OSSL_PARAM_BLD_free(m->builder);
    if (rv == APR_SUCCESS) {
        rv = check_pkey(key, &m->why);
    }
    return rv;
}

static apr_status_t load_secret(cloudep_jwk_t *key, material_t *m)
{
    const apr_size_t size = (apr_size_t)key->alg->size;
    const apr_status_t rv = member_bytes(&key->secret, &key->secret_len, m, "k", 0);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (key->alg->use == CLOUDEP_KEY_SEAL) {
        m->why = key->secret_len == size ? NULL : "a sealing key must have exactly 32 bytes";
        if (!m->why && !(key->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL))) {
            return APR_EGENERAL;
        }
        return m->why ? CLOUDEP_EREFUSED : APR_SUCCESS;
    }
    if (key->secret_len < size || key->secret_len > SECRET_MAX) {
        m->why = "an HS256 key must have 32 to 1024 bytes";
        return CLOUDEP_EREFUSED;
    }
    key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, key->secret, key->secret_len);
    return key->pkey ? APR_SUCCESS : APR_EGENERAL;
}

/* The padding of a context that was just set up; MGF1's digest is the signature's. */
static int set_padding(EVP_PKEY_CTX *ctx, const cloudep_alg_t *alg)
{
    return !alg->pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* Sets up the contexts that jws.c copies. */
static apr_status_t prepare(cloudep_jwk_t *key)
{
    const char *digest = key->alg->digest;
    EVP_PKEY_CTX *ctx; /* the context's own */

    if (key->is_private) {
        key->signer = EVP_MD_CTX_new();
        if (!key->signer || EVP_DigestSignInit_ex(key->signer, &ctx, digest, NULL, NULL, key->pkey, NULL) != 1 ||
            !set_padding(ctx, key->alg)) {
            return APR_EGENERAL;
        }
    }
    if (key->alg->kty != CLOUDEP_KTY_OCT) {
        key->verifier = EVP_MD_CTX_new();
        if (!key->verifier || EVP_DigestVerifyInit_ex(key->verifier, &ctx, digest, NULL, NULL, key->pkey, NULL) != 1 ||
            !set_padding(ctx, key->alg)) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_jwk_load(cloudep_jwk_t *key, apr_pool_t *pool, const json_t *jwk, const char **why)
{
    material_t m = {.pool = pool, .jwk = jwk};
    apr_status_t rv = key->alg->kty == CLOUDEP_KTY_OCT ? load_secret(key, &m) : load_asymmetric(key, &m);

    if (rv == APR_SUCCESS && key->pkey) {
        rv = prepare(key);
    }
    *why = m.why ? m.why : "OpenSSL could not set the key up";
    return rv;
}
