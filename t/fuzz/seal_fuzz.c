/*
 * seal_fuzz.c - sealed records and keyed hashes as they come back from the database.
 *
 * First byte 'o': a record to open; 'm': a keyed hash to compare with; else bytes that are sealed, opened again, and
 * altered in one place.
 */
#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "fuzz.h"

static const cloudep_jwks_t *keys(void)
{
    static const char json[] =
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"new.1\",\"alg\":\"A256GCM\",\"use\":\"enc\","
        "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"},{\"kty\":\"oct\",\"kid\":\"old\",\"alg\":\"A256GCM\","
        "\"use\":\"enc\",\"k\":\"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\"},{\"kty\":\"oct\",\"kid\":\"sig\","
        "\"alg\":\"HS256\",\"k\":\"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\"}]}";

    return fuzz_keys(json);
}

static void round_trip(apr_pool_t *pool, const char *text, size_t size)
{
    const char *record;
    const unsigned char *plain;
    apr_size_t length;
    char *altered;
    apr_status_t rv = cloudep_seal(&record, pool, keys(), text, size, "context");

    if (rv != APR_SUCCESS) {
        FUZZ_CHECK(rv == CLOUDEP_EREFUSED && size > 65536);
        return;
    }
    FUZZ_CHECK(cloudep_unseal(&plain, &length, pool, keys(), record, "context") == APR_SUCCESS);
    FUZZ_CHECK(length == size && !memcmp(plain, text, size));
    FUZZ_CHECK(cloudep_unseal(&plain, &length, pool, keys(), record, "another") == CLOUDEP_EFORGED);
    altered = apr_pstrdup(pool, record);
    altered[size % strlen(altered)] ^= (char)(1 + size % 7);
    FUZZ_CHECK(cloudep_unseal(&plain, &length, pool, keys(), altered, "context") != APR_SUCCESS);
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    const unsigned char *plain;
    apr_size_t length;

    if (*text == 'o') {
        FUZZ_CHECK(cloudep_unseal(&plain, &length, pool, keys(), text + 1, "context") != APR_SUCCESS);
    }
    else if (*text == 'm') {
        FUZZ_CHECK(cloudep_mac_check(pool, keys(), "otp", "123456", 6, text + 1) != APR_SUCCESS);
    }
    else {
        round_trip(pool, text, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
