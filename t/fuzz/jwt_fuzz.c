/*
 * jwt_fuzz.c - tokens from outside, and hostile headers and claims under a right signature.
 *
 * The first byte says what follows: 'r' a token, 'o' a token that may lack a kid, 'c' claims that we sign ourselves,
 * 'h' a header, a line end and a payload, put together and signed with the HS256 key.
 */
#include "base/text/b64.h"
#include "base/jose/claims.h"
#include "base/jose/jws.h"
#include "fuzz.h"
#include "../unit/rfc_vectors.h"

#define NOW 1700000000

#define HS256 JWK("h", "\"alg\":\"HS256\"," RFC7515_A1_KEY)
#define RS256 JWK("r", "\"alg\":\"RS256\"," RFC7515_A2_PRIVATE)
#define ES256 JWK("e", "\"alg\":\"ES256\"," RFC7515_A3_PRIVATE)
#define EDDSA JWK("o", "\"alg\":\"EdDSA\"," RFC8037_PRIVATE)

static const cloudep_jwks_t *keys(void)
{
    return fuzz_keys("{\"keys\":[" HS256 "," RS256 "," ES256 "," EDDSA "]}");
}

/* A token whose signature is right says what it says, whatever that is. */
static void check_claims(apr_pool_t *pool, const cloudep_jwt_t *jwt)
{
    static const cloudep_token_kind_t kinds[] = {CLOUDEP_TOKEN_ACCESS, CLOUDEP_TOKEN_REFRESH};
    apr_int64_t seconds;

    FUZZ_CHECK(jwt->key && json_is_object(jwt->claims));
    for (int i = 0; i < 2; i++) {
        const cloudep_claims_rule_t rule = {
            .kind = kinds[i], .iss = "https://id.example", .aud = "cloudep", .now = NOW, .leeway = 5};
        const cloudep_claims_t *claims = NULL;
        const char *reason = NULL;
        json_t *again;

        if (cloudep_claims_check(&claims, pool, jwt, &rule, &reason) != APR_SUCCESS) {
            FUZZ_CHECK(reason && *reason);
            continue;
        }
        FUZZ_CHECK(cloudep_claims_typ_is(jwt->typ, cloudep_claims_typ(kinds[i])));
        FUZZ_CHECK(!strcmp(claims->iss, rule.iss) && !strcmp(claims->aud, rule.aud));
        FUZZ_CHECK(claims->exp + rule.leeway > NOW && claims->nbf - rule.leeway <= NOW && claims->amr->nelts > 0);
        FUZZ_CHECK(cloudep_claims_to_json(&again, pool, claims) == APR_SUCCESS);
    }
    (void)cloudep_claims_has_aud(jwt->claims, "cloudep");
    (void)cloudep_claims_time(&seconds, jwt->claims, "exp");
}

static void verify(apr_pool_t *pool, const char *token, cloudep_jwt_whose_t rule)
{
    const cloudep_jwt_t *jwt = NULL;
    const char *reason = NULL;

    if (cloudep_jwt_verify(&jwt, pool, keys(), token, rule, &reason) == APR_SUCCESS) {
        FUZZ_CHECK(!reason);
        check_claims(pool, jwt);
    }
    else {
        FUZZ_CHECK(reason && *reason);
    }
}

/* The claims come back as they were signed. */
static void sign(apr_pool_t *pool, const char *text, size_t size)
{
    const cloudep_jwk_t *key = cloudep_jwks_find(keys(), size % 16 ? "h" : size % 32 ? "e" : "o");
    json_t *claims = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const cloudep_jwt_t *jwt;
    const char *token, *reason;

    if (cloudep_jwt_sign(&token, pool, key, "at+jwt", claims) == APR_SUCCESS) {
        FUZZ_CHECK(strlen(token) <= CLOUDEP_JWT_MAX);
        if (cloudep_jwt_verify(&jwt, pool, keys(), token, CLOUDEP_JWT_OWN, &reason) == APR_SUCCESS) {
            FUZZ_CHECK(json_equal(jwt->claims, claims));
            check_claims(pool, jwt);
        }
    }
    json_decref(claims);
}

/* A header of the attacker's making under a signature that is right for the HS256 key. */
static void forge(apr_pool_t *pool, const char *text, size_t size)
{
    const char *rest = memchr(text, '\n', size);
    size_t length = rest ? (size_t)(rest - text) : size;
    const char *input = apr_pstrcat(pool, cloudep_b64_encode(pool, text, length), ".",
                                    cloudep_b64_encode(pool, rest ? rest + 1 : "", rest ? size - length - 1 : 0), NULL);
    unsigned char *signature;
    apr_size_t signature_length;

    FUZZ_CHECK(cloudep_jws_sign(&signature, &signature_length, pool, cloudep_jwks_find(keys(), "h"), input,
                                strlen(input)) == APR_SUCCESS);
    verify(pool, apr_pstrcat(pool, input, ".", cloudep_b64_encode(pool, signature, signature_length), NULL),
           CLOUDEP_JWT_FOREIGN);
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    switch (*text) {
    case 'r':
        verify(pool, text + 1, CLOUDEP_JWT_OWN);
        break;
    case 'o':
        verify(pool, text + 1, CLOUDEP_JWT_FOREIGN);
        break;
    case 'c':
        sign(pool, text + 1, size - 1);
        break;
    case 'h':
        forge(pool, text + 1, size - 1);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
