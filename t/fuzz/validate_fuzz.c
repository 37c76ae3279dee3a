/*
 * validate_fuzz.c - single values: every check on every text, and what a yes means.
 */
#include <apr_lib.h>

#include "base/text/mime.h"
#include "base/text/validate.h"
#include "fuzz.h"

static int ascii(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~') {
            return 0;
        }
    }
    return 1;
}

/* A canonical form is its own canonical form. */
static void check_normal_forms(apr_pool_t *pool, const char *text)
{
    const char *once, *twice;

    if (cloudep_normalize_email(&once, text, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_email(&twice, once, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(ascii(once) && strlen(once) <= 254 && cloudep_is_mail_address(once));
    }
    else {
        FUZZ_CHECK(!once);
    }
    if (cloudep_normalize_language(&once, text, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_language(&twice, once, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(ascii(once) && strlen(once) <= 35 && !strpbrk(once, "/.\\"));
    }
    else {
        FUZZ_CHECK(!once);
    }
    if (cloudep_normalize_digits(&once, text, 6, 8, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_digits(&twice, once, 6, 8, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(strlen(once) >= 6 && strlen(once) <= 8 && strspn(once, "0123456789") == strlen(once));
    }
    else {
        FUZZ_CHECK(!once);
    }
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    apr_size_t characters;
    const int utf8 = cloudep_utf8_length(&characters, text) == APR_SUCCESS;

    (void)size;
    FUZZ_CHECK(utf8 ? characters <= strlen(text) : !characters);
    FUZZ_CHECK(utf8 || !cloudep_is_printable(text));
    FUZZ_CHECK(!cloudep_is_printable(text) || !strpbrk(text, "\r\n\t\x1b\x7f"));
    FUZZ_CHECK(!cloudep_is_blank(text) || utf8);
    FUZZ_CHECK(!cloudep_is_slug(text) || (cloudep_is_id(text) && strlen(text) <= 63));
    FUZZ_CHECK(!cloudep_is_id(text) || (cloudep_is_token(text) && strlen(text) <= 128));
    FUZZ_CHECK(!cloudep_is_token(text) || ascii(text));
    FUZZ_CHECK(!cloudep_is_uuid(text) || strlen(text) == 36);
    FUZZ_CHECK(!cloudep_is_phone(text) || (*text == '+' && strlen(text) <= 16));
    FUZZ_CHECK(!cloudep_is_currency(text) || strlen(text) == 3);
    FUZZ_CHECK(!cloudep_is_url(text) || (ascii(text) && !strncasecmp(text, "http", 4) && strlen(text) <= 2048));
    check_normal_forms(pool, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
