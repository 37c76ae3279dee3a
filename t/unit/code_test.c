/*
 * code_test.c - codes as people type and paste them.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/code.h"
#include "tap.h"

static void test_good(apr_pool_t *pool)
{
    static const char *const good[][2] = {
        {"123456", "123456"},
        {" 123 456 ", "123456"},
        {"837-614", "837614"},
        {"1234 5678", "12345678"},
        {"1234-5678", "12345678"},
        {"12.34.56", "123456"},
        {"123\t456\r\n", "123456"},
        {"123\xc2\xa0"
         "456",
         "123456"}, /* no-break space */
        {"123\xe2\x80\x89"
         "456",
         "123456"}, /* thin */
        {"123\xe2\x80\xaf"
         "456",
         "123456"}, /* narrow no-break */
        {"123\xe3\x80\x80"
         "456",
         "123456"}, /* full-width */
        {"\xe2\x80\x8b"
         "123456\xef\xbb\xbf",
         "123456"}, /* zero width */
        {"\xe2\x80\xaa"
         "123456\xe2\x80\xac",
         "123456"}, /* marks of direction */
        {"123\xe2\x80\x90"
         "456",
         "123456"}, /* hyphen */
        {"123\xe2\x80\x91"
         "456",
         "123456"}, /* no-break hyphen */
        {"123\xe2\x80\x93"
         "456",
         "123456"},                         /* en dash */
        {"123 \xe2\x80\x94 456", "123456"}, /* em dash */
        {"123\xe2\x88\x92"
         "456",
         "123456"}, /* minus */
        {"123\xef\xbc\x8d"
         "456",
         "123456"}, /* full-width hyphen */
        {"123\xe3\x83\xbc"
         "456",
         "123456"}, /* long vowel mark of a Japanese keyboard */
        {"123\xc2\xb7"
         "456",
         "123456"}, /* middle dot */
        {"123\xe3\x80\x82"
         "456",
         "123456"}, /* ideographic full stop */
        {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96", "123456"}, /* full-width */
        {"\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6", "123456"},                         /* Arabic-Indic */
        {"\xdb\xb1\xdb\xb2\xdb\xb3\xdb\xb4\xdb\xb5\xdb\xb6", "123456"},                         /* Persian */
        {"\xe0\xa5\xa7\xe0\xa5\xa8\xe0\xa5\xa9\xe0\xa5\xaa\xe0\xa5\xab\xe0\xa5\xac", "123456"}, /* Devanagari */
        {"\xf0\x9d\x9f\x8f"
         "23456",
         "123456"}, /* bold */
        {"-123456", "123456"},
        {"000000", "000000"},
    };
    const char *digits;

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(cloudep_normalize_digits(&digits, good[i][0], 6, 8, pool), APR_SUCCESS, good[i][0]);
        is_str(digits, good[i][1], "is a code");
    }
}

static void test_bad(apr_pool_t *pool)
{
    static const char *const bad[] = {"",
                                      "12345",
                                      "1234567",
                                      "12345a",
                                      "-12345",
                                      "12345.",
                                      "      ",
                                      "+12345",
                                      "+123456",
                                      "123,456",
                                      "123/456",
                                      "(123456)",
                                      "123_456",
                                      "123456\x01",
                                      "0x1234",
                                      "G-123456",
                                      "1234\xc2\xb2"
                                      "56", /* superscript two */
                                      "1234\xe2\x91\xa1"
                                      "6",                            /* circled two */
                                      "1234\xe4\xba\x94\xe5\x85\xad", /* numerals of Chinese */
                                      "\xe2\x85\xa0"
                                      "23456", /* Roman one */
                                      "12345\xff"
                                      "6",
                                      "123456\xc3",
                                      "\xf0\x9f\x94\xa2",
                                      NULL};
    const char *digits;

    for (const char *const *text = bad; *text; text++) {
        digits = "unset";
        is_int(cloudep_normalize_digits(&digits, *text, 6, 6, pool), CLOUDEP_EMALFORMED, *text);
        is_str(digits, NULL, "is no code of six digits");
    }
}

static void test_bounds(apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, 2000);
    const char *digits;

    memset(text, ' ', 1018);
    memcpy(text + 1018, "123456", 7);
    is_int(cloudep_normalize_digits(&digits, text, 6, 6, pool), APR_SUCCESS, "1024 bytes are read");
    is_str(digits, "123456", "all of them");
    memset(text, ' ', 1019);
    memcpy(text + 1019, "123456", 7);
    is_int(cloudep_normalize_digits(&digits, text, 6, 6, pool), CLOUDEP_EMALFORMED, "more are not");
    is_int(cloudep_normalize_digits(&digits, "123456789", 6, 8, pool), CLOUDEP_EMALFORMED, "more digits than the most");
    is_int(cloudep_normalize_digits(&digits, "1", 1, 9, pool), APR_SUCCESS, "as few as the fewest");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_good(pool);
    test_bad(pool);
    test_bounds(pool);
    apr_terminate();
    return done_testing();
}
