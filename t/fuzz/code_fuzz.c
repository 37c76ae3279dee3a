/*
 * code_fuzz.c - codes that people type, and what is stored to recognise them.
 *
 * The first line is the code, the second an account name; the others are stored texts of backup codes.
 */
#include "base/crypto/backup_code.h"
#include "base/crypto/mac.h"
#include "base/crypto/totp.h"
#include "base/text/code.h"
#include "base/text/validate.h"
#include "fuzz.h"

static const cloudep_jwks_t *keys(void)
{
    static const char json[] = "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"s\",\"alg\":\"A256GCM\",\"use\":\"enc\","
                               "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}";

    return fuzz_keys(json);
}

static void totp(apr_pool_t *pool, const char *code, const char *account)
{
    static const unsigned char secret[CLOUDEP_TOTP_SECRET_SIZE] = "12345678901234567890";
    char right[CLOUDEP_TOTP_DIGITS + 1];
    const char *url = NULL;
    apr_int64_t step;

    if (cloudep_totp_verify(&step, secret, sizeof(secret), code, apr_time_from_sec(59)) == APR_SUCCESS) {
        FUZZ_CHECK(step >= 0 && step <= 2);
        FUZZ_CHECK(cloudep_totp_code(right, secret, sizeof(secret), step) == APR_SUCCESS && !strcmp(right, code));
    }
    else {
        FUZZ_CHECK(step == -1);
    }
    FUZZ_CHECK(cloudep_totp_url(&url, secret, sizeof(secret), "Example", account, pool) == APR_SUCCESS);
    FUZZ_CHECK(!strncmp(url, "otpauth://totp/", 15) && cloudep_is_token(url));
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    const char *code = fuzz_line(pool, &text);
    const char *account = fuzz_line(pool, &text);
    apr_array_header_t *stored = apr_array_make(pool, 10, sizeof(const char *));
    const char *digits, *right = NULL;
    int found = 0;

    (void)size;
    totp(pool, code, account);
    if (cloudep_normalize_digits(&digits, code, 6, 8, pool) == APR_SUCCESS) {
        totp(pool, digits, account);
    }
    while (*text) {
        APR_ARRAY_PUSH(stored, const char *) = fuzz_line(pool, &text);
    }
    for (int i = 0; i < stored->nelts; i++) {
        (void)cloudep_mac_check(pool, keys(), "backup", code, strlen(code), APR_ARRAY_IDX(stored, i, const char *));
    }
    (void)cloudep_backup_code_find(&right, pool, keys(), "t", "u", code, stored);
    for (int i = 0; i < stored->nelts; i++) {
        found |= right && !strcmp(right, APR_ARRAY_IDX(stored, i, const char *));
    }
    FUZZ_CHECK(!right || found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
