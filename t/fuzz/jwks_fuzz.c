/*
 * jwks_fuzz.c - key sets: a provider's published one (first byte 'f'), and our own file (anything else).
 *
 * Whatever the set: what we publish of it has no private part, can be read back, and names each key once.
 */
#include "base/jose/jwk.h"
#include "fuzz.h"

/* No member of a published key may be one of these (RFC 7518 section 6, RFC 8037 section 2). */
static void check_public(const json_t *document)
{
    static const char *const private[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    const json_t *key;
    size_t i;

    json_array_foreach(json_object_get(document, "keys"), i, key)
    {
        for (size_t j = 0; j < sizeof(private) / sizeof(*private); j++) {
            FUZZ_CHECK(!json_object_get(key, private[j]));
        }
    }
}

static void publish(apr_pool_t *pool, const cloudep_jwks_t *set)
{
    const char *text = cloudep_jwks_public_json(set, pool);
    const cloudep_jwks_t *again = NULL;
    json_t *document = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *error = NULL;
    int published = 0;

    FUZZ_CHECK(document);
    check_public(document);
    FUZZ_CHECK(cloudep_jwks_from_json(&again, pool, document, CLOUDEP_JWKS_FOREIGN, &error) == APR_SUCCESS);
    json_decref(document);
    for (int i = 0; i < cloudep_jwks_count(set); i++) {
        apr_size_t length;

        published += !cloudep_jwk_secret(cloudep_jwks_get(set, i), &length);
    }
    /* A key that says no "alg" becomes several that do. */
    FUZZ_CHECK(cloudep_jwks_count(again) == (published < CLOUDEP_JWKS_MAX_KEYS ? published : CLOUDEP_JWKS_MAX_KEYS));
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    const cloudep_jwks_mode_t mode = *text == 'f' ? CLOUDEP_JWKS_FOREIGN : CLOUDEP_JWKS_OWN;
    const cloudep_jwks_t *set = NULL;
    const char *error = NULL;
    json_t *document;

    if (!size) {
        return;
    }
    document = json_loadb(text + 1, size - 1, 0, NULL);
    if (document) {
        const char *thumbprint;

        (void)cloudep_jwk_thumbprint(&thumbprint, pool, json_array_get(json_object_get(document, "keys"), 0));
    }
    json_decref(document);
    if (cloudep_jwks_parse(&set, pool, text + 1, size - 1, mode, &error) != APR_SUCCESS) {
        FUZZ_CHECK(error && *error);
        return;
    }
    FUZZ_CHECK(cloudep_jwks_count(set) <= CLOUDEP_JWKS_MAX_KEYS * (mode == CLOUDEP_JWKS_FOREIGN ? 6 : 1));
    for (int i = 0; i < cloudep_jwks_count(set); i++) {
        const cloudep_jwk_t *key = cloudep_jwks_get(set, i);

        FUZZ_CHECK(cloudep_jwk_alg(key) && (mode == CLOUDEP_JWKS_FOREIGN || cloudep_jwk_kid(key)));
        FUZZ_CHECK(mode == CLOUDEP_JWKS_OWN || !cloudep_jwk_is_private(key));
        FUZZ_CHECK(mode == CLOUDEP_JWKS_FOREIGN || cloudep_jwks_find(set, cloudep_jwk_kid(key)) == key);
    }
    publish(pool, set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
