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

/* The country codes in use, as the public numbering plans of libphonenumber list them; the expected
 * values come from there, not from our table. */
static const char assigned[] =
    " 1 20 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237"
    " 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262"
    " 263 264 265 266 267 268 269 27 290 291 297 298 299 30 31 32 33 34 350 351 352 353 354 355 356 357"
    " 358 359 36 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389 39 40 41 420 421"
    " 423 43 44 45 46 47 48 49 500 501 502 503 504 505 506 507 508 509 51 52 53 54 55 56 57 58 590 591"
    " 592 593 594 595 596 597 598 599 60 61 62 63 64 65 66 670 672 673 674 675 676 677 678 679 680 681"
    " 682 683 685 686 687 688 689 690 691 692 7 81 82 84 850 852 853 855 856 86 880 886 90 91 92 93 94"
    " 95 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 98 992 993 994 995 996 998"
    " 800 808 870 878 881 882 883 888 979"
    /* assigned to the Vatican City and used within Italy's numbers */
    " 379 ";

static bool is_assigned(const char prefix[4])
{
    for (int digits = 1; digits <= 3; digits++) {
        char wanted[6];

        (void)snprintf(wanted, sizeof(wanted), " %.*s ", digits, prefix);
        if (strstr(assigned, wanted)) {
            return true;
        }
    }
    return false;
}

static void test_phone(void)
{
    static const char *const good[] = {
        "+886912345678", "+14155552671", "+442071838750", "+6834002", "+123456789012345", "+85212345678", NULL};
    static const char *const bad[] = {"",
                                      "+",
                                      "886912345678",
                                      "00886912345678",
                                      "+886 912345678",
                                      "+886-912345678",
                                      "+0912345678",
                                      "+123456",
                                      "+1234567890123456",
                                      "+8869abcdefg",
                                      "+21012345678",
                                      "+999123456789",
                                      "++886912345678",
                                      "+886912345678\n",
                                      "+886912345678;ext=1",
                                      "+\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7",
                                      NULL};
    int wrong = 0;

    all_are(cloudep_is_phone, true, "phone number", good);
    all_are(cloudep_is_phone, false, "phone number", bad);
    for (int i = 0; i < 1000; i++) {
        const char prefix[4] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)};
        char number[12] = "+0001234567";

        memcpy(number + 1, prefix, 3);
        if (cloudep_is_phone(number) != is_assigned(prefix)) {
            wrong++;
            printf("# +%s...: wanted %d\n", prefix, is_assigned(prefix));
        }
    }
    is_int(wrong, 0, "of the 1000 first digits exactly those of an assigned country code pass");
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

static void test_email(apr_pool_t *pool)
{
    const char *const label = times("d", 63, pool);
    const char *const long_domain =
        apr_pstrcat(pool, label, ".", label, ".", label, ".", times("e", 57, pool), ".tw", NULL);
    const char *const good[][2] = {
        {"alice@example.com", "alice@example.com"},
        {"Alice.B+x@Example.COM", "alice.b+x@example.com"},
        {"o'neil@a-b.example", "o'neil@a-b.example"},
        {"a@1.tw", "a@1.tw"},
        {"!#$%&'*+/=?^_`{|}~-@x.y", "!#$%&'*+/=?^_`{|}~-@x.y"},
        {apr_pstrcat(pool, times("l", 64, pool), "@x.tw", NULL),
         apr_pstrcat(pool, times("l", 64, pool), "@x.tw", NULL)},
        {apr_pstrcat(pool, "a@", long_domain, NULL), apr_pstrcat(pool, "a@", long_domain, NULL)},
    };
    const char *const bad[] = {"",
                               "@",
                               "a@",
                               "@b.c",
                               "a",
                               "a@b",
                               "a@localhost",
                               "a@b.",
                               "a@b.c.",
                               "a@.b.c",
                               "a@b..c",
                               "a@-b.c",
                               "a@b-.c",
                               "a b@c.d",
                               "a@b c.d",
                               " a@b.c",
                               "a@b.c ",
                               "a@b@c.d",
                               "a,b@c.d",
                               "\"a\"@b.c",
                               "a@[192.0.2.1]",
                               "<a@b.c>",
                               "Alice <a@b.c>",
                               "a@b.c\r\nBcc: x@y.z",
                               "a@b.c\n",
                               "a\r@b.c",
                               "a;b@c.d",
                               "a\x7f@b.c",
                               "\xc3\xa9@b.c",
                               "a@\xc3\xa9.c",
                               "a@b_c.d",
                               "a@b.c%0a",
                               apr_pstrcat(pool, times("l", 65, pool), "@x.tw", NULL),
                               apr_pstrcat(pool, "a@", times("d", 64, pool), ".tw", NULL),
                               apr_pstrcat(pool, "ab@", long_domain, NULL),
                               NULL};
    const char *email;

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(cloudep_normalize_email(&email, good[i][0], pool), APR_SUCCESS, "an email address");
        is_str(email, good[i][1], "in lower case");
    }
    for (const char *const *text = bad; *text; text++) {
        email = "unset";
        ok(cloudep_normalize_email(&email, *text, pool) == CLOUDEP_EMALFORMED && !email, "no email address: %.60s",
           *text);
    }
}

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
    };
    static const char *const bad[] = {"",
                                      "x",
                                      "xx",
                                      "english",
                                      "zh_TW",
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
                                      "en\n",
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

static void test_digits(apr_pool_t *pool)
{
    static const char *const bad[] = {"",
                                      "12345",
                                      "1234567",
                                      "12345a",
                                      "123\t456",
                                      "-12345",
                                      "12345.",
                                      "      ",
                                      "+12345",
                                      "123-456",
                                      "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96",
                                      NULL};
    const char *digits;

    is_int(cloudep_normalize_digits(&digits, "123456", 6, 6, pool), APR_SUCCESS, "six digits");
    is_str(digits, "123456", "as they are");
    is_int(cloudep_normalize_digits(&digits, " 123 456 ", 6, 6, pool), APR_SUCCESS, "with spaces");
    is_str(digits, "123456", "without them");
    is_int(cloudep_normalize_digits(&digits, "1234 5678", 6, 8, pool), APR_SUCCESS, "a backup code");
    is_str(digits, "12345678", "has eight");
    for (const char *const *text = bad; *text; text++) {
        digits = "unset";
        ok(cloudep_normalize_digits(&digits, *text, 6, 6, pool) == CLOUDEP_EMALFORMED && !digits, "no code: %s", *text);
    }
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
    test_phone();
    test_url(pool);
    test_currency();
    test_email(pool);
    test_language(pool);
    test_digits(pool);
    apr_terminate();
    return done_testing();
}
