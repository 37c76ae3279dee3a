/*
 * jwk_test.c - which keys are taken into a set, which are refused and why, and what is published of them.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/text/b64.h"
#include "base/jose/jwk.h"
#include "base/text/json.h"
#include "rfc_vectors.h"
#include "tap.h"

static apr_status_t parse(const cloudep_jwks_t **set, apr_pool_t *pool, const char *json, cloudep_jwks_mode_t mode,
                          const char **error)
{
    return cloudep_jwks_parse(set, pool, json, strlen(json), mode, error);
}

/* The only key of an own set, NULL when it is refused. */
static const cloudep_jwk_t *own_key(apr_pool_t *pool, const char *jwk, const char **error)
{
    const cloudep_jwks_t *set;

    if (parse(&set, pool, apr_pstrcat(pool, "{\"keys\":[", jwk, "]}", NULL), CLOUDEP_JWKS_OWN, error)) {
        return NULL;
    }
    return cloudep_jwks_get(set, 0);
}

/* len bytes of one value, as base64url. */
static const char *fill(apr_pool_t *pool, int value, apr_size_t len)
{
    char *bytes = apr_palloc(pool, len);

    memset(bytes, value, len);
    return cloudep_b64_encode(pool, bytes, len);
}

static void test_rfc7517(apr_pool_t *pool)
{
    const cloudep_jwks_t *set;
    const char *error;

    /* Its EC key is for ECDH ("use":"enc"), which we have no use for. */
    is_int(parse(&set, pool,
                 JWKS2(JWK("1", RFC7517_EC_PUBLIC ",\"use\":\"enc\""),
                       JWK("2011-04-29", RFC7517_RSA_PUBLIC ",\"alg\":\"RS256\"")),
                 CLOUDEP_JWKS_FOREIGN, &error),
           APR_SUCCESS, "RFC 7517 A.1 parses");
    is_int(cloudep_jwks_count(set), 1, "with the RSA key only");
    is_str(cloudep_jwk_kid(cloudep_jwks_get(set, 0)), "2011-04-29", "and its kid");
    is_str(cloudep_jwk_alg(cloudep_jwks_get(set, 0)), "RS256", "and its alg");
    ok(!cloudep_jwks_active(set, CLOUDEP_KEY_SIGN), "a public key signs nothing");
    is_str(error, NULL, "no error text on success");

    is_int(parse(&set, pool, JWKS2(JWK("1", RFC7517_EC_PRIVATE), JWK("2011-04-29", RFC7517_RSA_PRIVATE)),
                 CLOUDEP_JWKS_OWN, &error),
           APR_SUCCESS, "RFC 7517 A.2 parses as our own set");
    is_str(cloudep_jwk_alg(cloudep_jwks_get(set, 0)), "ES256", "P-256 implies ES256");
    is_str(cloudep_jwk_alg(cloudep_jwks_get(set, 1)), "RS256", "RSA implies RS256");
    ok(cloudep_jwk_is_private(cloudep_jwks_get(set, 0)) && cloudep_jwk_is_private(cloudep_jwks_get(set, 1)),
       "both with their private parts");
    ok(cloudep_jwks_active(set, CLOUDEP_KEY_SIGN) == cloudep_jwks_get(set, 0), "the first one is active");
    ok(cloudep_jwks_find(set, "2011-04-29") == cloudep_jwks_get(set, 1), "a key is found by its kid");
    ok(!cloudep_jwks_find(set, "2011-04-2") && !cloudep_jwks_find(set, ""), "by the whole kid only");
    ok(!cloudep_jwks_get(set, 2) && !cloudep_jwks_get(set, -1), "there are no other keys");

    is_int(parse(&set, pool, RFC7517_A3_SET, CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS, "RFC 7517 A.3 parses");
    is_int(cloudep_jwks_count(set), 0, "but secret keys of others are not taken");
    is_int(parse(&set, pool, RFC7517_A3_SET, CLOUDEP_JWKS_OWN, &error), CLOUDEP_EMALFORMED, "in our own set it fails");
    ok(strstr(error, "key 1") && !strstr(error, "GawgguFyGrWKav7AX4VKUg"), "names the key, shows nothing of it: %s",
       error);
}

static void test_algorithms(apr_pool_t *pool)
{
    static const struct {
        const char *members;
        const char *alg;
    } cases[] = {
        {RFC7515_A1_KEY, "HS256"},
        {RFC7515_A2_PRIVATE ",\"alg\":\"RS384\"", "RS384"},
        {RFC7515_A2_PUBLIC ",\"alg\":\"RS512\"", "RS512"},
        {RFC7515_A3_PRIVATE ",\"use\":\"sig\"", "ES256"},
        {RFC7515_A3_PRIVATE ",\"key_ops\":[\"sign\",\"verify\"]", "ES256"},
        {RFC7515_A4_PRIVATE, "ES512"},
        {RFC8037_PRIVATE, "EdDSA"},
        {RFC8037_PUBLIC ",\"alg\":\"EdDSA\"", "EdDSA"},
        {"\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"", "A256GCM"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *error = "";
        const cloudep_jwk_t *key = own_key(pool, apr_psprintf(pool, "{\"kid\":\"k\",%s}", cases[i].members), &error);

        is_str(key ? cloudep_jwk_alg(key) : error, cases[i].alg, apr_psprintf(pool, "a key for %s", cases[i].alg));
    }
}

/* What our own set refuses, and the word that the text for the operator must have. */
static void test_refused(apr_pool_t *pool)
{
    const struct {
        const char *jwk;
        const char *word;
    } cases[] = {
        {"{" RFC7515_A3_PRIVATE "}", "kid"},
        {JWK("", RFC7515_A3_PRIVATE), "kid"},
        {JWK("a b", RFC7515_A3_PRIVATE), "kid"},
        {"{\"kid\":7," RFC7515_A3_PRIVATE "}", "kid"},
        {JWK("k", "\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\""), "supported"},
        {JWK("k", "\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\""), "supported"},
        {JWK("k", "\"kty\":\"none\""), "supported"},
        {JWK("k", RFC7515_A3_PRIVATE ",\"alg\":\"ES512\""), "supported"},
        {JWK("k", RFC7515_A3_PRIVATE ",\"alg\":\"HS256\""), "supported"},
        {JWK("k", RFC7515_A2_PRIVATE ",\"alg\":\"RSA-OAEP\""), "supported"},
        {JWK("k", RFC7515_A3_PRIVATE ",\"use\":\"enc\""), "supported"},
        {JWK("k", RFC7515_A1_KEY ",\"alg\":\"none\""), "supported"},
        {JWK("k", RFC7515_A3_PRIVATE ",\"key_ops\":[\"deriveKey\"]"), "key_ops"},
        {JWK("k", RFC7515_A3_PRIVATE ",\"key_ops\":[]"), "key_ops"},
        {JWK("k", "\"kty\":\"EC\",\"crv\":\"P-256\""), "member"},
        {JWK("k", "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":2"), "member"},
        {JWK("k",
             "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\",\"y\":\"AA\""),
         "base64url"},
        {JWK("k",
             "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\",\"y\":\"AA\""),
         "base64url"},
        {JWK("k", "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\""), "length"},
        /* The point of A.3 with x and y exchanged. */
        {JWK("k", "\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"x\":\"x_"
                  "FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""),
         "do not make a key"},
        {JWK("k", RFC7515_A3_PUBLIC ",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\""), "belong together"},
        {JWK("k", RFC8037_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""), "belong together"},
        {JWK("k", RFC7515_A2_PUBLIC
             ",\"d\":\"AQAB\",\"p\":\"AQAB\",\"q\":\"AQAB\",\"dp\":\"AQAB\",\"dq\":\"AQAB\",\"qi\":\"AQAB\""),
         "belong together"},
        {JWK("k", RFC7515_A2_PUBLIC ",\"d\":\"AQAB\""), "member"},
        {JWK("k", RFC7515_A2_PRIVATE ",\"oth\":[]"), "two primes"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", fill(pool, 255, 128), "\"}", NULL),
         "2048"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", fill(pool, 255, 1025), "\"}",
                     NULL),
         "8192"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", fill(pool, 255, 2000), "\"}",
                     NULL),
         "large"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"", fill(pool, 255, 256), "\"}", NULL),
         "exponent"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQAA\",\"n\":\"", fill(pool, 255, 256), "\"}", NULL),
         "exponent"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", fill(pool, 254, 256), "\"}", NULL),
         "modulus"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"", fill(pool, 7, 31), "\"}", NULL), "32"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"alg\":\"A256GCM\",\"k\":\"", fill(pool, 7, 33), "\"}",
                     NULL),
         "32"},
        {apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"alg\":\"A256GCM\",\"k\":\"", fill(pool, 7, 31), "\"}",
                     NULL),
         "32"},
        {JWK("k", RFC7515_A3_PRIVATE) "," JWK("k", RFC8037_PRIVATE), "same kid"},
        {"7", "strings"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *error = "it was accepted";

        const cloudep_jwk_t *key = own_key(pool, cases[i].jwk, &error);

        ok(!key && strstr(error, cases[i].word), "refused: %s", error);
        ok(!strstr(error, "AQAB") && !strstr(error, "jpsQnnGQ"), "and the text shows no member");
    }
}

static void test_foreign(apr_pool_t *pool)
{
    const cloudep_jwks_t *set;
    const char *error;

    is_int(
        parse(&set, pool,
              "{\"keys\":[7,{},{\"kty\":\"AKP\"}," JWK("rsa", "\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"") "," JWK(
                  "oaep", RFC7517_RSA_PUBLIC
                  ",\"alg\":\"RSA-OAEP\"") "," JWK("e", RFC7515_A3_PRIVATE) ",{" RFC8037_PUBLIC
                                                                            "}," JWK("e", RFC7515_A2_PUBLIC) "]}",
              CLOUDEP_JWKS_FOREIGN, &error),
        APR_SUCCESS, "a provider's set with keys that we cannot use");
    is_int(cloudep_jwks_count(set), 8, "gives the three that we can use, one of them for each of six algorithms");
    ok(!cloudep_jwk_is_private(cloudep_jwks_get(set, 0)), "a private part that it leaks is not taken");
    is_str(cloudep_jwk_kid(cloudep_jwks_get(set, 1)), NULL, "a kid may be missing");
    is_str(cloudep_jwk_kid(cloudep_jwks_get(set, 2)), "e", "a kid may be there twice");
    is_int(parse(&set, pool, "{\"keys\":[]}", CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS, "an empty set is a set");
    is_int(cloudep_jwks_count(set), 0, "without keys");
    is_int(parse(&set, pool, "{\"keys\":{}}", CLOUDEP_JWKS_FOREIGN, &error), CLOUDEP_EMALFORMED,
           "keys must be an array");
    ok(!set && strstr(error, "JWK Set"), "and the error says so");
    is_int(parse(&set, pool, "[]", CLOUDEP_JWKS_FOREIGN, &error), CLOUDEP_EMALFORMED, "the set must be an object");
    is_int(parse(&set, pool, "{\"keys\":[],\"keys\":[]}", CLOUDEP_JWKS_FOREIGN, &error), CLOUDEP_EMALFORMED,
           "members must not be there twice");
    is_int(parse(&set, pool, "", CLOUDEP_JWKS_FOREIGN, &error), CLOUDEP_EMALFORMED, "nothing is no set");
}

/* What a foreign key that says no "alg" is good for. */
static void test_unsaid_alg(apr_pool_t *pool)
{
    static const char *const rsa[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    const cloudep_jwks_t *set;
    const char *error, *keys = "";

    is_int(parse(&set, pool, JWKS(JWK("r", RFC7515_A2_PUBLIC)), CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS,
           "a provider's RSA key without alg");
    is_int(cloudep_jwks_count(set), 6, "is good for the six algorithms of RSA");
    for (int i = 0; i < 6; i++) {
        is_str(cloudep_jwk_alg(cloudep_jwks_get(set, i)), rsa[i], "one after the other");
        is_str(cloudep_jwk_kid(cloudep_jwks_get(set, i)), "r", "under its kid");
    }
    is_int(parse(&set, pool, JWKS(JWK("r", RFC7515_A2_PUBLIC ",\"alg\":\"PS384\"")), CLOUDEP_JWKS_FOREIGN, &error),
           APR_SUCCESS, "one that says its alg");
    is_int(cloudep_jwks_count(set), 1, "is good for that one");
    is_int(parse(&set, pool, JWKS(JWK("r", RFC7515_A2_PUBLIC)), CLOUDEP_JWKS_OWN, &error), APR_SUCCESS,
           "our own without alg");
    is_int(cloudep_jwks_count(set), 1, "is for one");
    is_str(cloudep_jwk_alg(cloudep_jwks_get(set, 0)), "RS256", "RS256");
    for (int i = 0; i <= CLOUDEP_JWKS_MAX_KEYS; i++) {
        keys = apr_psprintf(pool, "%s%s{\"kid\":\"%d\"," RFC7515_A2_PUBLIC "}", keys, i ? "," : "", i);
    }
    keys = apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL);
    is_int(parse(&set, pool, keys, CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS, "a huge foreign set of such keys");
    is_int(cloudep_jwks_count(set), 6 * CLOUDEP_JWKS_MAX_KEYS, "is cut at as many keys as any");
}

/* A key in PEM, as others give them out. */
static const char *pem_of(apr_pool_t *pool, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long length;

    (void)PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    length = BIO_get_mem_data(bio, &text);
    text = apr_pstrmemdup(pool, text, (apr_size_t)length);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return text;
}

/* Whether a key in PEM makes one of ours for that algorithm. */
static int makes_key(apr_pool_t *pool, EVP_PKEY *pkey, const char *alg)
{
    const cloudep_jwk_t *key;
    const char *error;
    json_t *jwk;

    if (cloudep_jwk_of_pem(&jwk, pool, pem_of(pool, pkey), "AB12", alg) != APR_SUCCESS) {
        return 0;
    }
    key = own_key(pool, cloudep_json_text(jwk, pool), &error);
    return key && cloudep_jwk_is_private(key) && !strcmp(cloudep_jwk_alg(key), alg) &&
           !strcmp(cloudep_jwk_kid(key), "AB12");
}

static EVP_PKEY *pss_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pkey = NULL;

    (void)EVP_PKEY_keygen_init(ctx);
    (void)EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);
    (void)EVP_PKEY_generate(ctx, &pkey);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static void test_pem(apr_pool_t *pool)
{
    json_t *jwk;

    ok(makes_key(pool, EVP_EC_gen("P-256"), "ES256"), "a key of P-256 in PEM is one for ES256");
    ok(makes_key(pool, EVP_RSA_gen(2048), "RS256"), "an RSA key is one for RS256");
    ok(!makes_key(pool, EVP_EC_gen("P-384"), "ES256"), "a key of P-384 is none for ES256");
    ok(!makes_key(pool, EVP_EC_gen("secp256k1"), "ES256"), "nor is one of another curve as large");
    ok(!makes_key(pool, EVP_RSA_gen(2048), "ES256"), "nor an RSA key");
    ok(!makes_key(pool, EVP_EC_gen("P-256"), "RS256"), "nor is an EC key one for RS256");
    ok(!makes_key(pool, EVP_EC_gen("P-256"), "HS256"), "nor a secret");
    ok(!makes_key(pool, pss_key(), "RS256"), "nor is a key that is for RSA-PSS alone");
    is_int(cloudep_jwk_of_pem(&jwk, pool, "secret", "AB12", "ES256"), CLOUDEP_EMALFORMED, "what is no PEM is no key");
    ok(!jwk, "nor is there one");
    is_int((long long)ERR_peek_error(), 0, "what OpenSSL says of it is not left for others");
}

/* The private keys 379 and 43 of P-256: the one's x, the other's y and both of d begin with zeros. */
static void test_pem_zeros(apr_pool_t *pool)
{
    static const struct {
        const char *pem, *x, *y, *d;
    } cases[] = {
        {"-----BEGIN EC PRIVATE KEY-----\n"
         "MHcCAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAF7oAoGCCqGSM49\n"
         "AwEHoUQDQgAEAFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAq7TIWj2Oop\n"
         "76r6JEBpEt2E1bFNwyv2Vu9sa9WKXZQ/kg==\n"
         "-----END EC PRIVATE KEY-----\n",
         "AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo", "u0yFo9jqKe-q-iRAaRLdhNWxTcMr9lbvbGvVil2UP5I",
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXs"},
        {"-----BEGIN EC PRIVATE KEY-----\n"
         "MHcCAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAroAoGCCqGSM49\n"
         "AwEHoUQDQgAEmGriUG8f8QTQQjCGHY9LSY9LxMbQCbMPdUTcEpuC0o0APMzApkYO\n"
         "CuMopNl9PHth2G/GKJwYnyUlEQxEG7B+lw==\n"
         "-----END EC PRIVATE KEY-----\n",
         "mGriUG8f8QTQQjCGHY9LSY9LxMbQCbMPdUTcEpuC0o0", "ADzMwKZGDgrjKKTZfTx7YdhvxiicGJ8lJREMRBuwfpc",
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACs"},
    };
    json_t *jwk;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(cloudep_jwk_of_pem(&jwk, pool, cases[i].pem, "AB12", "ES256"), APR_SUCCESS, "a key with leading zeros");
        is_str(json_string_value(json_object_get(jwk, "x")), cases[i].x, "keeps them in x");
        is_str(json_string_value(json_object_get(jwk, "y")), cases[i].y, "keeps them in y");
        is_str(json_string_value(json_object_get(jwk, "d")), cases[i].d, "keeps them in d");
        is_str(json_string_value(json_object_get(jwk, "kty")), "EC", "says its type");
        is_str(json_string_value(json_object_get(jwk, "alg")), "ES256", "says its algorithm");
        is_str(json_string_value(json_object_get(jwk, "use")), "sig", "says its use");
    }
}

static void test_pem_encrypted(apr_pool_t *pool)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    json_t *jwk;

    (void)PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
    (void)BIO_write(bio, "", 1);
    (void)BIO_get_mem_data(bio, &text);
    is_int(cloudep_jwk_of_pem(&jwk, pool, text, "AB12", "ES256"), CLOUDEP_EMALFORMED,
           "a key behind a passphrase is none, and nobody is asked for it");
    ok(!jwk, "and nothing is made of it");
    is_int((long long)ERR_peek_error(), 0, "nor is anything left in OpenSSL's error queue");
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

/* What a pool gave out between two marks does not hold the bytes of a private key. */
static void test_pem_wiped(void)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    unsigned char bytes[32];
    BIGNUM *number = NULL;
    const char *begin, *end, *pem;
    apr_pool_t *pool;
    json_t *jwk;

    apr_pool_create(&pool, NULL);
    (void)EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &number);
    (void)BN_bn2binpad(number, bytes, sizeof(bytes));
    pem = pem_of(pool, pkey);
    begin = apr_palloc(pool, 8);
    is_int(cloudep_jwk_of_pem(&jwk, pool, pem, "AB12", "ES256"), APR_SUCCESS, "a key is made of PEM");
    end = apr_palloc(pool, 8);
    ok(end > begin && end - begin < 8192 && !memmem(begin, (size_t)(end - begin), bytes, sizeof(bytes)),
       "and its bytes are wiped where they were encoded");
    BN_free(number);
    apr_pool_destroy(pool);
}

static void test_limit(apr_pool_t *pool)
{
    const cloudep_jwks_t *set;
    const char *error, *keys = "";
    int i;

    for (i = 0; i <= CLOUDEP_JWKS_MAX_KEYS; i++) {
        keys = apr_psprintf(pool, "%s%s{\"kid\":\"%d\"," RFC8037_PUBLIC "}", keys, i ? "," : "", i);
    }
    keys = apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL);
    is_int(parse(&set, pool, keys, CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS, "a huge foreign set");
    is_int(cloudep_jwks_count(set), CLOUDEP_JWKS_MAX_KEYS, "is cut");
    is_int(parse(&set, pool, keys, CLOUDEP_JWKS_OWN, &error), CLOUDEP_EREFUSED, "a huge set of our own is an error");
}

/* A set of ours with so many keys. */
static apr_status_t parse_many(apr_pool_t *pool, int count)
{
    const cloudep_jwks_t *set;
    const char *error, *keys = "";

    for (int i = 0; i < count; i++) {
        keys = apr_psprintf(pool, "%s%s{\"kid\":\"%d\"," RFC8037_PUBLIC "}", keys, i ? "," : "", i);
    }
    return parse(&set, pool, apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL), CLOUDEP_JWKS_OWN, &error);
}

/* Each limit of our own keys: what just fits, and what does not. */
static void test_bounds(apr_pool_t *pool)
{
    const char *error;

    ok(own_key(pool, apr_psprintf(pool, "{\"kid\":\"%0128d\"," RFC8037_PUBLIC "}", 1), &error) != NULL,
       "a kid of 128 characters");
    ok(!own_key(pool, apr_psprintf(pool, "{\"kid\":\"%0129d\"," RFC8037_PUBLIC "}", 1), &error),
       "a kid of 129 is refused");
    ok(own_key(pool, apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"", fill(pool, 7, 32), "\"}", NULL),
               &error) != NULL,
       "an HS256 key of 32 bytes");
    ok(own_key(pool, apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"", fill(pool, 7, 1024), "\"}", NULL),
               &error) != NULL,
       "an HS256 key of 1024 bytes");
    ok(!own_key(pool, apr_pstrcat(pool, "{\"kid\":\"k\",\"kty\":\"oct\",\"k\":\"", fill(pool, 7, 1025), "\"}", NULL),
                &error),
       "an HS256 key of 1025 bytes is refused");
    is_int(parse_many(pool, CLOUDEP_JWKS_MAX_KEYS), APR_SUCCESS, "a set of ours of as many keys as may be");
    is_int(parse_many(pool, CLOUDEP_JWKS_MAX_KEYS + 1), CLOUDEP_EREFUSED, "one more is an error");
}

static void test_public(apr_pool_t *pool)
{
    static const char expected[] = "{\"keys\":[{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":"
                                   "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"ed\",\"alg\":\"EdDSA\","
                                   "\"use\":\"sig\"}]}";
    const cloudep_jwks_t *set, *again;
    const char *error, *json;

    is_int(parse(&set, pool, JWKS2(JWK("hs", RFC7515_A1_KEY), JWK("ed", RFC8037_PRIVATE ",\"owner\":\"me\"")),
                 CLOUDEP_JWKS_OWN, &error),
           APR_SUCCESS, "a set with a secret and a private key");
    is_str(cloudep_jwks_public_json(set, pool), expected, "is published without the secret, d and unknown members");
    is_int(parse(&set, pool, JWKS2(JWK("rsa", RFC7515_A2_PRIVATE), JWK("ec", RFC7515_A4_PRIVATE)), CLOUDEP_JWKS_OWN,
                 &error),
           APR_SUCCESS, "a set with RSA and EC keys");
    json = cloudep_jwks_public_json(set, pool);
    is_int(parse(&again, pool, json, CLOUDEP_JWKS_FOREIGN, &error), APR_SUCCESS, "can be read back once published");
    is_int(cloudep_jwks_count(again), 2, "with both keys");
    ok(!strstr(json, "\"d\"") && !strstr(json, "\"p\"") && !strstr(json, "\"qi\""), "and no private member");
    is_int(parse(&set, pool, JWKS(JWK("hs", RFC7515_A1_KEY)), CLOUDEP_JWKS_OWN, &error), APR_SUCCESS, "only a secret");
    is_str(cloudep_jwks_public_json(set, pool), "{\"keys\":[]}", "publishes an empty set");
}

static void test_active(apr_pool_t *pool)
{
    const cloudep_jwks_t *set;
    const char *error;
    apr_size_t len;

    is_int(parse(&set, pool,
                 "{\"keys\":[" JWK("pub", RFC7515_A3_PUBLIC) "," JWK(
                     "seal", "\"kty\":\"oct\",\"alg\":\"A256GCM\",\"k\":"
                             "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"") "," JWK("sign", RFC8037_PRIVATE) "]}",
                 CLOUDEP_JWKS_OWN, &error),
           APR_SUCCESS, "keys of both uses in one set");
    is_str(cloudep_jwk_kid(cloudep_jwks_active(set, CLOUDEP_KEY_SIGN)), "sign", "public keys are passed over");
    is_str(cloudep_jwk_kid(cloudep_jwks_active(set, CLOUDEP_KEY_SEAL)), "seal", "each use has its active key");
    is_int(cloudep_jwk_use(cloudep_jwks_get(set, 1)), CLOUDEP_KEY_SEAL, "A256GCM is for sealing");
    ok(cloudep_jwk_secret(cloudep_jwks_get(set, 1), &len)[31] == 31 && len == 32, "a secret key has its bytes");
    ok(!cloudep_jwk_secret(cloudep_jwks_get(set, 2), &len), "another key has none");
}

static void test_thumbprint(apr_pool_t *pool)
{
    json_t *rsa = json_loads("{" RFC7517_RSA_PRIVATE ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}", 0, NULL);
    json_t *okp = json_loads("{" RFC8037_PRIVATE "}", 0, NULL);
    const char *thumbprint;

    is_int(cloudep_jwk_thumbprint(&thumbprint, pool, rsa), APR_SUCCESS, "thumbprint of an RSA key");
    is_str(thumbprint, RFC7638_THUMBPRINT, "is that of RFC 7638 section 3.1");
    is_int(cloudep_jwk_thumbprint(&thumbprint, pool, okp), APR_SUCCESS, "thumbprint of an Ed25519 key");
    is_str(thumbprint, RFC8037_THUMBPRINT, "is that of RFC 8037 A.3");
    (void)json_object_del(rsa, "n");
    is_int(cloudep_jwk_thumbprint(&thumbprint, pool, rsa), CLOUDEP_EMALFORMED, "no thumbprint of half a key");
    is_str(thumbprint, NULL, "then there is none");
    json_decref(rsa);
    json_decref(okp);
}

static void test_generate(apr_pool_t *pool)
{
    static const char *const algorithms[] = {"ES256", "ES384", "ES512", "RS256",  "RS384",
                                             "RS512", "EdDSA", "HS256", "A256GCM"};
    json_t *jwk, *other;
    size_t i;

    for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        const char *error = "", *thumbprint = NULL, *kid;
        const cloudep_jwk_t *key;
        char *text;

        if (!ok(cloudep_jwk_generate(&jwk, pool, algorithms[i]) == APR_SUCCESS, "a new %s key", algorithms[i])) {
            continue;
        }
        kid = json_string_value(json_object_get(jwk, "kid"));
        text = json_dumps(jwk, 0);
        key = own_key(pool, text, &error);
        free(text);
        is_str(key ? cloudep_jwk_alg(key) : error, algorithms[i], "can be loaded");
        ok(key && cloudep_jwk_is_private(key), "with its private part");
        is_str(json_string_value(json_object_get(jwk, "alg")), algorithms[i], "it says its algorithm");
        is_str(json_string_value(json_object_get(jwk, "use")), strcmp(algorithms[i], "A256GCM") ? "sig" : "enc",
               "it says its use");
        if (json_object_get(jwk, "n")) {
            is_int((long long)strlen(json_string_value(json_object_get(jwk, "n"))), 342, "RSA has 2048 bits");
        }
        (void)cloudep_jwk_thumbprint(&thumbprint, pool, jwk);
        if (json_object_get(jwk, "k")) {
            ok(strlen(kid) == 22 && strcmp(kid, thumbprint) != 0, "a secret's kid does not come from the secret");
        }
        else {
            is_str(kid, thumbprint, "its kid is its thumbprint");
        }
    }
    (void)cloudep_jwk_generate(&jwk, pool, "A256GCM");
    (void)cloudep_jwk_generate(&other, pool, "A256GCM");
    ok(!json_equal(json_object_get(jwk, "k"), json_object_get(other, "k")), "no key is made twice");
    is_int(cloudep_jwk_generate(&jwk, pool, "none"), CLOUDEP_EREFUSED, "no key for none");
    ok(!jwk, "then there is no key");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_rfc7517(pool);
    test_algorithms(pool);
    test_refused(pool);
    test_foreign(pool);
    test_unsaid_alg(pool);
    test_pem(pool);
    test_pem_zeros(pool);
    test_pem_encrypted(pool);
    test_pem_wiped();
    test_limit(pool);
    test_bounds(pool);
    test_public(pool);
    test_active(pool);
    test_thumbprint(pool);
    test_generate(pool);
    is_int((long long)ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
