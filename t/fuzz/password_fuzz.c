/*
 * password_fuzz.c - stored password hashes (PHC strings) and the rule against guessable passwords.
 *
 * First byte 'p': a PHC string; else a password, with the member's own words in the lines after the first.
 */
#include "base/crypto/password.h"
#include "fuzz.h"

/* Hashes that ask for more work than this say nothing new and only take time, in KiB and passes. */
#define WORK_MAX 256

static int cheap(const char *phc)
{
    unsigned memory = 0, passes = 0, lanes = 0;

    if (sscanf(phc, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$", &memory, &passes, &lanes) != 3) {
        return 1;
    }
    return memory <= WORK_MAX && passes <= 4 && lanes <= 4;
}

static void stored(apr_pool_t *pool, const char *phc)
{
    const cloudep_password_params_t params = {7168, 1, 1};

    (void)cloudep_password_needs_rehash(phc, &params);
    if (cheap(phc)) {
        apr_status_t rv = cloudep_password_verify("correct horse 9", phc, NULL, pool);

        FUZZ_CHECK(rv == APR_SUCCESS || rv == CLOUDEP_EFORGED || rv == CLOUDEP_EDATA);
        /* What is no hash of ours is due for a new one. */
        FUZZ_CHECK(rv != CLOUDEP_EDATA || cloudep_password_needs_rehash(phc, &params));
    }
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    const char *rest = text;
    const char *password, *reason = NULL;
    const char *words[4] = {NULL};
    apr_status_t rv;

    if (*text == 'p') {
        stored(pool, text + 1);
        return;
    }
    if (size > 1024) {
        return;
    }
    password = fuzz_line(pool, &rest);
    for (int i = 0; i < 3 && *rest; i++) {
        words[i] = fuzz_line(pool, &rest);
    }
    rv = cloudep_password_acceptable(&reason, password, words, pool);
    FUZZ_CHECK(rv == APR_SUCCESS ? !reason : rv == CLOUDEP_EREFUSED && reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
