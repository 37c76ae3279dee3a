/*
 * flow_provider_row_test.c - the words of a CloudEPSocialProvider: what is read from them, and which are refused.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include "folder.h"
#include "oidc/oidc.h"
#include "tap.h"

#define ISSUER "https://id.test"
#define JWT "secret=jwt key_id=k team_id=t"

static apr_pool_t *pool;
static cloudep_config_t config;
static cloudep_runtime_t run;

/* Reads the rows, each of words with a space between. NULL: they are good. */
static const char *read_rows(const char *const *rows, int count)
{
    const char *error = NULL;

    run.oidc = NULL;
    config.run = &run;
    config.social_providers = apr_array_make(pool, 2, sizeof(const char *const *));
    for (int i = 0; i < count; i++) {
        apr_array_header_t *words = apr_array_make(pool, 8, sizeof(const char *));
        char *rest = apr_pstrdup(pool, rows[i]);
        const char *word;

        while ((word = apr_strtok(rest, " ", &rest))) {
            APR_ARRAY_PUSH(words, const char *) = word;
        }
        APR_ARRAY_PUSH(words, const char *) = NULL;
        APR_ARRAY_PUSH(config.social_providers, const char *const *) = (const char *const *)(const void *)words->elts;
    }
    if (cloudep_oidc_prepare(NULL, &config, pool, &error) == APR_SUCCESS) {
        return NULL;
    }
    return error ? error : "no reason";
}

static const char *read_row(const char *row)
{
    return read_rows(&row, 1);
}

static const cloudep_oidc_provider_t *good(const char *row)
{
    const char *error = read_row(row);
    char *name = apr_pstrdup(pool, row);

    ok(!error, "%s: %s", row, error ? error : "good");
    return cloudep_oidc_social(run.oidc, apr_strtok(name, " ", &name));
}

static void refused(const char *row, const char *why)
{
    const char *error = read_row(row);

    ok(error && strstr(error, why) && !run.oidc, "%s: %s", row, error ? error : "taken");
}

static void test_defaults(void)
{
    const cloudep_oidc_provider_t *provider = good("google " ISSUER "/a client none");

    is_str(provider->issuer, ISSUER "/a", "the issuer");
    is_str(provider->client_id, "client", "the client id");
    is_str(provider->scope, "openid email profile", "the scope that nobody named");
    ok(!provider->secret && !provider->secret_key && !provider->secret_keys, "none is no secret");
    ok(!provider->auth && !provider->response_mode && !provider->page && !provider->algorithms, "the rest is not set");
    ok(!provider->trusts_email, "and an address has to be verified");
    is_int(apr_table_elts(provider->parameters)->nelts, 0, "no more parameters");
}

static void test_words(void)
{
    char name[40] = "";
    const char *both[] = {"one " ISSUER " client none", "two " ISSUER " client none"};
    const char *twice[] = {"one " ISSUER " client none", "one " ISSUER " client none"};

    memset(name, 'n', 32);
    (void)good(apr_pstrcat(pool, name, " " ISSUER " client none", NULL));
    refused(apr_pstrcat(pool, name, "n " ISSUER " client none", NULL), "the name must be");
    refused("a.b " ISSUER " client none", "the name must be");
    ok(!read_rows(both, 2), "two rows");
    is_str(cloudep_oidc_social(run.oidc, "two")->name, "two", "are known by their names");
    ok(!cloudep_oidc_social(run.oidc, "tw"), "whole names");
    ok(read_rows(twice, 2) != NULL, "two rows of one name");
    refused("google http://id.test client none", "the issuer must be an https URL");
    refused("google ftp://127.0.0.1 client none", "the issuer must be an https URL");
    refused("google " ISSUER "?a client none", "the issuer must be an https URL");
    refused("google " ISSUER "#a client none", "the issuer must be an https URL");
    refused("google id.test client none", "the issuer must be an https URL");
    refused("google https://user@id.test client none", "the issuer must be an https URL");
    (void)good("google http://127.0.0.1:8080 client none");
    (void)good("google http://localhost:8080 client none");
    for (int i = 0; i < 3; i++) {
        static const char *const all[] = {"common", "organizations", "consumers"};

        refused(apr_pstrcat(pool, "entra https://login.microsoftonline.com/", all[i], "/v2.0 client none", NULL),
                "the issuer must name one directory");
    }
    (void)good("entra https://login.microsoftonline.com/commons/v2.0 client none");
}

static void test_values(void)
{
    const cloudep_oidc_provider_t *provider;

    provider = good("p " ISSUER " client none scope=openid auth=post email=trusted prompt=consent hd=a.test");
    ok(cloudep_oidc_has_social(&config) && !cloudep_oidc_has_exchange(&config), "no provider of token/exchange");
    is_str(provider->scope, "openid", "scope");
    is_str(provider->auth, "post", "auth");
    ok(provider->trusts_email, "email=trusted");
    is_str(apr_table_get(provider->parameters, "prompt"), "consent", "a parameter that is the provider's");
    is_str(apr_table_get(provider->parameters, "hd"), "a.test", "and another");
    ok(!good("p " ISSUER " client none auth=basic email=verified")->trusts_email, "email=verified is the default");
    refused("p " ISSUER " client none scope=email", "scope has to have openid in it");
    refused("p " ISSUER " client none scope=openids", "scope has to have openid in it");
    refused("p " ISSUER " client none auth=digest", "auth is basic or post");
    refused("p " ISSUER " client none email=true", "email is verified");
    refused("p " ISSUER " client none prompt", "prompt is not name=value");
    refused("p " ISSUER " client none prompt=", "prompt= is not name=value");
    refused("p " ISSUER " client none =consent", "=consent is not name=value");
    refused("p " ISSUER " client none auth=post auth=post", "auth is there twice");
    refused("p " ISSUER " client none team_id=t email=trusted team_id=t", "team_id is there twice");
}

/* What could undo a check of ours, were it the operator's to set. */
static void test_reserved(void)
{
    static const char *const names[] = {"response_type", "client_id",      "redirect_uri",          "state",
                                        "nonce",         "code_challenge", "code_challenge_method", "request",
                                        "request_uri"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        refused(apr_pstrcat(pool, "p " ISSUER " client none ", names[i], "=x", NULL), "is set by CloudEP itself");
    }
}

static void test_algorithms(void)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                        "PS512", "ES256", "ES384", "ES512", "EdDSA"};
    const cloudep_oidc_provider_t *provider;
    const char *shortest = folder_file("shortest", "0123456789012345678901234567890", 0600);
    const char *enough = folder_file("enough", "01234567890123456789012345678901\n", 0600);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        provider = good(apr_pstrcat(pool, "p " ISSUER " client none alg=", names[i], NULL));
        is_int(provider->algorithms->nelts, 1, "one algorithm");
    }
    provider = good("p " ISSUER " client none alg=ES256,EdDSA");
    is_int(provider->algorithms->nelts, 2, "two algorithms");
    refused("p " ISSUER " client none alg=none", "the algorithms of id_tokens are");
    refused("p " ISSUER " client none alg=HS512", "the algorithms of id_tokens are");
    refused("p " ISSUER " client none alg=ES256,HS256", "or HS256 alone");
    refused("p " ISSUER " client none alg=,", "alg names no algorithm");
    refused("p " ISSUER " client none alg=HS256", "a client secret of at least 32 bytes");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", shortest, " alg=HS256", NULL),
            "a client secret of at least 32 bytes");
    ok(good(apr_pstrcat(pool, "p " ISSUER " client ", enough, " alg=HS256", NULL))->secret_keys != NULL,
       "a secret of 32 bytes signs");
    ok(!good(apr_pstrcat(pool, "p " ISSUER " client ", enough, NULL))->secret_keys, "but only where alg=HS256 says so");
    (void)unlink(shortest);
    (void)unlink(enough);
}

static void test_form_post(void)
{
    const cloudep_oidc_provider_t *provider =
        good("p " ISSUER " client none response_mode=form_post page=https://app.test/p?a=b");

    is_str(provider->page, "https://app.test/p?a=b", "the page may have a query");
    is_str(provider->response_mode, "form_post", "the provider is asked to post");
    (void)good("p " ISSUER " client none response_mode=query");
    refused("p " ISSUER " client none response_mode=fragment", "response_mode is form_post, or query");
    refused("p " ISSUER " client none response_mode=form_post", "response_mode=form_post needs page=URL");
    refused("p " ISSUER " client none page=https://app.test/p", "page is for response_mode=form_post");
    refused("p " ISSUER " client none response_mode=query page=https://app.test/p",
            "page is for response_mode=form_post");
    refused("p " ISSUER " client none response_mode=form_post page=http://app.test/p", "page must be an https URL");
    refused("p " ISSUER " client none response_mode=form_post page=https://app.test/p#f", "page must be an https URL");
    refused("p " ISSUER " client none response_mode=form_post page=https://app.test/p?a#f",
            "page must be an https URL");
}

static void test_secrets(void)
{
    const char *word = folder_file("word", "a word\n", 0600);
    const char *open = folder_file("open", "a word\n", 0644);
    const char *pem = folder_file("pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0600);

    is_str(good(apr_pstrcat(pool, "p " ISSUER " client ", word, NULL))->secret, "a word", "the line in the file");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", open, NULL), "chmod 600");
    refused("p " ISSUER " client /no/such/file", "/no/such/file");
    refused("p " ISSUER " client none key_id=k", "key_id and team_id are for secret=jwt");
    refused("p " ISSUER " client none team_id=t", "key_id and team_id are for secret=jwt");
    refused("p " ISSUER " client none " JWT, "secret=jwt needs the file of the key");
    refused("p " ISSUER " client none secret=word", "secret is jwt");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", pem, " secret=jwt key_id=k", NULL),
            "needs key_id=... and team_id=...");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", pem, " secret=jwt team_id=t", NULL),
            "needs key_id=... and team_id=...");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", pem, " " JWT, NULL), "needs a private key of P-256");
    refused(apr_pstrcat(pool, "p " ISSUER " client ", open, " " JWT, NULL), "chmod 600");
    (void)unlink(word);
    (void)unlink(open);
    (void)unlink(pem);
}

static void test_exchange(void)
{
    const char *error = NULL;

    config = (cloudep_config_t){.run = &run, .exchange_issuer = ISSUER, .exchange_audience = "aud"};
    run.oidc = NULL;
    is_int(cloudep_oidc_prepare(NULL, &config, pool, &error), APR_SUCCESS, "the issuer of token/exchange");
    is_str(run.oidc->exchange->issuer, ISSUER, "is a provider");
    is_str(run.oidc->exchange->client_id, "aud", "whose client id is the audience");
    ok(cloudep_oidc_has_exchange(&config) && !cloudep_oidc_has_social(&config), "and none of social login");
    config.exchange_audience = NULL;
    ok(cloudep_oidc_prepare(NULL, &config, pool, &error) != APR_SUCCESS && strstr(error, "CloudEPExchangeAudience"),
       "it needs an audience");
    config.exchange_audience = "aud";
    config.exchange_issuer = "http://id.test";
    ok(cloudep_oidc_prepare(NULL, &config, pool, &error) != APR_SUCCESS && strstr(error, "must be an https URL"),
       "and TLS");
    config = (cloudep_config_t){.run = &run};
    run.oidc = NULL;
    is_int(cloudep_oidc_prepare(NULL, &config, pool, &error), APR_SUCCESS, "no provider at all");
    ok(!run.oidc && !cloudep_oidc_has_exchange(&config) && !cloudep_oidc_has_social(&config), "is none");
    is_int(cloudep_oidc_child_init(NULL, &config, pool), APR_SUCCESS, "and a child has nothing to do for it");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    folder_make(pool);
    test_defaults();
    test_words();
    test_values();
    test_reserved();
    test_algorithms();
    test_form_post();
    test_secrets();
    test_exchange();
    folder_remove();
    apr_terminate();
    return done_testing();
}
