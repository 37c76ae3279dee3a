/*
 * language_test.c - language tags, and which of our languages suits one best.
 */
#include <apr_general.h>

#include "base/text/language.h"
#include "tap.h"

static void test_language(apr_pool_t *pool)
{
    static const char *const good[][2] = {
        {"en", "en"},
        {"zh-TW", "zh-TW"},
        {"zh-tw", "zh-TW"},
        {"ZH-hant-tw", "zh-Hant-TW"},
        {"es-419", "es-419"},
        {"EN", "en"},
        {"sr-Latn-RS", "sr-Latn-RS"},
        {"eng", "en"},
        {"iw", "he"},
        {"de-1996", "de-1996"},
        {"fil", "fil"},
        {"pt-BR", "pt-BR"},
        {"en-001", "en-001"},
        {"en-US-u-ca-gregory", "en-US-u-ca-gregory"},
        {"zh_TW", "zh-TW"},
        {"zh_Hant_TW", "zh-Hant-TW"},
        {"EN_us", "en-US"},
        {" zh-TW\r\n", "zh-TW"},
        {"en\n", "en"},
        {"\xc2\xa0"
         "en\xe2\x80\x8b",
         "en"},
    };
    static const char *const bad[] = {"",
                                      "x",
                                      "xx",
                                      "english",
                                      "zh_TW_",
                                      "_zh",
                                      "zh__TW",
                                      "zh_TW.UTF-8",
                                      " ",
                                      "zh TW",
                                      "zh-",
                                      "-zh",
                                      "zh--TW",
                                      "en-XX",
                                      "en-ZZ",
                                      "en-UK",
                                      "en-999",
                                      "zh-Abcd",
                                      "und",
                                      "x-foo",
                                      "root",
                                      "C",
                                      "posix",
                                      "en-",
                                      "en-u",
                                      "zh-CN-TW",
                                      "qaa",
                                      "en TW",
                                      "*",
                                      "en;q=1",
                                      "zh-TW\r\nX: y",
                                      "\xe4\xb8\xad\xe6\x96\x87",
                                      "en-a-bbb-a-ccc",
                                      "en-US-x-abcdefgh-abcdefgh-abcdefgh-a",
                                      NULL};
    const char *tag;

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(cloudep_normalize_language(&tag, good[i][0], pool), APR_SUCCESS, good[i][0]);
        is_str(tag, good[i][1], "in canonical form");
    }
    for (const char *const *text = bad; *text; text++) {
        tag = "unset";
        ok(cloudep_normalize_language(&tag, *text, pool) == CLOUDEP_EMALFORMED && !tag, "no language: %s", *text);
    }
}

static void test_nearest(apr_pool_t *pool)
{
    static const char *const ours[] = {"en", "zh-TW", NULL};
    static const char *const several[] = {"en", "zh-TW", "zh", "pt-BR", "sr-Latn", "de", NULL};
    static const char *const one_chinese[] = {"en", "zh", NULL};
    static const char *const odd[] = {"klingonisch", "zh-tw", "EN", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *const *available;
        const char *tag, *nearest;
    } cases[] = {
        {ours, "en", "en"},
        {ours, "en-GB", "en"},
        {ours, "zh-TW", "zh-TW"},
        {ours, "zh-Hant-TW", "zh-TW"},
        {ours, "zh-HK", "zh-TW"},
        {ours, "zh-MO", "zh-TW"},
        {ours, "zh-Hant", "zh-TW"},
        {ours, "zh-Hant-HK", "zh-TW"},
        {ours, "yue", "zh-TW"},
        {ours, "zh", NULL},
        {ours, "zh-CN", NULL},
        {ours, "zh-Hans", NULL},
        {ours, "zh-SG", NULL},
        {ours, "ja", NULL},
        {ours, "de-DE", NULL},
        {ours, "", NULL},
        {ours, "*", NULL},
        {ours, "en-US-u-ca-gregory", "en"},
        {several, "zh-CN", "zh"},
        {several, "zh-HK", "zh-TW"},
        {several, "pt", "pt-BR"},
        {several, "pt-PT", "pt-BR"},
        {several, "sr-Latn-RS", "sr-Latn"},
        {several, "de-CH-1996", "de"},
        {one_chinese, "zh-CN", "zh"},
        {one_chinese, "zh-TW", "zh"},
        {one_chinese, "zh-HK", "zh"},
        {odd, "zh-HK", "zh-tw"},
        {odd, "en-US", "EN"},
        {odd, "klingonisch", "klingonisch"},
        {none, "en", NULL},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(cloudep_language_nearest(cases[i].tag, cases[i].available, pool), cases[i].nearest, cases[i].tag);
    }
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_language(pool);
    test_nearest(pool);
    apr_terminate();
    return done_testing();
}
