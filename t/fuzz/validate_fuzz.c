/*
 * validate_fuzz.c - single values: every check on every text, and what a yes means.
 */
#include <apr_lib.h>

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

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    apr_size_t characters;
    const int utf8 = cloudep_utf8_length(&characters, text) == APR_SUCCESS;

    (void)pool;
    (void)size;
    FUZZ_CHECK(utf8 ? characters <= strlen(text) : !characters);
    FUZZ_CHECK(utf8 || !cloudep_is_printable(text));
    FUZZ_CHECK(!cloudep_is_printable(text) || !strpbrk(text, "\r\n\t\x1b\x7f"));
    FUZZ_CHECK(!cloudep_is_blank(text) || utf8);
    FUZZ_CHECK(!cloudep_is_slug(text) || (cloudep_is_id(text) && strlen(text) <= 63));
    FUZZ_CHECK(!cloudep_is_id(text) || (cloudep_is_token(text) && strlen(text) <= 128));
    FUZZ_CHECK(!cloudep_is_token(text) || ascii(text));
    FUZZ_CHECK(!cloudep_is_uuid(text) || strlen(text) == 36);
    FUZZ_CHECK(!cloudep_is_currency(text) || strlen(text) == 3);
    FUZZ_CHECK(!cloudep_is_url(text) || (ascii(text) && !strncasecmp(text, "http", 4) && strlen(text) <= 2048));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
