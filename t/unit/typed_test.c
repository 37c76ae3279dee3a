/*
 * typed_test.c - the characters around what people type: what shows nothing, what stands between groups of digits, the
 * digits of every script, and what is cut off at both ends.
 */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/typed.h"
#include "tap.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_characters(void)
{
    static const UChar32 blanks[] = {' ',    '\t',   '\n',   '\r',   0x85,   0xa0,   0xad,   0x1680, 0x2003,
                                     0x200b, 0x200e, 0x202a, 0x202f, 0x2060, 0x2066, 0x3000, 0xfeff};
    static const UChar32 marks[] = {'-',    '.',    0xb7,   0x2010, 0x2011, 0x2013, 0x2014, 0x2022, 0x2024, 0x2027,
                                    0x2212, 0x3002, 0x30fb, 0x30fc, 0xff0d, 0xff0e, 0xff61, 0xff65, 0xff70};
    static const UChar32 others[] = {'a', '0', '+', '_', ',', '/', ':', '(', 0xe9, 0x2103, 0x30fd, 0x4e00, 0x663, 0};
    int wrong = 0;

    for (size_t i = 0; i < COUNT(blanks); i++) {
        if (!cloudep_typed_is_blank(blanks[i]) || !cloudep_typed_is_separator(blanks[i])) {
            printf("# U+%04X\n", (unsigned)blanks[i]);
            wrong++;
        }
    }
    is_int(wrong, 0, "what shows nothing is blank, and a separator");
    for (size_t i = 0; i < COUNT(marks); i++) {
        if (cloudep_typed_is_blank(marks[i]) || !cloudep_typed_is_separator(marks[i])) {
            printf("# U+%04X\n", (unsigned)marks[i]);
            wrong++;
        }
    }
    is_int(wrong, 0, "dashes and dots are separators, and not blank");
    for (size_t i = 0; i < COUNT(others); i++) {
        if (cloudep_typed_is_blank(others[i]) || cloudep_typed_is_separator(others[i])) {
            printf("# U+%04X\n", (unsigned)others[i]);
            wrong++;
        }
    }
    is_int(wrong, 0, "anything else is neither");
}

static void test_digits(void)
{
    static const UChar32 zeros[] = {'0', 0x660, 0x6f0, 0x966, 0xe50, 0xff10, 0x1d7ce};
    static const UChar32 none[] = {'a', '/', ':', 0xb2, 0xbd, 0x2160, 0x2460, 0x4e00, 0};
    int wrong = 0;

    for (size_t i = 0; i < COUNT(zeros); i++) {
        for (int digit = 0; digit <= 9; digit++) {
            wrong += cloudep_typed_digit(zeros[i] + digit) != digit;
        }
    }
    is_int(wrong, 0, "the digits of every script have their values");
    for (size_t i = 0; i < COUNT(none); i++) {
        wrong += cloudep_typed_digit(none[i]) != -1;
    }
    is_int(wrong, 0, "superscripts, fractions, numerals and letters are no digits");
}

static void test_next(void)
{
    const char *text = "a\xe4\xb8\x80\xff";
    int32_t at = 0;

    is_int(cloudep_typed_next(text, &at), 'a', "the first character");
    is_int(cloudep_typed_next(text, &at), 0x4e00, "one of several bytes");
    ok(cloudep_typed_next(text, &at) < 0, "bad UTF-8 is below 0");
    is_int(cloudep_typed_next(text, &at), 0, "the end is 0");
}

static void test_trim(apr_pool_t *pool)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\xc2\xa0", ""},
        {"a", "a"},
        {"  a b  ", "a b"},
        {"\xe2\x80\x8b"
         "a\xe3\x80\x80",
         "a"},
        {"\xef\xbb\xbf\xe4\xb8\x80 \xe4\xb8\x80\n", "\xe4\xb8\x80 \xe4\xb8\x80"},
        {"-a-", "-a-"},
        {"a\xff", NULL},
        {"\xff", NULL},
        {" \xc3", NULL},
    };
    char longest[CLOUDEP_TYPED_MAX + 2];
    const char *trimmed;

    for (size_t i = 0; i < COUNT(cases); i++) {
        is_str(cloudep_typed_trim(cases[i][0], pool), cases[i][1],
               apr_psprintf(pool, "'%s' without its ends", cases[i][0]));
    }
    memset(longest, ' ', sizeof(longest));
    longest[7] = 'x';
    longest[sizeof(longest) - 1] = '\0';
    is_str(cloudep_typed_trim(longest, pool), NULL, "1025 bytes are refused, however many of them are blank");
    longest[sizeof(longest) - 2] = '\0';
    is_str(cloudep_typed_trim(longest, pool), "x", "1024 bytes are read");
    trimmed = cloudep_typed_trim(longest + 7, pool);
    ok(trimmed != longest + 7 && strcmp(trimmed, "x") == 0, "what is left is a copy");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_characters();
    test_digits();
    test_next();
    test_trim(pool);
    apr_terminate();
    return done_testing();
}
