/*
 * email_test.c - email addresses: what people type and paste, what becomes of it, what is refused and why.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/email.h"
#include "tap.h"

#define NBSP "\xc2\xa0"
#define WIDE_SPACE "\xe3\x80\x80"
#define ZERO_WIDTH "\xe2\x80\x8b"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static const char malformed[] = "must be an email address";
static const char local_not_ascii[] = "must be an email address with ASCII characters before the @";
static const char local_too_long[] = "must be an email address with at most 64 characters before the @";
static const char bad_domain[] = "must be an email address with a valid domain after the @";
static const char too_long[] = "must be an email address of at most 254 characters";

static const char *times(const char *unit, int count, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, "");

    while (count-- > 0) {
        text = apr_pstrcat(pool, text, unit, NULL);
    }
    return text;
}

static void becomes(const char *typed, const char *form, apr_pool_t *pool)
{
    const char *email, *again, *reason = "unset";

    is_int(cloudep_normalize_email(&email, &reason, typed, pool), APR_SUCCESS, typed);
    is_str(email, form, "becomes what is stored");
    is_str(reason, NULL, "without a reason against it");
    if (email) {
        (void)cloudep_normalize_email(&again, NULL, email, pool);
        is_str(again, email, "which is its own form");
    }
}

static void refused(const char *typed, const char *why, apr_pool_t *pool)
{
    const char *email = "unset", *reason = NULL;

    is_int(cloudep_normalize_email(&email, &reason, typed, pool), CLOUDEP_EMALFORMED, typed);
    is_str(email, NULL, "has no form");
    is_str(reason, why, "and a reason");
}

static void test_as_it_is(apr_pool_t *pool)
{
    const char *const longest_local = apr_pstrcat(pool, times("l", 64, pool), "@x.tw", NULL);

    becomes("alice@example.com", "alice@example.com", pool);
    becomes("Alice.B+x@Example.COM", "alice.b+x@example.com", pool);
    becomes("o'neil@a-b.example", "o'neil@a-b.example", pool);
    becomes("a@1.tw", "a@1.tw", pool);
    becomes("!#$%&'*+/=?^_`{|}~-@x.y", "!#$%&'*+/=?^_`{|}~-@x.y", pool);
    becomes(longest_local, longest_local, pool);
    becomes("a@r3---sn-x.example", "a@r3---sn-x.example", pool);
    becomes("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example", pool);
}

static void test_pasted(apr_pool_t *pool)
{
    static const char *const around[] = {
        " ",           "\t", "\r\n", NBSP, WIDE_SPACE, "\xe2\x80\x89", /* thin */ ZERO_WIDTH, BYTE_ORDER_MARK,
        "\xe2\x80\xaa" /* left-to-right embedding */};

    for (apr_size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        becomes(apr_pstrcat(pool, around[i], "Alice@Example.com", around[i], around[i], NULL), "alice@example.com",
                pool);
    }
    /* an input method left in full-width mode: alice@example.com */
    becomes(
        "\xef\xbd\x81\xef\xbd\x8c\xef\xbd\x89\xef\xbd\x83\xef\xbd\x85\xef\xbc\xa0\xef\xbd\x85\xef\xbd\x98.\xef\xbd\x83"
        "\xef\xbd\x8f\xef\xbd\x8d",
        "alice@ex.com", pool);
    becomes("\xef\xbc\xa1"
            "@ex\xef\xbc\x8e"
            "com",
            "a@ex.com", pool);
    becomes("\xef\xbc\x81\xef\xbd\x9e@x.tw", "!~@x.tw", pool); /* the first and the last of them */
    becomes("a@ex\xe3\x80\x82"
            "com",
            "a@ex.com", pool); /* the full stop of Chinese */
}

static void test_domains(apr_pool_t *pool)
{
    becomes("a@b\xc3\xbc"
            "cher.example",
            "a@xn--bcher-kva.example", pool);
    becomes("a@B\xc3\x9c"
            "CHER.Example",
            "a@xn--bcher-kva.example", pool);
    becomes("a@bu\xcc\x88"
            "cher.example",
            "a@xn--bcher-kva.example", pool);                      /* decomposed */
    becomes("a@fa\xc3\x9f.example", "a@xn--fa-hia.example", pool); /* nontransitional: not fass */
    becomes("a@\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "a@xn--r8jz45g.xn--zckzah", pool);
    becomes("a@\xe5\x8f\xb0\xe7\x81\xa3.tw", "a@xn--kpry57d.tw", pool);
    becomes("a@ex\xc2\xad"
            "ample.com",
            "a@example.com", pool); /* a soft hyphen is nothing */

    refused("a@b\xc3\xbc"
            "cher",
            malformed, pool);
    refused("a@-b\xc3\xbc"
            "cher.example",
            bad_domain, pool);
    refused("a@b\xc3\xbc_cher.example", bad_domain, pool);
    refused("a@\xe2\x84\x80.example", bad_domain, pool); /* the sign a/c would add a slash */
    refused("a@xn--\xc3\xbc.example", bad_domain, pool);
    refused("a@\xd7\x90"
            "1a.example",
            bad_domain, pool); /* mixed directions */
    refused("a@a\xe2\x80\x8d"
            "b\xc3\xbc.example",
            bad_domain, pool); /* a joiner that joins nothing */
    refused("a@\xcc\x81"
            "b.example",
            bad_domain, pool); /* begins with an accent */
    refused("a@b\xc3\xbc c.example", bad_domain, pool);
    refused("a@b\xc3\xbc@c.example", bad_domain, pool);
    refused("a@b\xc3\xbc"
            "cher.example.",
            malformed, pool);
    refused("a@b\xc3\xbc..example", bad_domain, pool);
}

static void test_lengths(apr_pool_t *pool)
{
    const char *const label = times("d", 63, pool);
    const char *const domain = apr_pstrcat(pool, label, ".", label, ".", label, ".", times("e", 57, pool), ".tw", NULL);
    const char *const umlauts = times("\xc3\xbc", 20, pool);
    const char *domains = "b.tw";

    becomes(apr_pstrcat(pool, "a@", domain, NULL), apr_pstrcat(pool, "a@", domain, NULL), pool);
    refused(apr_pstrcat(pool, "ab@", domain, NULL), too_long, pool);
    refused(apr_pstrcat(pool, times("l", 65, pool), "@x.tw", NULL), local_too_long, pool);
    refused(apr_pstrcat(pool, "a@", times("d", 64, pool), ".tw", NULL), malformed, pool);
    refused(apr_pstrcat(pool, "a@", times("\xc3\xbc", 63, pool), ".tw", NULL), bad_domain, pool);
    refused(times("a", 1025, pool), malformed, pool);

    /* It is the stored form that is measured: A-labels are longer than what was typed. */
    for (int i = 0; i < 9; i++) {
        domains = apr_pstrcat(pool, umlauts, ".", domains, NULL);
    }
    refused(apr_pstrcat(pool, times("l", 64, pool), "@", domains, NULL), too_long, pool);
    refused(apr_pstrcat(pool, "a@", umlauts, ".", domains, NULL), too_long, pool);
}

static void test_refused(apr_pool_t *pool)
{
    static const char *const bad[] = {"",
                                      " ",
                                      NBSP,
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
                                      "a@b@c.d",
                                      "a,b@c.d",
                                      "\"a\"@b.c",
                                      "a@[192.0.2.1]",
                                      "<a@b.c>",
                                      "Alice <a@b.c>",
                                      "mailto:a@b.c",
                                      "a@b.c\r\nBcc: x@y.z",
                                      "a\r@b.c",
                                      "a;b@c.d",
                                      "a\x7f@b.c",
                                      "a@b_c.d",
                                      "a@b.c%0a",
                                      "a\xff@b.c",
                                      "a@b\xff.c",
                                      "a@b.c\xff",
                                      "a @b.c",
                                      "a@ b.c"};

    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i], malformed, pool);
    }
    refused("\xc3\xa9@b.c", local_not_ascii, pool);
    refused("a" NBSP "b@c.d", local_not_ascii, pool);
    refused("a" ZERO_WIDTH "b@c.d", local_not_ascii, pool);
    refused("\xe2\x84\xaa@b.c", local_not_ascii, pool); /* the Kelvin sign is no k before the @ */
    refused("mi\xc4\xb1@b.c", local_not_ascii, pool);   /* nor a dotless i an i */
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_as_it_is(pool);
    test_pasted(pool);
    test_domains(pool);
    test_lengths(pool);
    test_refused(pool);
    apr_terminate();
    return done_testing();
}
