/*
 * keys_test.c - the key files that directives name: which are taken, what is derived from them, and what signs refresh
 * tokens and session cookies.
 */
#include "core/keys.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

#include "base/crypto/mac.h"
#include "base/jose/keyfile.h"
#include "base/status.h"
#include "core/account_url.h"
#include "folder.h"
#include "tap.h"

static apr_pool_t *p;
static const char *error; /* of the last preparation */

/* A file with one new key. */
static const char *file_of(const char *name, const char *alg)
{
    const char *path = folder_path(name);
    const char *kid;

    if (access(path, F_OK) && cloudep_keyfile_add(&kid, p, path, alg, &error) != APR_SUCCESS) {
        folder_bail_out(error);
    }
    return path;
}

static cloudep_config_t *config_with(const char *signing, const char *sealing)
{
    cloudep_config_t *config = apr_pcalloc(p, sizeof(*config));

    config->run = apr_pcalloc(p, sizeof(*config->run));
    config->issuer = "https://id.test";
    config->signing_file = signing;
    config->sealing_file = sealing;
    config->xsrf_cookie = "XSRF-TOKEN";
    config->xsrf_header = "X-XSRF-TOKEN";
    error = NULL;
    return config;
}

static apr_status_t prepare_all(cloudep_config_t *config)
{
    apr_status_t rv = cloudep_signing_keys_prepare(NULL, config, p, &error);

    rv = rv == APR_SUCCESS ? cloudep_sealing_keys_prepare(NULL, config, p, &error) : rv;
    rv = rv == APR_SUCCESS ? cloudep_session_keys_prepare(NULL, config, p, &error) : rv;
    return rv == APR_SUCCESS ? cloudep_refresh_keys_prepare(NULL, config, p, &error) : rv;
}

/* Whether a preparation fails with that status, and says that. */
static void is_refused(apr_status_t got, apr_status_t want, const char *said, const char *name)
{
    ok(got == want && error && strstr(error, said), "%s: %s", name, error ? error : cloudep_status_name(got));
}

static int is_same(const cloudep_jwk_t *one, const cloudep_jwk_t *other)
{
    apr_size_t length = 0, other_length = 0;
    const unsigned char *secret = one ? cloudep_jwk_secret(one, &length) : NULL;
    const unsigned char *other_secret = other ? cloudep_jwk_secret(other, &other_length) : NULL;

    return secret && other_secret && length == other_length && !memcmp(secret, other_secret, length);
}

/* Whether the first key of a set is what a label makes of the first key of a file's. */
static void is_derived(const cloudep_jwks_t *set, const char *file, cloudep_key_use_t use, const char *label,
                       const char *name)
{
    const cloudep_jwks_t *keys, *derived;

    ok(cloudep_keyfile_load(&keys, p, file, &error) == APR_SUCCESS &&
           cloudep_derive_jwks(&derived, p, keys, use, label) == APR_SUCCESS &&
           is_same(cloudep_jwks_get(set, 0), cloudep_jwks_get(derived, 0)),
       "%s", name);
}

static void test_signing(void)
{
    const char *signing = file_of("signing", "ES256");
    const char *sealing = file_of("sealing", "A256GCM");
    cloudep_config_t *config = config_with(NULL, NULL);
    const char *public_file;

    is_int(cloudep_signing_keys_prepare(NULL, config, p, &error), APR_SUCCESS, "without a file");
    ok(!cloudep_can_sign(config) && !cloudep_can_verify(config), "nothing is signed or verified");
    config = config_with(signing, NULL);
    is_int(cloudep_signing_keys_prepare(NULL, config, p, &error), APR_SUCCESS, "a file with a private key");
    ok(cloudep_can_sign(config) && cloudep_can_verify(config), "signs and verifies");
    public_file = folder_file("public", cloudep_jwks_public_json(config->run->signing, p), 0644);
    config = config_with(public_file, NULL);
    is_int(cloudep_signing_keys_prepare(NULL, config, p, &error), APR_SUCCESS, "a file with a public key");
    ok(!cloudep_can_sign(config) && cloudep_can_verify(config), "verifies alone");
    config = config_with(sealing, NULL);
    is_refused(cloudep_signing_keys_prepare(NULL, config, p, &error), CLOUDEP_EMALFORMED, "none of its keys signs",
               "sealing keys");
    config = config_with(signing, NULL);
    config->issuer = NULL;
    is_refused(cloudep_signing_keys_prepare(NULL, config, p, &error), CLOUDEP_EUNSET, "needs CloudEPIssuer",
               "signing keys without an issuer");
    config = config_with(folder_path("none"), NULL);
    ok(cloudep_signing_keys_prepare(NULL, config, p, &error) != APR_SUCCESS &&
           !strncmp(error, "CloudEPSigningKeys /", 20),
       "a file that is not there: %s", error);
}

static void test_issuer(void)
{
    static const char *const good[] = {"https://id.test", "https://id.test:8443/idp", "http://localhost:8080",
                                       "http://127.0.0.1"};
    static const char *const bad[] = {"id.test",           "http://id.test",    "ftp://127.0.0.1",  "https://",
                                      "https://id.test/?", "https://id.test#a", "https://a@id.test"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cloudep_config_t *config = config_with(NULL, NULL);

        config->issuer = config->account_url = good[i];
        ok(cloudep_signing_keys_prepare(NULL, config, p, &error) == APR_SUCCESS &&
               cloudep_account_url_prepare(NULL, config, p, &error) == APR_SUCCESS,
           "%s is an issuer, and has account pages", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cloudep_config_t *config = config_with(NULL, NULL);

        config->issuer = config->account_url = bad[i];
        is_refused(cloudep_signing_keys_prepare(NULL, config, p, &error), CLOUDEP_EMALFORMED, "CloudEPIssuer",
                   "no issuer");
        is_refused(cloudep_account_url_prepare(NULL, config, p, &error), CLOUDEP_EMALFORMED, "CloudEPAccountURL",
                   "no account pages");
    }
}

static void test_sealing(void)
{
    cloudep_config_t *config = config_with(NULL, file_of("signing", "ES256"));

    is_refused(cloudep_sealing_keys_prepare(NULL, config, p, &error), CLOUDEP_EMALFORMED, "none of its keys seals",
               "signing keys");
    config = config_with(NULL, file_of("sealing", "A256GCM"));
    is_int(cloudep_sealing_keys_prepare(NULL, config, p, &error), APR_SUCCESS, "a key that seals");
    ok(cloudep_can_seal(config), "seals");
    ok(config->run->challenges.keys == config->run->sealing, "challenges, too");
    ok(!cloudep_can_seal(config_with(NULL, NULL)), "without a file nothing is sealed");
}

static void test_refresh(void)
{
    const char *signing = file_of("signing", "ES256");
    const char *sealing = file_of("sealing", "A256GCM");
    cloudep_config_t *config = config_with(signing, sealing);

    is_int(prepare_all(config), APR_SUCCESS, "with sealing keys");
    ok(config->run->refresh_key == cloudep_jwks_get(config->run->refresh, 0),
       "refresh tokens are under a key of their own");
    is_derived(config->run->refresh, sealing, CLOUDEP_KEY_SEAL, "refresh token", "the same as ever");
    config = config_with(signing, sealing);
    config->refresh_tokens = "signed";
    is_int(prepare_all(config), APR_SUCCESS, "CloudEPRefreshTokens signed");
    ok(config->run->refresh_key == cloudep_jwks_active(config->run->signing, CLOUDEP_KEY_SIGN),
       "has them signed as access tokens are");
    is_int(cloudep_jwks_count(config->run->refresh), 1, "those from before are read");
    config = config_with(signing, NULL);
    is_int(prepare_all(config), APR_SUCCESS, "without sealing keys");
    ok(config->run->refresh_key == cloudep_jwks_active(config->run->signing, CLOUDEP_KEY_SIGN), "so they are, too");
    config = config_with(signing, NULL);
    config->refresh_tokens = "hmac";
    is_refused(prepare_all(config), CLOUDEP_EUNSET, "needs CloudEPSealingKeys", "hmac without sealing keys");
    config = config_with(signing, sealing);
    config->refresh_tokens = "HMAC";
    is_refused(prepare_all(config), CLOUDEP_EREFUSED, "must be hmac or signed", "another word");
}

static void test_session(void)
{
    const char *sealing = file_of("sealing", "A256GCM");
    const char *own = file_of("session", "HS256");
    cloudep_config_t *config = config_with(NULL, sealing);

    is_int(prepare_all(config), APR_SUCCESS, "session cookies with sealing keys alone");
    ok(cloudep_has_session_keys(config), "have keys");
    is_derived(config->run->cookie_keys, sealing, CLOUDEP_KEY_SEAL, "session cookie", "that of cookies as ever");
    is_derived(config->run->xsrf_keys, sealing, CLOUDEP_KEY_SEAL, "xsrf", "that of XSRF tokens as ever");
    ok(!is_same(cloudep_jwks_get(config->run->cookie_keys, 0), cloudep_jwks_get(config->run->xsrf_keys, 0)),
       "which is another one");
    config = config_with(NULL, sealing);
    config->session_file = own;
    is_int(prepare_all(config), APR_SUCCESS, "with CloudEPSessionKeys");
    is_derived(config->run->cookie_keys, own, CLOUDEP_KEY_SIGN, "session cookie", "those make cookies");
    is_derived(config->run->xsrf_keys, own, CLOUDEP_KEY_SIGN, "xsrf", "and XSRF tokens");
    config->session_file = file_of("signing", "ES256");
    is_refused(prepare_all(config), CLOUDEP_EREFUSED, "takes keys for HS256 only", "signing keys");
    config->session_file = sealing;
    is_refused(prepare_all(config), CLOUDEP_EREFUSED, "takes keys for HS256 only", "sealing keys");
    config = config_with(file_of("signing", "ES256"), NULL);
    is_int(prepare_all(config), APR_SUCCESS, "without either");
    ok(!cloudep_has_session_keys(config), "there are no cookies");
}

static void test_names(void)
{
    static const char *const bad[] = {"a b", "a;b", "a=b", "a\r\nb", "a,b", "\xc3\xa4"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cloudep_config_t *config = config_with(NULL, NULL);

        config->xsrf_cookie = bad[i];
        is_refused(cloudep_session_keys_prepare(NULL, config, p, &error), CLOUDEP_EREFUSED, "RFC 9110",
                   "no name of a cookie");
        config = config_with(NULL, NULL);
        config->xsrf_header = bad[i];
        is_refused(cloudep_session_keys_prepare(NULL, config, p, &error), CLOUDEP_EREFUSED, "RFC 9110",
                   "no name of a header");
    }
}

/* What "cloudepctl check" is told. */
static void test_check(void)
{
    const char *signing = file_of("signing", "ES256");
    const char *sealing = file_of("sealing", "A256GCM");
    cloudep_config_t *config = config_with(signing, sealing);
    const char *kid, *said;

    (void)prepare_all(config);
    (void)cloudep_signing_keys_check(NULL, config, p, &said);
    ok(strstr(said, " (ES256) signs; 0 others beside it") != NULL, "which key signs: %s", said);
    (void)cloudep_keyfile_add(&kid, p, sealing, "A256GCM", &error);
    (void)prepare_all(config);
    (void)cloudep_sealing_keys_check(NULL, config, p, &said);
    ok(strstr(said, " (A256GCM) seals; 1 other beside it") != NULL, "which key seals: %s", said);
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    folder_make(p);
    test_signing();
    test_issuer();
    test_sealing();
    test_refresh();
    test_session();
    test_names();
    test_check();
    folder_remove();
    return done_testing();
}
