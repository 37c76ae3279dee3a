/*
 * validate_test.c - single values: what each check takes, what it refuses, and the canonical forms.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/validate.h"
#include "tap.h"

typedef bool predicate_fn(const char *text);

static void all_are(predicate_fn *is, bool wanted, const char *what, const char *const texts[])
{
    for (; *texts; texts++) {
        ok(is(*texts) == wanted, "%s %s: %.60s", wanted ? "is a" : "is no", what, *texts);
    }
}

static const char *times(const char *unit, apr_size_t count, apr_pool_t *pool)
{
    const apr_size_t length = strlen(unit);
    char *text = apr_palloc(pool, length * count + 1), *end = text;

    for (; count > 0; count--) {
        end = apr_cpystrn(end, unit, length + 1);
    }
    *end = '\0';
    return text;
}

static void test_utf8(void)
{
    static const char *const bad[] = {"\x80",
                                      "a\xff",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\xaf",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xe4\xb8",
                                      "\xc3(",
                                      NULL};
    apr_size_t length;

    is_int(cloudep_utf8_length(&length, ""), APR_SUCCESS, "the empty text is UTF-8");
    is_int((long long)length, 0, "and has no character");
    is_int(cloudep_utf8_length(&length, "a\xc3\xa9\xe7\x8e\x8b\xf0\x9f\x98\x80"), APR_SUCCESS,
           "characters of one to four bytes");
    is_int((long long)length, 4, "each counts once");
    is_int(cloudep_utf8_length(&length, "e\xcc\x81"), APR_SUCCESS, "a combining accent");
    is_int((long long)length, 2, "is a character of its own");
    for (const char *const *text = bad; *text; text++) {
        length = 99;
        is_int(cloudep_utf8_length(&length, *text), CLOUDEP_EMALFORMED, "bad UTF-8 is refused");
        is_int((long long)length, 0, "and has no length");
        ok(!cloudep_is_printable(*text), "nor is it printable");
        ok(!cloudep_is_blank(*text), "nor blank");
    }
}

static void test_printable(void)
{
    static const char *const good[] = {"",
                                       "Alice",
                                       "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e",
                                       "O'Neil-\xc3\x89",
                                       "\xd8\xb9\xd9\x84\xd9\x8a",
                                       "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9" /* joiner */,
                                       NULL};
    static const char *const bad[] = {"a\nb",
                                      "a\rb",
                                      "tab\t",
                                      "\x01",
                                      "\x7f",
                                      "a\xc2\x85"
                                      "b",
                                      "\xc2\x9b",
                                      "a\xe2\x80\xa8",
                                      "\xe2\x80\xa9z",
                                      "\xe2\x80\xaa",
                                      "user\xe2\x80\xaetxt.exe",
                                      "\xe2\x81\xa6x",
                                      "\xe2\x81\xa9",
                                      "\xef\xbb\xbfx",
                                      "\xef\xbf\xbe",
                                      "\xef\xb7\x90",
                                      NULL};
    static const char *const blank[] = {"", " ", "   ", "\xc2\xa0 ", "\xe3\x80\x80", NULL};
    static const char *const filled[] = {"a", " a ", "\xe3\x80\x80\xe7\x8e\x8b", NULL};

    all_are(cloudep_is_printable, true, "printable text", good);
    all_are(cloudep_is_printable, false, "printable text", bad);
    all_are(cloudep_is_blank, true, "blank text", blank);
    all_are(cloudep_is_blank, false, "blank text", filled);
}

static void test_names(apr_pool_t *pool)
{
    const char *const slugs[] = {"demo", "a", "0", "acme-corp", "a-", times("a", 63, pool), NULL};
    const char *const no_slugs[] = {
        "", "-a", "Demo", "a_b", "a.b", "a b", "\xc3\xa9", "demo\n", "a/b", "../a", times("a", 64, pool), NULL};
    const char *const ids[] = {"a", "A-_9", times("Z", 128, pool), NULL};
    const char *const no_ids[] = {"", "a b", "a.b", "a=", "a\r\nb", times("Z", 129, pool), NULL};
    static const char *const tokens[] = {"eyJ.a-b_c", "4/0Ab~", "!", NULL};
    static const char *const no_tokens[] = {"", " ", "a b", "a\n", "\xc3\xa9", "a\x7f", NULL};
    static const char *const uuids[] = {"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-42661417400F",
                                        NULL};
    static const char *const no_uuids[] = {"",
                                           "123e4567",
                                           "123e4567-e89b-12d3-a456-42661417400",
                                           "123e4567-e89b-12d3-a456-4266141740000",
                                           "123e4567-e89b-12d3-a456-42661417400g",
                                           "123e4567e-89b-12d3-a456-426614174000",
                                           "{23e4567-e89b-12d3-a456-42661417400}",
                                           "123e4567-e89b-12d3-a456-426614174000\n",
                                           NULL};

    all_are(cloudep_is_slug, true, "slug", slugs);
    all_are(cloudep_is_slug, false, "slug", no_slugs);
    all_are(cloudep_is_id, true, "id", ids);
    all_are(cloudep_is_id, false, "id", no_ids);
    all_are(cloudep_is_token, true, "token", tokens);
    all_are(cloudep_is_token, false, "token", no_tokens);
    all_are(cloudep_is_uuid, true, "UUID", uuids);
    all_are(cloudep_is_uuid, false, "UUID", no_uuids);
}

static void test_url(apr_pool_t *pool)
{
    const char *const good[] = {"https://example.com",
                                "http://localhost:3000/cb",
                                "https://example.com/a?b=c&d=%20#e",
                                "HTTPS://Example.COM/",
                                "https://xn--fsq.example/",
                                "https://192.0.2.1/",
                                "https://[2001:db8::1]:8443/x",
                                "https://example.com/@alice",
                                "https://example.com/?mail=a@b",
                                apr_pstrcat(pool, "https://example.com/", times("a", 2048 - 20, pool), NULL),
                                NULL};
    const char *const bad[] = {"",
                               "example.com",
                               "//example.com/",
                               "/path",
                               "ftp://example.com/",
                               "javascript:alert(1)",
                               "data:text/html,x",
                               "http:example.com",
                               "http:/example.com",
                               "http:///example.com",
                               "http://",
                               "https://?x",
                               "https://#x",
                               "https://:443/",
                               "https://user@example.com/",
                               "https://u:p@example.com/",
                               "https://@example.com/",
                               "https://example.com\\@evil.example/",
                               "https://example.com/a\\b",
                               "https://exa mple.com/",
                               "https://example.com/\r\nX: y",
                               "https://example.com/\t",
                               " https://example.com/",
                               "https://example.com/ ",
                               "https://example.com:99999/",
                               "https://example.com:x/",
                               "https://ex\xc3\xa4mple.com/",
                               "https://example.com/\"><script>",
                               "https://[::1/",
                               "https://a%00b/",
                               apr_pstrcat(pool, "https://example.com/", times("a", 2048 - 19, pool), NULL),
                               NULL};

    all_are(cloudep_is_url, true, "URL", good);
    all_are(cloudep_is_url, false, "URL", bad);
}

static void test_currency(void)
{
    static const char *const good[] = {"TWD", "USD", "EUR", "GBP", "JPY", "CNY", "HKD", "INR", "IDR",
                                       "MYR", "DKK", "EGP", "JOD", "VES", "XAF", "XCD", "ZAR", NULL};
    static const char *const bad[] = {"",    "twd", "Usd", "XXX",  "XTS", "ZZZ", "DEM",       "FRF",
                                      "VEF", "XAU", "US",  "USDX", "US$", "   ", "T\xc3\xa9", NULL};

    all_are(cloudep_is_currency, true, "currency", good);
    all_are(cloudep_is_currency, false, "currency", bad);
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_utf8();
    test_printable();
    test_names(pool);
    test_url(pool);
    test_currency();
    apr_terminate();
    return done_testing();
}
