/*
 * origin_test.c - addresses that a browser may be sent to: what is read as one, and what never is.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/origin.h"
#include "tap.h"

static void test_read(apr_pool_t *pool)
{
    static const struct {
        const char *text, *origin, *path;
    } good[] = {
        {"/", NULL, "/"},
        {"/a/b?c=d&e=/f#g", NULL, "/a/b?c=d&e=/f#g"},
        {"/a//b", NULL, "/a//b"},
        {"/?next=https://evil.example/", NULL, "/?next=https://evil.example/"},
        {"/@evil.example", NULL, "/@evil.example"},
        {"/.//evil.example", NULL, "/.//evil.example"},
        {"https://app.example", "https://app.example", "/"},
        {"https://app.example/", "https://app.example", "/"},
        {"https://app.example/a?b#c", "https://app.example", "/a?b#c"},
        {"https://app.example?a=b", "https://app.example", "/?a=b"},
        {"https://app.example#a", "https://app.example", "/#a"},
        {"HTTPS://App.Example/Path", "https://app.example", "/Path"},
        {"https://app.example:443/a", "https://app.example", "/a"},
        {"https://app.example:0443/a", "https://app.example", "/a"},
        {"https://app.example:80/a", "https://app.example:80", "/a"},
        {"http://app.example:80/a", "http://app.example", "/a"},
        {"http://app.example:443/a", "http://app.example:443", "/a"},
        {"https://app.example:8443/a", "https://app.example:8443", "/a"},
        {"https://app.example:65535/", "https://app.example:65535", "/"},
        {"http://127.0.0.1:8080/a", "http://127.0.0.1:8080", "/a"},
        {"https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443", "/a"},
        {"https://app_1.example/", "https://app_1.example", "/"},
        {"https://app.example//evil.example", "https://app.example", "//evil.example"},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cloudep_target_t target = {"unset", "unset"};

        is_int(cloudep_target_read(&target, pool, good[i].text), APR_SUCCESS, good[i].text);
        is_str(target.origin, good[i].origin, "its origin");
        is_str(target.path, good[i].path, "its path");
    }
}

static void test_refused(apr_pool_t *pool)
{
    static const char *const bad[] = {
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/a\\b",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: a=b",
        "/a b",
        " /a",
        "/a ",
        "/\x7f",
        "/\xc3\xa9",
        "a",
        "a/b",
        "./a",
        "?a",
        "#a",
        "evil.example",
        "evil.example/https://app.example",
        "javascript:alert(1)",
        "JavaScript://app.example/%0aalert(1)",
        "data:text/html,x",
        "ftp://app.example/",
        "wss://app.example/",
        "blob:https://app.example/a",
        "https:app.example",
        "https:/app.example",
        "https:///app.example",
        "https:\\\\app.example",
        "https://",
        "https:///",
        "https://?",
        "https://:443/",
        "https://.app.example/",
        "https://app.example\\@evil.example/",
        "https://app.example@evil.example/",
        "https://a:b@app.example/",
        "https://@app.example/",
        "https://app.example:/",
        "https://app.example:0/",
        "https://app.example:65536/",
        "https://app.example:99999999999999999999/",
        "https://app.example:44a/",
        "https://app.example:443@evil.example/",
        "https://app.example%2eevil.example/",
        "https://app.example%00.evil.example/",
        "https://app.ex*mple/",
        "https://[::1/",
        "https://[]/",
        "https://[::1]evil.example/",
        "https://app.example;evil.example/",
        "https://app.example,evil.example/",
        "https://\xef\xbc\x8f"
        "evil.example/",
        " https://app.example/",
        "https ://app.example/",
        "https://app.example /",
        "ht\ttps://app.example/",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cloudep_target_t target;

        is_int(cloudep_target_read(&target, pool, bad[i]), CLOUDEP_EMALFORMED, bad[i]);
    }
}

static void test_lengths(apr_pool_t *pool)
{
    char *text = apr_palloc(pool, 8002);
    cloudep_target_t target;

    memset(text, '/', 8001);
    text[1] = 'a';
    text[8000] = '\0';
    is_int(cloudep_target_read(&target, pool, text), APR_SUCCESS, "8000 characters");
    text[8000] = '/';
    text[8001] = '\0';
    is_int(cloudep_target_read(&target, pool, text), CLOUDEP_EMALFORMED, "one more");
}

static void test_written(apr_pool_t *pool)
{
    cloudep_target_t target;

    is_str(cloudep_target_path(pool, "/a%20b?c=d&e=%41"), "/a%20b?c=d&e=%41", "a path as browsers send it stays");
    is_str(cloudep_target_path(pool, "/a\\b\"c\xe4<d>"), "/a%5Cb%22c%E4%3Cd%3E", "what is no part of a URL is escaped");
    is_int(cloudep_target_read(&target, pool, cloudep_target_path(pool, "/a\\b \x01")), APR_SUCCESS,
           "and is read then");
    is_str(cloudep_query_value(pool, "https://a.example/b?c=d&e#f+g%41-._~"),
           "https%3A%2F%2Fa.example%2Fb%3Fc%3Dd%26e%23f%2Bg%2541-._~", "the value of a query");
}

static void test_origins(void)
{
    static const struct {
        const char *origin, *fault;
    } cases[] = {
        {"https://app.example", NULL},
        {"https://app.example:8443", NULL},
        {"http://localhost:3000", NULL},
        {"capacitor://localhost", NULL},
        {"https://app.example/", "takes scheme://host[:port], without a path"},
        {"null", "takes scheme://host[:port], without a path"},
        {"*", "takes scheme://host[:port], without a path"},
        {"://a", "takes scheme://host[:port], without a path"},
        {"https://", "takes scheme://host[:port], without a path"},
        {"https://App.example", "is written in lower case, as browsers send it"},
        {"https://app.example:443", "is written without :443 (https) or :80 (http), as browsers send it"},
        {"http://app.example:80", "is written without :443 (https) or :80 (http), as browsers send it"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(cloudep_origin_fault(cases[i].origin), cases[i].fault, cases[i].origin);
    }
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_read(pool);
    test_refused(pool);
    test_lengths(pool);
    test_written(pool);
    test_origins();
    apr_terminate();
    return done_testing();
}
