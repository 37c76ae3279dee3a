/*
 * opaque_string_test.c - passwords: what is the same one, and what is refused.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/opaque_string.h"
#include "tap.h"

static const char invisible[] = "must not have control characters or invisible ones";
static const char misplaced[] =
    "must not have a character that is meaningless where it stands, as a joiner between emoji";
static const char unassigned[] = "must not have a character that Unicode does not have yet";

static void becomes(const char *typed, const char *form, const char *name, apr_pool_t *pool)
{
    const char *out, *again, *reason = "unset";

    is_int(cloudep_password_prepare(&out, &reason, pool, CLOUDEP_PASSWORD_OPAQUE, typed), APR_SUCCESS, name);
    is_str(out, form, "has its form");
    is_str(reason, NULL, "without a reason against it");
    if (out) {
        (void)cloudep_password_prepare(&again, NULL, pool, CLOUDEP_PASSWORD_OPAQUE, out);
        is_str(again, out, "which is its own form");
    }
}

static void refused(const char *typed, const char *why, const char *name, apr_pool_t *pool)
{
    const char *out = "unset", *reason = NULL;

    is_int(cloudep_password_prepare(&out, &reason, pool, CLOUDEP_PASSWORD_OPAQUE, typed), CLOUDEP_EMALFORMED, name);
    is_str(out, NULL, "has no form");
    is_str(reason, why, "and a reason");
}

/* RFC 8265, 4.3: examples 12 to 18. */
static void test_rfc8265(apr_pool_t *pool)
{
    becomes("correct horse battery staple", "correct horse battery staple", "example 12: ASCII space is allowed", pool);
    becomes("Correct Horse Battery Staple", "Correct Horse Battery Staple", "example 13: differs by case", pool);
    becomes("\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5", "example 14: non-ASCII letters", pool);
    becomes("Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s", "example 15: symbols", pool);
    becomes("foo\xe1\x9a\x80"
            "bar",
            "foo bar", "example 16: Ogham space mark becomes a space", pool);
    refused("", "must not be empty", "example 17: a zero-length password", pool);
    refused("my cat is a \tby", invisible, "example 18: controls are disallowed", pool);
}

static void test_same(apr_pool_t *pool)
{
    becomes("pa\xcc\x88sswort", "p\xc3\xa4sswort", "decomposed, as macOS types it", pool);
    becomes("p\xc3\xa4sswort", "p\xc3\xa4sswort", "composed, as Windows types it", pool);
    becomes("\xe2\x84\xab", "\xc3\x85", "the Angstrom sign is the letter", pool);
    becomes("e\xcc\xa3\xcc\x82", "\xe1\xbb\x87", "two accents in one order", pool);
    becomes("e\xcc\x82\xcc\xa3", "\xe1\xbb\x87", "and in the other", pool);
    becomes("a\xc2\xa0"
            "b",
            "a b", "a no-break space", pool);
    becomes("a\xe2\x80\x89"
            "b",
            "a b", "a thin space", pool);
    becomes("a\xe3\x80\x80"
            "b",
            "a b", "a full-width space", pool);
    becomes("\xe3\x80\x80 ab ", "  ab ", "spaces at the ends stay", pool);
}

static void test_different(apr_pool_t *pool)
{
    becomes("\xef\xbd\x81\xef\xbc\x91", "\xef\xbd\x81\xef\xbc\x91", "full-width letters and digits are others", pool);
    becomes("\xef\xac\x81", "\xef\xac\x81", "a ligature is no two letters", pool);
    becomes("PaSS\xc4\xb0", "PaSS\xc4\xb0", "case stays", pool);
    becomes("\xc2\xb2\xe2\x85\xa3\xe2\x91\xa0", "\xc2\xb2\xe2\x85\xa3\xe2\x91\xa0", "numbers", pool);
    becomes("\xf0\x9f\x98\x80\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", "\xf0\x9f\x98\x80\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
            "emoji with a skin tone", pool);
    becomes("\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e\xed\x95\x9c\xea\xb8\x80",
            "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e\xed\x95\x9c\xea\xb8\x80", "Chinese and Korean", pool);
}

static void test_refused(apr_pool_t *pool)
{
    refused("pass\x7fword", invisible, "delete", pool);
    refused("pass\nword", invisible, "a line feed", pool);
    refused("a\xc2\x85"
            "b",
            invisible, "a C1 control", pool);
    refused("a\xe2\x80\xa8"
            "b",
            invisible, "a line separator", pool);
    refused("a\xc2\xad"
            "b",
            invisible, "a soft hyphen", pool);
    refused("a\xe2\x80\x8b"
            "b",
            invisible, "a zero-width space", pool);
    refused("a\xef\xbb\xbf"
            "b",
            invisible, "a byte order mark", pool);
    refused("a\xe2\x80\xae"
            "b",
            invisible, "an override of direction", pool);
    refused("\xe2\x9d\xa4\xef\xb8\x8f", invisible, "the variation selector of an emoji", pool);
    refused("\xe1\x84\x80\xe1\x85\xa1", invisible, "old jamo", pool);
    refused("a\xee\x80\x80", invisible, "private use", pool);
    refused("a\xef\xbf\xbe", invisible, "a noncharacter", pool);
    refused("a\xef\xb7\x90", invisible, "another", pool);
    refused("\xd9\x80", invisible, "Arabic tatweel, which shows nothing of its own", pool);
    refused("\xe3\x80\xb1", invisible, "a vertical repeat mark", pool);
    refused("a\xcd\xb8"
            "b",
            unassigned, "U+0378, which is unassigned", pool);
    refused("\xf3\x9f\xbf\xbd", unassigned, "U+DFFFD", pool);
    refused("a\xff", "must be valid UTF-8", "bad UTF-8", pool);
    refused("\xed\xa0\x80", "must be valid UTF-8", "a surrogate", pool);
    refused("\xc0\x80", "must be valid UTF-8", "an overlong NUL", pool);
}

/* RFC 5892, appendix A. */
static void test_context(apr_pool_t *pool)
{
    becomes("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8c\xe0\xa4\xb7", "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8c\xe0\xa4\xb7",
            "a non-joiner behind a virama", pool);
    becomes("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7", "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7",
            "a joiner behind a virama", pool);
    becomes("\xd9\x86\xd8\xa7\xd9\x85\xd9\x87\xe2\x80\x8c\xd8\xa7\xdb\x8c",
            "\xd9\x86\xd8\xa7\xd9\x85\xd9\x87\xe2\x80\x8c\xd8\xa7\xdb\x8c", "a non-joiner in Persian", pool);
    refused("a\xe2\x80\x8c"
            "b",
            misplaced, "a non-joiner in Latin", pool);
    refused("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9", misplaced, "a joiner between emoji", pool);
    refused("\xe2\x80\x8d", misplaced, "a joiner alone", pool);
    becomes("col\xc2\xb7"
            "la",
            "col\xc2\xb7"
            "la",
            "a middle dot between two l", pool);
    refused("a\xc2\xb7"
            "b",
            misplaced, "a middle dot elsewhere", pool);
    refused("l\xc2\xb7", misplaced, "a middle dot at the end", pool);
    becomes("\xcd\xb5\xce\xb1", "\xcd\xb5\xce\xb1", "keraia before Greek", pool);
    refused("\xcd\xb5"
            "a",
            misplaced, "keraia before Latin", pool);
    becomes("\xd7\x90\xd7\xb3\xd7\x90\xd7\xb4\xd7\x90", "\xd7\x90\xd7\xb3\xd7\x90\xd7\xb4\xd7\x90",
            "geresh and gershayim in Hebrew", pool);
    refused("a\xd7\xb3", misplaced, "geresh behind Latin", pool);
    becomes("\xe3\x83\xbb\xe3\x82\xab", "\xe3\x83\xbb\xe3\x82\xab", "a katakana middle dot with katakana", pool);
    refused("a\xe3\x83\xbb"
            "b",
            misplaced, "a katakana middle dot without", pool);
    becomes("\xd9\xa1\xd9\xa2", "\xd9\xa1\xd9\xa2", "Arabic-Indic digits", pool);
    becomes("\xdb\xb1\xdb\xb2", "\xdb\xb1\xdb\xb2", "extended ones", pool);
    refused("\xd9\xa1\xdb\xb2", misplaced, "both", pool);
    refused("\xdb\xb2\xd9\xa1", misplaced, "both, the other way round", pool);
}

static void test_raw(apr_pool_t *pool)
{
    static const char *const all[] = {"",
                                      "pa\xcc\x88sswort",
                                      "a\xc2\xa0"
                                      "b",
                                      "a\tb",
                                      "\xe2\x9d\xa4\xef\xb8\x8f",
                                      "a\xff",
                                      NULL};
    const char *out, *reason;

    for (const char *const *text = all; *text; text++) {
        reason = "unset";
        is_int(cloudep_password_prepare(&out, &reason, pool, CLOUDEP_PASSWORD_RAW, *text), APR_SUCCESS,
               "a raw password");
        is_str(out, *text, "stays as it is");
        is_str(reason, NULL, "whatever it is");
    }
}

static void test_lengths(apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, 4098);
    const char *out, *form;
    char *growing = apr_pcalloc(pool, 4096), *grown = apr_pcalloc(pool, 3 * 4096);

    memset(text, 'a', 4096);
    becomes(text, text, "4096 bytes", pool);
    text[4096] = 'a';
    refused(text, "is too long", "4097 bytes", pool);
    is_int(cloudep_password_prepare(&out, NULL, pool, CLOUDEP_PASSWORD_RAW, text), CLOUDEP_EMALFORMED, "raw as well");

    /* U+1D160, a note, becomes three characters: the most that NFC makes of one. */
    for (int i = 0; i < 1000; i++) {
        memcpy(growing + 4 * i, "\xf0\x9d\x85\xa0", 4);
        memcpy(grown + 12 * i, "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5\xf0\x9d\x85\xae", 12);
    }
    is_int(cloudep_password_prepare(&form, NULL, pool, CLOUDEP_PASSWORD_OPAQUE, growing), APR_SUCCESS,
           "a thousand notes");
    is_str(form, grown, "become three thousand characters");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_rfc8265(pool);
    test_same(pool);
    test_different(pool);
    test_refused(pool);
    test_context(pool);
    test_raw(pool);
    test_lengths(pool);
    apr_terminate();
    return done_testing();
}
