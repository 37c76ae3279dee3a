/*
 * jwt_test.c - the RFCs' signed examples are accepted, our own tokens too, and each known attack is refused.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/text/b64.h"
#include "base/text/json.h"
#include "base/jose/jwk_private.h"
#include "base/jose/jws.h"
#include "base/jose/jwt.h"
#include "rfc_vectors.h"
#include "tap.h"

#define SET_OF(members) JWKS(JWK("k", members))

static const cloudep_jwks_t *own_set(apr_pool_t *pool, const char *json)
{
    const cloudep_jwks_t *set = NULL;
    const char *error = NULL;

    if (cloudep_jwks_parse(&set, pool, json, strlen(json), CLOUDEP_JWKS_OWN, &error) != APR_SUCCESS) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
    return set;
}

static const char *encode(apr_pool_t *pool, const char *text)
{
    return cloudep_b64_encode(pool, text, strlen(text));
}

/* A token with a right signature of key over any header and payload. */
static const char *sign_raw(apr_pool_t *pool, const cloudep_jwk_t *key, const char *header, const char *payload)
{
    const char *input = apr_pstrcat(pool, encode(pool, header), ".", encode(pool, payload), NULL);
    unsigned char *signature = NULL;
    apr_size_t len = 0;

    (void)cloudep_jws_sign(&signature, &len, pool, key, input, strlen(input));
    return apr_pstrcat(pool, input, ".", cloudep_b64_encode(pool, signature, len), NULL);
}

static void refused(apr_pool_t *pool, const cloudep_jwks_t *set, const char *token, apr_status_t status,
                    const char *what)
{
    const cloudep_jwt_t *jwt;
    const char *reason = NULL;

    is_int(cloudep_jwt_verify(&jwt, pool, set, token, CLOUDEP_JWT_OWN, &reason), status, what);
    ok(!jwt && reason, "reason: %s", reason ? reason : "none");
}

static void test_rfc_tokens(apr_pool_t *pool)
{
    static const struct {
        const char *set;
        const char *token;
        const char *name;
    } cases[] = {
        {SET_OF(RFC7515_A1_KEY), RFC7515_A1_JWS, "RFC 7515 A.1, HS256"},
        {SET_OF(RFC7515_A2_PUBLIC), RFC7515_A2_JWS, "RFC 7515 A.2, RS256"},
        {SET_OF(RFC7515_A3_PUBLIC), RFC7515_A3_JWS, "RFC 7515 A.3, ES256"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_jwks_t *set = own_set(pool, cases[i].set);
        const cloudep_jwt_t *jwt;
        const char *reason = "";

        refused(pool, set, cases[i].token, CLOUDEP_EMALFORMED, "without kid it is refused by the strict rule");
        is_int(cloudep_jwt_verify(&jwt, pool, set, cases[i].token, CLOUDEP_JWT_FOREIGN, &reason), APR_SUCCESS,
               cases[i].name);
        is_str(reason, NULL, "no reason on success");
        is_str(json_string_value(json_object_get(jwt->claims, "iss")), "joe", "iss");
        is_int(json_integer_value(json_object_get(jwt->claims, "exp")), 1300819380, "exp");
        ok(json_is_true(json_object_get(jwt->claims, "http://example.com/is_root")), "is_root");
        is_str(jwt->typ, i ? NULL : "JWT", "typ as in the header");
    }
    refused(pool, own_set(pool, SET_OF(RFC7515_A1_KEY)), RFC7515_A5_JWS, CLOUDEP_EMALFORMED,
            "RFC 7515 A.5, alg none, is refused");
}

/* Checks a compact JWS whose payload is no JSON, so at the level of bytes. */
static apr_status_t verify_bytes(apr_pool_t *pool, const char *members_set, const char *token)
{
    const char *dot = strrchr(token, '.');
    unsigned char *signature;
    apr_size_t len;

    if (cloudep_b64_decode(&signature, &len, pool, dot + 1, strlen(dot + 1)) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    return cloudep_jws_verify(cloudep_jwks_get(own_set(pool, members_set), 0), token, (apr_size_t)(dot - token),
                              signature, len);
}

static void test_rfc_bytes(apr_pool_t *pool)
{
    static const char ed_input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const cloudep_jwk_t *ed = cloudep_jwks_get(own_set(pool, SET_OF(RFC8037_PRIVATE)), 0);
    const cloudep_jwk_t *rsa = cloudep_jwks_get(own_set(pool, SET_OF(RFC7515_A2_PRIVATE)), 0);
    const cloudep_jwk_t *public = cloudep_jwks_get(own_set(pool, SET_OF(RFC8037_PUBLIC)), 0);
    unsigned char *signature;
    apr_size_t len;

    is_int(verify_bytes(pool, SET_OF(RFC7515_A4_PUBLIC), RFC7515_A4_JWS), APR_SUCCESS, "RFC 7515 A.4, ES512");
    is_int(verify_bytes(pool, SET_OF(RFC8037_PUBLIC), RFC8037_JWS), APR_SUCCESS, "RFC 8037 A.5, Ed25519");
    is_int(cloudep_jws_sign(&signature, &len, pool, ed, ed_input, strlen(ed_input)), APR_SUCCESS, "RFC 8037 A.4 signs");
    is_str(apr_pstrcat(pool, ed_input, ".", cloudep_b64_encode(pool, signature, len), NULL), RFC8037_JWS,
           "the same signature");
    is_int(cloudep_jws_sign(&signature, &len, pool, rsa, RFC7515_A2_JWS, strrchr(RFC7515_A2_JWS, '.') - RFC7515_A2_JWS),
           APR_SUCCESS, "RFC 7515 A.2 signs");
    is_str(cloudep_b64_encode(pool, signature, len), strrchr(RFC7515_A2_JWS, '.') + 1, "the same signature");
    is_int(cloudep_jws_sign(&signature, &len, pool, public, "x", 1), CLOUDEP_EUNSET, "a public key cannot sign");
}

/* The token with one character of it exchanged for another of the alphabet. */
static const char *changed_at(apr_pool_t *pool, const char *token, ptrdiff_t place)
{
    char *copy = apr_pstrdup(pool, token);

    copy[place] = copy[place] == 'A' ? 'B' : 'A';
    return copy;
}

static void test_round_trip(apr_pool_t *pool)
{
    static const char *const algorithms[] = {"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "EdDSA", "HS256"};
    json_t *claims = cloudep_json_own(json_pack("{s:s, s:I}", "sub", "\xe7\x8e\x8b \"x\"", "exp", (json_int_t)1), pool);
    size_t i;

    for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        json_t *jwk = NULL;
        const cloudep_jwks_t *set;
        const cloudep_jwt_t *jwt;
        const char *token = NULL, *reason, *expected;
        char *text;

        (void)cloudep_jwk_generate(&jwk, pool, algorithms[i]);
        text = json_dumps(jwk, 0);
        set = own_set(pool, apr_pstrcat(pool, "{\"keys\":[", text, "]}", NULL));
        free(text);
        is_int(cloudep_jwt_sign(&token, pool, cloudep_jwks_get(set, 0), "at+jwt", claims), APR_SUCCESS, algorithms[i]);
        expected = encode(pool, apr_psprintf(pool, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", algorithms[i],
                                             cloudep_jwk_kid(cloudep_jwks_get(set, 0))));
        ok(strncmp(token, expected, strlen(expected)) == 0, "the header is alg, kid and typ");
        is_int(cloudep_jwt_verify(&jwt, pool, set, token, CLOUDEP_JWT_OWN, &reason), APR_SUCCESS, "verifies");
        ok(json_equal(jwt->claims, claims), "with the same claims");
        is_str(jwt->typ, "at+jwt", "and the same typ");
        ok(jwt->key == cloudep_jwks_get(set, 0), "and tells the key");
        refused(pool, set, changed_at(pool, token, (ptrdiff_t)strlen(expected) + 3), CLOUDEP_EFORGED,
                "another payload");
        refused(pool, set, changed_at(pool, token, strrchr(token, '.') - token + 3), CLOUDEP_EFORGED,
                "another signature");
    }
}

static void test_shape(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = own_set(pool, SET_OF(RFC8037_PRIVATE));
    const cloudep_jwk_t *key = cloudep_jwks_get(set, 0);
    const char *good = sign_raw(pool, key, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", "{\"a\":1}");
    const char *dot = strrchr(good, '.');
    const cloudep_jwt_t *jwt;
    const char *reason;
    char *last;

    is_int(cloudep_jwt_verify(&jwt, pool, set, good, CLOUDEP_JWT_OWN, &reason), APR_SUCCESS, "a good token");
    refused(pool, set, "", CLOUDEP_EMALFORMED, "nothing");
    refused(pool, set, "..", CLOUDEP_EMALFORMED, "only dots");
    refused(pool, set, apr_pstrcat(pool, good, ".", NULL), CLOUDEP_EMALFORMED, "a dot too many");
    refused(pool, set, apr_pstrcat(pool, good, "..", NULL), CLOUDEP_EMALFORMED, "two dots too many, as a JWE has");
    refused(pool, set, apr_pstrmemdup(pool, good, (apr_size_t)(dot - good)), CLOUDEP_EMALFORMED, "no signature part");
    refused(pool, set, apr_pstrmemdup(pool, good, (apr_size_t)(dot - good) + 1), CLOUDEP_EMALFORMED, "empty signature");
    refused(pool, set, apr_pstrmemdup(pool, good, strlen(good) - 1), CLOUDEP_EMALFORMED, "cut by one character");
    refused(pool, set, apr_pstrmemdup(pool, good, strlen(good) - 2), CLOUDEP_EFORGED, "cut by two characters");
    refused(pool, set, apr_pstrcat(pool, good, "=", NULL), CLOUDEP_EMALFORMED, "padding");
    refused(pool, set, apr_pstrcat(pool, good, "==", NULL), CLOUDEP_EMALFORMED, "right padding");
    refused(pool, set, apr_pstrcat(pool, good, "\n", NULL), CLOUDEP_EMALFORMED, "a newline behind it");
    refused(pool, set, apr_pstrcat(pool, " ", good, NULL), CLOUDEP_EMALFORMED, "a space before it");
    refused(pool, set, apr_pstrcat(pool, "Bearer ", good, NULL), CLOUDEP_EMALFORMED, "the scheme before it");
    last = apr_pstrdup(pool, good);
    last[strlen(last) - 1]++; /* 64 bytes end in A, Q, g or w: the next letter decodes to the same bytes */
    refused(pool, set, last, CLOUDEP_EMALFORMED, "stray low bits in the last character");
    last = apr_pstrdup(pool, good);
    *strchr(last, '.') = '+';
    refused(pool, set, last, CLOUDEP_EMALFORMED, "two parts");
    refused(pool, set, apr_pstrcat(pool, "e+/9", strchr(good, '.'), NULL), CLOUDEP_EMALFORMED, "the other alphabet");
    refused(pool, set,
            sign_raw(pool, key, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", apr_psprintf(pool, "{\"a\":\"%7000d\"}", 1)),
            CLOUDEP_EMALFORMED, "longer than a token may be");
}

/* Characters of so many bytes in base64url. */
static apr_size_t encoded(apr_size_t bytes)
{
    return bytes / 3 * 4 + (bytes % 3 ? bytes % 3 + 1 : 0);
}

/* A token of ours with exactly that length. */
static const char *token_of(apr_pool_t *pool, const cloudep_jwk_t *key, apr_size_t length)
{
    static const char *const headers[] = {"{\"alg\":\"EdDSA\",\"kid\":\"k\"}", "{\"alg\":\"EdDSA\",\"kid\":\"k\" }",
                                          "{\"alg\":\"EdDSA\",\"kid\":\"k\"  }"};
    static const apr_size_t empty = sizeof("{\"a\":\"\"}") - 1;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        for (apr_size_t filling = 1; filling < length; filling++) {
            if (encoded(strlen(headers[i])) + 1 + encoded(empty + filling) + 1 + encoded(64) == length) {
                return sign_raw(pool, key, headers[i], apr_psprintf(pool, "{\"a\":\"%0*d\"}", (int)filling, 1));
            }
        }
    }
    return "";
}

static void test_length(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = own_set(pool, SET_OF(RFC8037_PRIVATE));
    const char *longest = token_of(pool, cloudep_jwks_get(set, 0), CLOUDEP_JWT_MAX);
    const cloudep_jwt_t *jwt;
    const char *reason;

    is_int((long long)strlen(longest), CLOUDEP_JWT_MAX, "a token of the longest length");
    is_int(cloudep_jwt_verify(&jwt, pool, set, longest, CLOUDEP_JWT_OWN, &reason), APR_SUCCESS, "is read");
    refused(pool, set, token_of(pool, cloudep_jwks_get(set, 0), CLOUDEP_JWT_MAX + 1), CLOUDEP_EMALFORMED,
            "one more character is too many");
}

/* Where a later check would refuse as well, the reason says which one it was. */
static void refused_as(apr_pool_t *pool, const cloudep_jwks_t *set, const char *token, const char *because)
{
    const cloudep_jwt_t *jwt;
    const char *reason = NULL;

    (void)cloudep_jwt_verify(&jwt, pool, set, token, CLOUDEP_JWT_OWN, &reason);
    is_str(reason, because, because);
}

static void test_reasons(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = own_set(
        pool, JWKS2(JWK("k", RFC8037_PRIVATE),
                    JWK("seal",
                        "\"kty\":\"oct\",\"alg\":\"A256GCM\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"")));
    const cloudep_jwk_t *key = cloudep_jwks_get(set, 0);
    const char *good = sign_raw(pool, key, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", "{\"a\":1}");

    refused_as(pool, set, apr_pstrcat(pool, good, ".AAAA", NULL), "token has not three parts");
    refused_as(pool, set, sign_raw(pool, key, "{\"alg\":\"EdDSA\",\"kid\":7}", "{\"a\":1}"),
               "header with alg, kid or typ that is not a string");
    refused_as(pool, set, sign_raw(pool, key, "{\"alg\":\"A256GCM\",\"kid\":\"seal\"}", "{\"a\":1}"),
               "alg is not that of the key");
}

/* Signatures of another length than the key's. */
static void test_cut_signatures(apr_pool_t *pool)
{
    static const char *const algorithms[] = {"HS256", "EdDSA", "RS256"};

    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        json_t *jwk = NULL;
        const cloudep_jwk_t *key;
        unsigned char *signature;
        apr_size_t length;
        char *text;

        (void)cloudep_jwk_generate(&jwk, pool, algorithms[i]);
        text = json_dumps(jwk, 0);
        key = cloudep_jwks_get(own_set(pool, apr_pstrcat(pool, "{\"keys\":[", text, "]}", NULL)), 0);
        free(text);
        (void)cloudep_jws_sign(&signature, &length, pool, key, "data", 4);
        is_int(cloudep_jws_verify(key, "data", 4, signature, length), APR_SUCCESS, algorithms[i]);
        is_int(cloudep_jws_verify(key, "data", 4, signature, length - 1), CLOUDEP_EFORGED, "not a byte shorter");
        is_int(cloudep_jws_verify(key, "data", 4, signature, length / 2), CLOUDEP_EFORGED, "not the half of it");
        is_int(cloudep_jws_verify(key, "data", 4, signature, 1), CLOUDEP_EFORGED, "not its first byte");
    }
}

static void test_header(apr_pool_t *pool)
{
    static const struct {
        const char *header;
        apr_status_t status;
        const char *name;
    } cases[] = {
        {"{\"alg\":\"none\",\"kid\":\"k\"}", CLOUDEP_EFORGED, "alg none, signed"},
        {"{\"alg\":\"eddsa\",\"kid\":\"k\"}", CLOUDEP_EFORGED, "alg in another case"},
        {"{\"alg\":\"ES256\",\"kid\":\"k\"}", CLOUDEP_EFORGED, "alg of another key type"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"other\"}", APR_NOTFOUND, "unknown kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"\"}", APR_NOTFOUND, "empty kid"},
        {"{\"alg\":\"EdDSA\"}", CLOUDEP_EMALFORMED, "no kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":7}", CLOUDEP_EMALFORMED, "kid is a number"},
        {"{\"alg\":[\"EdDSA\"],\"kid\":\"k\"}", CLOUDEP_EMALFORMED, "alg is an array"},
        {"{\"kid\":\"k\"}", CLOUDEP_EMALFORMED, "no alg"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":1}", CLOUDEP_EMALFORMED, "typ is a number"},
        {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"k\"}", CLOUDEP_EMALFORMED, "alg twice"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"crit\":[\"exp\"],\"exp\":1}", CLOUDEP_EREFUSED, "crit"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"jku\":\"https://evil.example/jwks\"}", CLOUDEP_EREFUSED, "jku"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"x5u\":\"https://evil.example/cert\"}", CLOUDEP_EREFUSED, "x5u"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"x5c\":[]}", CLOUDEP_EREFUSED, "x5c"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\",\"jwk\":{" RFC8037_PUBLIC "}}", CLOUDEP_EREFUSED, "jwk"},
        {"[]", CLOUDEP_EMALFORMED, "an array"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\"}x", CLOUDEP_EMALFORMED, "something behind the object"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"k\\u0000\"}", CLOUDEP_EMALFORMED, "a NUL in kid"},
    };
    const cloudep_jwks_t *set = own_set(pool, SET_OF(RFC8037_PRIVATE));
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused(pool, set, sign_raw(pool, cloudep_jwks_get(set, 0), cases[i].header, "{\"a\":1}"), cases[i].status,
                apr_pstrcat(pool, "header: ", cases[i].name, NULL));
    }
}

static void test_payload(apr_pool_t *pool)
{
    static const char *const cases[] = {"Payload",     "\"text\"",         "[1]",          "{\"exp\":1,\"exp\":2}",
                                        "{\"a\":1}{}", "{\"a\":\"\xff\"}", "{\"e\":1e999}"};
    const cloudep_jwks_t *set = own_set(pool, SET_OF(RFC8037_PRIVATE));
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused(pool, set, sign_raw(pool, cloudep_jwks_get(set, 0), "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", cases[i]),
                CLOUDEP_EMALFORMED, "a payload that is no proper object");
    }
}

/* The public key's text as an HMAC secret: works against libraries that trust the header's alg. */
static void test_confusion(apr_pool_t *pool)
{
    const char *header = "{\"alg\":\"HS256\",\"kid\":\"k\"}";
    const cloudep_jwks_t *rsa = own_set(pool, SET_OF(RFC7515_A2_PUBLIC));
    const cloudep_jwks_t *hmac = own_set(
        pool, SET_OF("\"kty\":\"oct\",\"k\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp\""));
    const cloudep_jwks_t *both = own_set(
        pool, JWKS2(JWK("k", RFC7515_A2_PUBLIC),
                    JWK("seal",
                        "\"kty\":\"oct\",\"alg\":\"A256GCM\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"")));

    refused(pool, rsa, sign_raw(pool, cloudep_jwks_get(hmac, 0), header, "{\"a\":1}"), CLOUDEP_EFORGED,
            "HS256 with the RSA key's modulus");
    refused(pool, both,
            sign_raw(pool, cloudep_jwks_get(hmac, 0), "{\"alg\":\"A256GCM\",\"kid\":\"seal\"}", "{\"a\":1}"),
            CLOUDEP_EFORGED, "a sealing key verifies nothing");
}

static void test_ecdsa(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = own_set(pool, SET_OF(RFC7515_A3_PRIVATE));
    const cloudep_jwk_t *key = cloudep_jwks_get(set, 0);
    unsigned char *good, bad[70];
    apr_size_t len;

    is_int(cloudep_jws_sign(&good, &len, pool, key, "data", 4), APR_SUCCESS, "an ECDSA signature");
    is_int((long long)len, 64, "is r and s, 32 bytes each");
    is_int(cloudep_jws_verify(key, "data", 4, good, 64), APR_SUCCESS, "and verifies");
    is_int(cloudep_jws_verify(key, "datb", 4, good, 64), CLOUDEP_EFORGED, "not over other data");
    is_int(cloudep_jws_verify(key, "data", 4, good, 63), CLOUDEP_EFORGED, "not a byte shorter");
    is_int(cloudep_jws_verify(key, "data", 4, good, 0), CLOUDEP_EFORGED, "not empty");
    memset(bad, 0, sizeof(bad));
    memcpy(bad, good, 64);
    is_int(cloudep_jws_verify(key, "data", 4, bad, 65), CLOUDEP_EFORGED, "not a byte longer");
    memset(bad, 0, 64);
    is_int(cloudep_jws_verify(key, "data", 4, bad, 64), CLOUDEP_EFORGED, "r and s zero (CVE-2022-21449)");
    memcpy(bad, good, 32);
    is_int(cloudep_jws_verify(key, "data", 4, bad, 64), CLOUDEP_EFORGED, "s zero");
    memset(bad, 0, 32);
    memcpy(bad + 32, good + 32, 32);
    is_int(cloudep_jws_verify(key, "data", 4, bad, 64), CLOUDEP_EFORGED, "r zero");
    memset(bad, 255, 64);
    is_int(cloudep_jws_verify(key, "data", 4, bad, 64), CLOUDEP_EFORGED, "r and s beyond the order");
}

/* A provider's set: kid may be missing in the token when only one key can be meant. */
static void test_kid_optional(apr_pool_t *pool)
{
    static const char two[] = JWKS2(JWK("a", RFC7515_A3_PUBLIC), JWK("b", RFC7517_EC_PUBLIC));
    static const char mixed[] = JWKS2(JWK("a", RFC7515_A2_PUBLIC), JWK("a", RFC7515_A3_PUBLIC));
    const cloudep_jwk_t *key = cloudep_jwks_get(own_set(pool, SET_OF(RFC7515_A3_PRIVATE)), 0);
    const char *without = sign_raw(pool, key, "{\"alg\":\"ES256\"}", "{\"a\":1}");
    const cloudep_jwks_t *set;
    const cloudep_jwt_t *jwt;
    const char *reason;

    (void)cloudep_jwks_parse(&set, pool, two, strlen(two), CLOUDEP_JWKS_FOREIGN, &reason);
    is_int(cloudep_jwt_verify(&jwt, pool, set, without, CLOUDEP_JWT_FOREIGN, &reason), APR_NOTFOUND,
           "no kid, and two keys could be meant");
    is_int(cloudep_jwt_verify(&jwt, pool, set, sign_raw(pool, key, "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{}"),
                              CLOUDEP_JWT_FOREIGN, &reason),
           APR_SUCCESS, "a kid that is there decides");
    is_int(cloudep_jwt_verify(&jwt, pool, set, sign_raw(pool, key, "{\"alg\":\"ES256\",\"kid\":\"b\"}", "{}"),
                              CLOUDEP_JWT_FOREIGN, &reason),
           CLOUDEP_EFORGED, "and no other key is tried");
    (void)cloudep_jwks_parse(&set, pool, mixed, strlen(mixed), CLOUDEP_JWKS_FOREIGN, &reason);
    is_int(cloudep_jwt_verify(&jwt, pool, set, without, CLOUDEP_JWT_FOREIGN, &reason), APR_SUCCESS,
           "no kid, and one key has the alg");
    is_int(cloudep_jwt_verify(&jwt, pool, set, sign_raw(pool, key, "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{}"),
                              CLOUDEP_JWT_OWN, &reason),
           APR_SUCCESS, "among keys with one kid the alg picks");
    is_int(cloudep_jwt_verify(&jwt, pool, set, sign_raw(pool, key, "{\"alg\":\"none\"}", "{}"), CLOUDEP_JWT_FOREIGN,
                              &reason),
           APR_NOTFOUND, "no key has alg none");
}

/* What others' tokens may have and ours may not, and the other way round. */
static void test_foreign(apr_pool_t *pool)
{
    static const char published[] = JWKS(JWK("r", RFC7515_A2_PUBLIC));
    static const char *const algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    const cloudep_jwks_t *ours = own_set(pool, SET_OF(RFC7515_A3_PRIVATE)), *set;
    const cloudep_jwk_t *key = cloudep_jwks_get(ours, 0);
    const char *certified = sign_raw(pool, key, "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5c\":[\"MIIB\"]}", "{}");
    const char *huge = sign_raw(pool, key, "{\"alg\":\"ES256\",\"kid\":\"k\"}",
                                apr_psprintf(pool, "{\"groups\":\"%0*d\"}", 100000, 7));
    const cloudep_jwt_t *jwt;
    const char *reason;

    is_int(cloudep_jwt_verify(&jwt, pool, ours, certified, CLOUDEP_JWT_FOREIGN, &reason), APR_SUCCESS,
           "a certificate beside somebody else's token is not looked at");
    refused(pool, ours, certified, CLOUDEP_EREFUSED, "beside ours there is none");
    is_int(cloudep_jwt_verify(&jwt, pool, ours, huge, CLOUDEP_JWT_FOREIGN, &reason), APR_SUCCESS,
           "somebody else's token is as long as it is");
    refused(pool, ours, huge, CLOUDEP_EMALFORMED, "ours is not");
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        const char *alg = algorithms[i];
        const char *own = apr_psprintf(pool, JWKS("{\"kid\":\"r\",\"alg\":\"%s\"," RFC7515_A2_PRIVATE "}"), alg);
        const char *token = sign_raw(pool, cloudep_jwks_get(own_set(pool, own), 0),
                                     apr_psprintf(pool, "{\"alg\":\"%s\",\"kid\":\"r\"}", alg), "{}");

        (void)cloudep_jwks_parse(&set, pool, published, strlen(published), CLOUDEP_JWKS_FOREIGN, &reason);
        is_int(cloudep_jwt_verify(&jwt, pool, set, token, CLOUDEP_JWT_FOREIGN, &reason), APR_SUCCESS,
               apr_psprintf(pool, "%s by a published key that says no alg", alg));
        is_str(jwt ? cloudep_jwk_alg(jwt->key) : NULL, alg, "is verified as such");
        is_int(cloudep_jwt_verify(
                   &jwt, pool,
                   own_set(pool, apr_psprintf(pool, JWKS("{\"kid\":\"r\",\"alg\":\"%s\"," RFC7515_A2_PUBLIC "}"),
                                              algorithms[(i + 1) % 6])),
                   token, CLOUDEP_JWT_FOREIGN, &reason),
               CLOUDEP_EFORGED, "and not by one that says another");
    }
}

/* A PS256 token whose signature has a salt of that length. */
static const char *sign_with_salt(apr_pool_t *pool, const cloudep_jwk_t *key, int salt)
{
    const char *input =
        apr_pstrcat(pool, encode(pool, "{\"alg\":\"PS256\",\"kid\":\"r\"}"), ".", encode(pool, "{}"), NULL);
    unsigned char signature[512];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *of_key;
    const int done = ctx && EVP_DigestSignInit(ctx, &of_key, EVP_sha256(), NULL, key->pkey) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, salt) == 1 &&
                     EVP_DigestSign(ctx, signature, &len, (const unsigned char *)input, strlen(input)) == 1;

    ok(done, "a signature with a salt of %d bytes", salt);
    EVP_MD_CTX_free(ctx);
    return apr_pstrcat(pool, input, ".", cloudep_b64_encode(pool, signature, len), NULL);
}

/* The salt is as long as the digest (RFC 7518, section 3.5). */
static void test_salt(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = own_set(pool, JWKS("{\"kid\":\"r\",\"alg\":\"PS256\"," RFC7515_A2_PRIVATE "}"));
    const cloudep_jwk_t *key = cloudep_jwks_get(set, 0);
    const cloudep_jwt_t *jwt;
    const char *reason;

    is_int(cloudep_jwt_verify(&jwt, pool, set, sign_with_salt(pool, key, 32), CLOUDEP_JWT_OWN, &reason), APR_SUCCESS,
           "as long as the digest");
    refused(pool, set, sign_with_salt(pool, key, 0), CLOUDEP_EFORGED, "no salt");
    refused(pool, set, sign_with_salt(pool, key, 20), CLOUDEP_EFORGED, "a shorter one");
    refused(pool, set, sign_with_salt(pool, key, 64), CLOUDEP_EFORGED, "a longer one");
}

static void test_sign_refuses(apr_pool_t *pool)
{
    const cloudep_jwk_t *key = cloudep_jwks_get(own_set(pool, SET_OF(RFC8037_PRIVATE)), 0);
    json_t *array = cloudep_json_own(json_array(), pool);
    json_t *large = cloudep_json_own(json_pack("{s:s}", "a", apr_psprintf(pool, "%9000d", 1)), pool);
    const char *token;

    is_int(cloudep_jwt_sign(&token, pool, key, "at+jwt", array), CLOUDEP_EMALFORMED, "claims must be an object");
    is_int(cloudep_jwt_sign(&token, pool, key, "at+jwt", large), CLOUDEP_EMALFORMED, "and must fit");
    is_str(token, NULL, "no token then");
    is_int(cloudep_jwt_sign(&token, pool, cloudep_jwks_active(NULL, CLOUDEP_KEY_SIGN), "at+jwt", array), CLOUDEP_EUNSET,
           "nothing is signed without keys");
    refused(pool, NULL, RFC7515_A3_JWS, CLOUDEP_EUNSET, "nothing verifies without keys");
}

static void test_base64url(apr_pool_t *pool)
{
    static const char *const bad[] = {"A", "AB", "AAB", "AA==", "AA A", "A+AA", "A/AA", "AAA\n", "AAAAA", "A.AA"};
    unsigned char *data;
    apr_size_t i, len;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(cloudep_b64_decode(&data, &len, pool, bad[i], strlen(bad[i])) == CLOUDEP_EMALFORMED, "not base64url: %s",
           bad[i]);
    }
    is_int(cloudep_b64_decode(&data, &len, pool, "", 0), APR_SUCCESS, "the empty text");
    is_int((long long)len, 0, "is no bytes");
    for (i = 0; i < 300; i++) {
        unsigned char in[300];
        const char *text;

        memset(in, (int)(i * 7), i);
        text = cloudep_b64_encode(pool, in, i);
        if (cloudep_b64_decode(&data, &len, pool, text, strlen(text)) != APR_SUCCESS || len != i ||
            memcmp(in, data, i)) {
            break;
        }
    }
    is_int((long long)i, 300, "what is encoded is decoded again, up to 300 bytes");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_rfc_tokens(pool);
    test_rfc_bytes(pool);
    test_round_trip(pool);
    test_shape(pool);
    test_length(pool);
    test_reasons(pool);
    test_cut_signatures(pool);
    test_header(pool);
    test_payload(pool);
    test_confusion(pool);
    test_ecdsa(pool);
    test_kid_optional(pool);
    test_foreign(pool);
    test_salt(pool);
    test_sign_refuses(pool);
    test_base64url(pool);
    is_int((long long)ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
