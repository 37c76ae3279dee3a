/*
 * wycheproof_test.c - Project Wycheproof's tokens and keys: what is invalid is refused, what is valid and of one of our
 * algorithms is accepted.
 *
 * Their payloads are no JSON objects, so "accepted" means here that only the payload was found fault with, which is
 * looked at last, and that it is base64url.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/b64.h"
#include "base/jose/jws.h"
#include "base/jose/jwt.h"
#include "tap.h"
#include "vectors.h"

static struct {
    int accepted, refused, unsupported, stricter, contradictory;
} count;

static int is_ours(const char *alg)
{
    static const char *const ours[] = {"ES256", "ES384", "ES512", "RS256", "RS384", "RS512",
                                       "PS256", "PS384", "PS512", "EdDSA", "HS256", NULL};
    const char *const *name = ours;

    while (*name && strcmp(*name, alg) != 0) {
        name++;
    }
    return *name != NULL;
}

/* The group's keys as an array: the public ones, or the secret ones of a group that has no others. */
static json_t *keys_of(apr_pool_t *pool, const json_t *group)
{
    json_t *public = json_object_get(group, "public");
    json_t *keys = public ? public : json_object_get(group, "private");
    json_t *array = json_object_get(keys, "keys");

    return array ? array : cloudep_json_own(json_pack("[O]", keys), pool);
}

/* As our own set when all of it is secret, else as somebody's published one. NULL: not even a set. */
static const cloudep_jwks_t *set_of(apr_pool_t *pool, json_t *keys)
{
    json_t *document = cloudep_json_own(json_pack("{s:O}", "keys", keys), pool);
    cloudep_jwks_mode_t mode = CLOUDEP_JWKS_OWN;
    const cloudep_jwks_t *set;
    const char *error;
    const json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        mode = strcmp(text_of(key, "kty"), "oct") == 0 ? mode : CLOUDEP_JWKS_FOREIGN;
    }
    (void)cloudep_jwks_from_json(&set, pool, document, mode, &error);
    return set;
}

/* The test's token, or what else it has in the place of one. */
static const char *token_of(apr_pool_t *pool, const json_t *test)
{
    const json_t *jws = json_object_get(test, "jws");
    const json_t *token = jws ? jws : json_object_get(test, "jwe");

    return json_is_string(token) ? json_string_value(token) : cloudep_json_text(token, pool);
}

static int accepts(apr_pool_t *pool, const cloudep_jwks_t *set, const char *token)
{
    const char *payload = strchr(token, '.');
    const char *end = payload ? strchr(payload + 1, '.') : NULL;
    const cloudep_jwt_t *jwt;
    const char *reason;
    unsigned char *bytes;
    apr_size_t len;

    if (cloudep_jwt_verify(&jwt, pool, set, token, CLOUDEP_JWT_FOREIGN, &reason) == APR_SUCCESS) {
        return 1;
    }
    return !strncmp(reason, "payload ", 8) && payload && end &&
           cloudep_b64_decode(&bytes, &len, pool, payload + 1, (apr_size_t)(end - payload - 1)) == APR_SUCCESS;
}

/* The signature alone, for tokens without a payload: such a JWS can be right, but it is no JWT. */
static int matches(apr_pool_t *pool, const cloudep_jwks_t *set, const char *token)
{
    const char *dot = strrchr(token, '.');
    unsigned char *signature;
    apr_size_t len;

    return cloudep_b64_decode(&signature, &len, pool, dot + 1, strlen(dot + 1)) == APR_SUCCESS &&
           cloudep_jws_verify(cloudep_jwks_get(set, 0), token, (apr_size_t)(dot - token), signature, len) ==
               APR_SUCCESS;
}

/* Whether a valid test of the same group has the same token: in two tests the padding that they speak of got lost. */
static int is_valid_elsewhere(apr_pool_t *pool, const json_t *tests, const char *token)
{
    const json_t *test;
    size_t i;

    json_array_foreach(tests, i, test)
    {
        if (!strcmp(text_of(test, "result"), "valid") && !strcmp(token_of(pool, test), token)) {
            return 1;
        }
    }
    return 0;
}

/* Whether a token says the algorithm that its key says: a key is good for that one only. */
static int is_of_key(apr_pool_t *pool, const char *token, const char *alg)
{
    unsigned char *header;
    apr_size_t len;

    return cloudep_b64_decode(&header, &len, pool, token, strcspn(token, ".")) != APR_SUCCESS ||
           strstr(apr_pstrmemdup(pool, (const char *)header, len), apr_pstrcat(pool, "\"", alg, "\"", NULL));
}

static void check(apr_pool_t *pool, const cloudep_jwks_t *set, const json_t *group, const json_t *test, const char *alg)
{
    const int ours = is_ours(alg);
    const char *token = token_of(pool, test);
    const int accepted = accepts(pool, set, token);
    const int id = (int)json_integer_value(json_object_get(test, "tcId"));
    const char *name = apr_psprintf(pool, "%d, %s: %s", id, text_of(group, "comment"), text_of(test, "comment"));

    if (strcmp(text_of(test, "result"), "valid") != 0) {
        if (is_valid_elsewhere(pool, json_object_get(group, "tests"), token)) {
            count.contradictory++;
            return;
        }
        count.refused += ok(!accepted, "invalid %s", name);
    }
    else if (!ours) {
        count.unsupported += ok(!accepted, "valid, but not for us: %s", name);
    }
    else if (token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")]) {
        count.stricter += ok(!accepted, "said to be valid, but not base64url (RFC 7515 section 2): %s", name);
    }
    else if (!is_of_key(pool, token, alg)) {
        count.stricter += ok(!accepted, "said to be valid, but the key is for %s: %s", alg, name);
    }
    else {
        count.accepted += ok(strstr(token, "..") ? matches(pool, set, token) : accepted, "valid %s", name);
    }
}

static void run(apr_pool_t *parent, const char *file)
{
    const json_t *document = vectors(parent, file);
    const json_t *group, *test;
    int tests = 0;
    size_t i, j;

    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        apr_pool_t *pool;
        json_t *keys;
        const cloudep_jwks_t *set;

        apr_pool_create(&pool, parent);
        keys = keys_of(pool, group);
        set = set_of(pool, keys);
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            check(pool, set, group, test, text_of(json_array_get(keys, 0), "alg"));
            tests++;
        }
        apr_pool_destroy(pool);
    }
    is_int(tests, json_integer_value(json_object_get(document, "numberOfTests")), file);
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    run(pool, "wycheproof_json_web_signature.json");
    run(pool, "wycheproof_json_web_key.json");
    run(pool, "wycheproof_json_web_crypto.json");
    printf("# %d accepted, %d refused; valid but refused: %d of other algorithms, %d not base64url or not of their "
           "key; %d left out, as they "
           "contradict another\n",
           count.accepted, count.refused, count.unsupported, count.stricter, count.contradictory);
    apr_terminate();
    return done_testing();
}
