/*
 * cose_key.c - one row for each algorithm; the key's type and curve must be that row's.
 *
 * Another algorithm is another row and, for another type of key, another function that makes it.
 */
#include "base/webauthn/cose_key.h"

#include <apr_strings.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/crypto/rsa_key.h"

/* Labels of members (RFC 9052 section 7.1, RFC 9053 section 7, RFC 8230 section 4). */
#define LABEL_KTY 1
#define LABEL_ALG 3
#define LABEL_CRV (-1)
#define LABEL_X (-2)
#define LABEL_Y (-3)
#define LABEL_N (-1)
#define LABEL_E (-2)

#define KTY_OKP 1
#define KTY_EC2 2
#define KTY_RSA 3
#define CRV_P256 1
#define CRV_ED25519 6

#define COORDINATE_LEN 32
#define RSA_MAX_BITS 4096

typedef cloudep_webauthn_reason_t (*make_fn)(EVP_PKEY **pkey, const cloudep_cbor_t *key);

typedef struct algorithm_t {
    int number; /* COSE */
    int kty;
    int crv;            /* 0: the type has none */
    const char *type;   /* as OpenSSL names it */
    const char *group;  /* OpenSSL's name of the curve; NULL: not asked */
    const char *digest; /* NULL: the algorithm has its own */
    make_fn make;
} algorithm_t;

/* A byte string of that length; 0: of any but none. NULL: there is none. */
static const unsigned char *member_bytes(apr_size_t *len, const cloudep_cbor_t *key, int label, apr_size_t want_len)
{
    cloudep_cbor_t member;

    if (cloudep_cbor_get(&member, key, label) != APR_SUCCESS || member.type != CLOUDEP_CBOR_BYTES || !member.len ||
        (want_len && member.len != want_len)) {
        return NULL;
    }
    *len = member.len;
    return member.data;
}

/* Makes the key out of parameters. OpenSSL refuses a point that is not on its curve. */
static int from_params(EVP_PKEY **pkey, const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    const int made = ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
                     EVP_PKEY_fromdata(ctx, pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;

    EVP_PKEY_CTX_free(ctx);
    return made;
}

static cloudep_webauthn_reason_t make_p256(EVP_PKEY **pkey, const cloudep_cbor_t *key)
{
    char group[] = "P-256";
    unsigned char point[1 + 2 * COORDINATE_LEN] = {POINT_CONVERSION_UNCOMPRESSED};
    apr_size_t len;
    const unsigned char *x = member_bytes(&len, key, LABEL_X, COORDINATE_LEN);
    const unsigned char *y = member_bytes(&len, key, LABEL_Y, COORDINATE_LEN); /* a boolean is the compressed form */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };

    if (!x || !y) {
        return CLOUDEP_WEBAUTHN_KEY;
    }
    memcpy(point + 1, x, COORDINATE_LEN);
    memcpy(point + 1 + COORDINATE_LEN, y, COORDINATE_LEN);
    return from_params(pkey, "EC", params) ? CLOUDEP_WEBAUTHN_ACCEPTED : CLOUDEP_WEBAUTHN_KEY_POINT;
}

/*
 * Whether 32 bytes are a point of Ed25519 (RFC 8032 section 5.1.3): y below p, and x^2 = (y^2 - 1) / (d y^2 + 1) a
 * square. OpenSSL takes any bytes as a key, and no signature would ever match. Negative: OpenSSL failed.
 */
static int on_ed25519(const unsigned char *bytes)
{
    static const char prime[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
    static const char constant[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
    unsigned char little[COORDINATE_LEN];
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = NULL, *d = NULL, *y = NULL, *v = NULL;
    int answer = -1;

    memcpy(little, bytes, sizeof(little));
    little[COORDINATE_LEN - 1] &= 0x7f; /* the top bit is the sign of x */
    if (ctx && BN_hex2bn(&p, prime) && BN_hex2bn(&d, constant) && (y = BN_lebin2bn(little, sizeof(little), NULL)) &&
        (v = BN_new())) {
        answer = BN_cmp(y, p) < 0 ? 1 : 0;
        /* y := y^2, v := d y^2 + 1, y := (y^2 - 1) v, which is a square when the quotient is */
        if (answer && (!BN_mod_sqr(y, y, p, ctx) || !BN_mod_mul(v, d, y, p, ctx) || !BN_add_word(v, 1) ||
                       !BN_sub_word(y, 1) || !BN_mod_mul(y, y, v, p, ctx))) {
            answer = -1;
        }
    }
    if (answer == 1) {
        const int symbol = BN_kronecker(y, p, ctx); /* -1: no square; 0: x is 0, which is nobody's key; -2: failed */

        answer = symbol == -2 ? -1 : symbol == 1;
    }
    BN_free(v);
    BN_free(y);
    BN_free(d);
    BN_free(p);
    BN_CTX_free(ctx);
    return answer;
}

static cloudep_webauthn_reason_t make_ed25519(EVP_PKEY **pkey, const cloudep_cbor_t *key)
{
    apr_size_t len = 0;
    const unsigned char *x = member_bytes(&len, key, LABEL_X, COORDINATE_LEN);
    int on_curve;

    if (!x) {
        return CLOUDEP_WEBAUTHN_KEY;
    }
    if ((on_curve = on_ed25519(x)) < 1) {
        return on_curve ? CLOUDEP_WEBAUTHN_UNABLE : CLOUDEP_WEBAUTHN_KEY_POINT;
    }
    *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, len);
    return *pkey ? CLOUDEP_WEBAUTHN_ACCEPTED : CLOUDEP_WEBAUTHN_UNABLE;
}

static cloudep_webauthn_reason_t check_rsa(const BIGNUM *n, const BIGNUM *e)
{
    static const cloudep_webauthn_reason_t reasons[] = {
        [CLOUDEP_RSA_FIT] = CLOUDEP_WEBAUTHN_ACCEPTED,
        [CLOUDEP_RSA_SIZE] = CLOUDEP_WEBAUTHN_KEY_SIZE,
        [CLOUDEP_RSA_IMPOSSIBLE] = CLOUDEP_WEBAUTHN_KEY,
        [CLOUDEP_RSA_FACTORABLE] = CLOUDEP_WEBAUTHN_KEY_WEAK,
    };

    return reasons[cloudep_rsa_judge(n, e, RSA_MAX_BITS)];
}

static cloudep_webauthn_reason_t make_rsa(EVP_PKEY **pkey, const cloudep_cbor_t *key)
{
    apr_size_t n_len = 0, e_len = 0;
    const unsigned char *n_bytes = member_bytes(&n_len, key, LABEL_N, 0);
    const unsigned char *e_bytes = member_bytes(&e_len, key, LABEL_E, 0);
    OSSL_PARAM_BLD *builder;
    OSSL_PARAM *params = NULL;
    BIGNUM *n, *e;
    cloudep_webauthn_reason_t reason = CLOUDEP_WEBAUTHN_UNABLE;

    /* Numbers have no leading zero bytes (RFC 8230 section 4). */
    if (!n_bytes || !e_bytes || !*n_bytes || !*e_bytes) {
        return CLOUDEP_WEBAUTHN_KEY;
    }
    if (n_len > RSA_MAX_BITS / 8 || e_len > RSA_MAX_BITS / 8) {
        return CLOUDEP_WEBAUTHN_KEY_SIZE;
    }
    builder = OSSL_PARAM_BLD_new();
    n = BN_bin2bn(n_bytes, (int)n_len, NULL);
    e = BN_bin2bn(e_bytes, (int)e_len, NULL);
    if (builder && n && e && (reason = check_rsa(n, e)) == CLOUDEP_WEBAUTHN_ACCEPTED) {
        if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e)) {
            params = OSSL_PARAM_BLD_to_param(builder);
        }
        reason = from_params(pkey, "RSA", params) ? CLOUDEP_WEBAUTHN_ACCEPTED : CLOUDEP_WEBAUTHN_UNABLE;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return reason;
}

static const algorithm_t *algorithm_of(int number)
{
    static const algorithm_t algorithms[] = {
        {CLOUDEP_COSE_ES256, KTY_EC2, CRV_P256, "EC", "prime256v1", "SHA256", make_p256},
        {CLOUDEP_COSE_EDDSA, KTY_OKP, CRV_ED25519, "ED25519", NULL, NULL, make_ed25519},
        {CLOUDEP_COSE_RS256, KTY_RSA, 0, "RSA", NULL, "SHA256", make_rsa},
    };
    size_t i;

    for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (algorithms[i].number == number) {
            return &algorithms[i];
        }
    }
    return NULL;
}

cloudep_webauthn_reason_t cloudep_cose_algorithm(int *algorithm, const cloudep_cbor_t *key)
{
    cloudep_cbor_t member;

    if (cloudep_cbor_get(&member, key, LABEL_ALG) != APR_SUCCESS ||
        cloudep_cbor_int(algorithm, &member) != APR_SUCCESS) {
        return CLOUDEP_WEBAUTHN_KEY;
    }
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}

/* Whether the member of that label is that number. */
static int member_is(const cloudep_cbor_t *key, int label, int number)
{
    cloudep_cbor_t member;

    return cloudep_cbor_get(&member, key, label) == APR_SUCCESS && cloudep_cbor_is_int(&member, number);
}

cloudep_webauthn_reason_t cloudep_cose_to_spki(cloudep_webauthn_bytes_t *spki, apr_pool_t *pool, int algorithm,
                                               const cloudep_cbor_t *key)
{
    const algorithm_t *row = algorithm_of(algorithm);
    EVP_PKEY *pkey = NULL;
    unsigned char *der = NULL;
    cloudep_webauthn_reason_t reason;
    int len;

    if (!row) {
        return CLOUDEP_WEBAUTHN_ALGORITHM;
    }
    if (!member_is(key, LABEL_KTY, row->kty) || (row->crv && !member_is(key, LABEL_CRV, row->crv))) {
        return CLOUDEP_WEBAUTHN_KEY_TYPE;
    }
    reason = row->make(&pkey, key);
    if (reason == CLOUDEP_WEBAUTHN_ACCEPTED) {
        len = i2d_PUBKEY(pkey, &der);
        spki->data = len > 0 ? apr_pmemdup(pool, der, (apr_size_t)len) : NULL;
        spki->len = len > 0 ? (apr_size_t)len : 0;
        reason = len > 0 ? CLOUDEP_WEBAUTHN_ACCEPTED : CLOUDEP_WEBAUTHN_UNABLE;
        OPENSSL_free(der);
    }
    EVP_PKEY_free(pkey);
    return reason;
}

/* Whether a stored key is of the row's type and curve. */
static int key_fits(const algorithm_t *row, const EVP_PKEY *pkey)
{
    char group[32] = "";
    size_t len;

    return EVP_PKEY_is_a(pkey, row->type) &&
           (!row->group || (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) && !strcmp(group, row->group)));
}

cloudep_webauthn_reason_t cloudep_cose_verify(int algorithm, const cloudep_webauthn_bytes_t *spki,
                                              const unsigned char *data, apr_size_t len,
                                              const cloudep_webauthn_bytes_t *signature)
{
    const algorithm_t *row = algorithm_of(algorithm);
    const unsigned char *der = spki->data;
    EVP_PKEY *pkey = row ? d2i_PUBKEY(NULL, &der, (long)spki->len) : NULL;
    EVP_MD_CTX *ctx = NULL;
    cloudep_webauthn_reason_t reason = CLOUDEP_WEBAUTHN_STORED_KEY;

    if (pkey && der == spki->data + spki->len && key_fits(row, pkey)) {
        reason = CLOUDEP_WEBAUTHN_UNABLE;
        ctx = EVP_MD_CTX_new();
        if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, row->digest, NULL, NULL, pkey, NULL) == 1) {
            /* Below 0 it could not even be parsed, which is the sender's fault all the same. */
            reason = EVP_DigestVerify(ctx, signature->data, signature->len, data, len) == 1
                         ? CLOUDEP_WEBAUTHN_ACCEPTED
                         : CLOUDEP_WEBAUTHN_SIGNATURE;
        }
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return reason;
}
