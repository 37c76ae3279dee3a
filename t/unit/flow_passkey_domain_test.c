/*
 * flow_passkey_domain_test.c - which domains and origins a server takes for passkeys.
 */
#include "flow.h"

#include "core/passkey_domain.h"

/* How the settings are judged: NULL, or the sentence. */
static const char *judge(const char *domain, const char *origin, const char *related)
{
    cloudep_runtime_t run = {0};
    cloudep_config_t config = {.passkey_domain = domain, .run = &run};
    const char *error = NULL;

    if (origin) {
        config.passkey_origins = apr_array_make(flow.pool, 1, sizeof(const char *));
        APR_ARRAY_PUSH(config.passkey_origins, const char *) = origin;
    }
    if (related) {
        config.passkey_related_origins = apr_array_make(flow.pool, 1, sizeof(const char *));
        APR_ARRAY_PUSH(config.passkey_related_origins, const char *) = related;
    }
    return cloudep_passkey_domain_prepare(NULL, &config, flow.pool, &error) == APR_SUCCESS ? NULL : error;
}

static void test_domains(void)
{
    static const char *const good[] = {"example.com",    "localhost", "a.b.c.example",
                                       "xn--fiq228c.tw", "1and1.com", "a-b.example"};
    static const char *const bad[] = {"Example.com",   "example.com.",
                                      ".example.com",  "example..com",
                                      "com",           "127.0.0.1",
                                      "[::1]",         "https://example.com",
                                      "example.com:8", "-a.example",
                                      "a-.example",    "exa_mple.com",
                                      "ex ample.com",  "",
                                      "local",         "a.1"};
    const char *label = apr_psprintf(flow.pool, "%064d.example", 0);

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(!judge(good[i], NULL, NULL), "a domain: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(judge(bad[i], NULL, NULL) != NULL, "no domain: \"%s\"", bad[i]);
    }
    ok(judge(label, NULL, NULL) != NULL, "no domain: a label of 64 characters");
    ok(!judge(label + 1, NULL, NULL), "a domain: a label of 63 characters");
    ok(judge(NULL, "https://example.com", NULL) != NULL, "an origin needs a domain");
    ok(judge(NULL, NULL, "https://example.com") != NULL, "a related origin needs a domain");
    ok(!judge(NULL, NULL, NULL), "without a domain there are no passkeys");
}

static void test_origins(void)
{
    static const char *const good[] = {"https://example.com", "https://id.example.com", "https://a.b.example.com:8443",
                                       "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_"};
    static const char *const bad[] = {"https://example.org",
                                      "https://notexample.com",
                                      "https://example.com.evil.example",
                                      "http://example.com",
                                      "https://example.com/",
                                      "https://example.com/path",
                                      "https://example.com:443",
                                      "https://example.com:",
                                      "https://example.com:0443",
                                      "https://example.com:123456",
                                      "https://example.com:8x",
                                      "https://user@example.com",
                                      "https://Example.com",
                                      "https://*.example.com",
                                      "https://",
                                      "example.com",
                                      "null",
                                      "http://localhost:8080",
                                      "android:apk-key-hash:AAAA",
                                      "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_=",
                                      "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+="};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(!judge("example.com", good[i], NULL), "an origin of the domain: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(judge("example.com", bad[i], NULL) != NULL, "no origin of the domain: %s", bad[i]);
    }
    ok(!judge("localhost", "http://localhost:8080", NULL), "http is good enough on localhost");
    ok(!judge("localhost", "http://app.localhost", NULL), "and below it");
    ok(judge("localhost", "http://localhost:80", NULL) != NULL, "not with the port that it has anyway");
    ok(!judge("localhost", "https://localhost:80", NULL), "which is not the port of https");
    ok(!judge("example.com", NULL, "https://example.org"), "a related origin is of another domain");
    ok(judge("example.com", NULL, "http://example.org") != NULL, "a related origin needs https");
    ok(judge("example.com", NULL, "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") != NULL,
       "an app is no related origin");
}

static void test_rule(void)
{
    cloudep_runtime_t run = {0};
    cloudep_config_t config = {.passkey_domain = "example.com", .run = &run};
    const char *error = NULL;

    ok(!cloudep_has_passkeys(&config), "there are none before they are prepared");
    is_str(cloudep_passkey_document(&config), NULL, "nor a document");
    is_int(cloudep_passkey_domain_prepare(NULL, &config, flow.pool, &error), APR_SUCCESS, "a domain alone is enough");
    ok(cloudep_has_passkeys(&config), "then there are");
    is_str(run.passkeys->rp_id, "example.com", "for that domain");
    is_str(run.passkeys->origins[0], "https://example.com", "whose pages may use them");
    ok(!run.passkeys->origins[1], "and no others");
    config.passkey_origins = apr_array_make(flow.pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(config.passkey_origins, const char *) = "https://id.example.com";
    APR_ARRAY_PUSH(config.passkey_origins, const char *) =
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_";
    is_int(cloudep_passkey_domain_prepare(NULL, &config, flow.pool, &error), APR_SUCCESS, "with an app");
    ok(run.passkeys->origins[1] && !run.passkeys->origins[2], "it may use them");
    is_str(cloudep_passkey_document(&config), "{\"origins\":[\"https://id.example.com\"]}",
           "but browsers are told of pages only");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&flow.pool, NULL);
    test_domains();
    test_origins();
    test_rule();
    return done_testing();
}
