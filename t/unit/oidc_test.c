/*
 * oidc_test.c - discovery documents, id_tokens, profiles, and what is sent to a provider.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

#include "base/text/json.h"
#include "base/jose/oidc_claims.h"
#include "base/jose/oidc_request.h"
#include "tap.h"

#define ISSUER "https://id.example"
#define NOW 1700000000

static apr_pool_t *pool;

/* ---- discovery ---- */

static apr_status_t read_metadata(const cloudep_oidc_metadata_t **metadata, const char *text)
{
    const char *reason;
    const apr_status_t rv = cloudep_oidc_metadata_read(metadata, pool, text, strlen(text), ISSUER, &reason);

    ok((rv == APR_SUCCESS) == !reason, "a failure has a reason, and only a failure");
    return rv;
}

static void test_metadata(void)
{
    static const struct {
        const char *text;
        apr_status_t want;
        const char *name;
    } wrong[] = {
        {"{}", CLOUDEP_EREFUSED, "no issuer"},
        {"[]", CLOUDEP_EMALFORMED, "not an object"},
        {"{", CLOUDEP_EMALFORMED, "not JSON"},
        {"{\"issuer\":\"https://id.example/\",\"jwks_uri\":\"https://id.example/k\"}", CLOUDEP_EREFUSED,
         "a slash more"},
        {"{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"https://id.example/k\"}", CLOUDEP_EREFUSED,
         "another issuer"},
        {"{\"issuer\":[\"" ISSUER "\"],\"jwks_uri\":\"https://id.example/k\"}", CLOUDEP_EREFUSED, "issuer as a list"},
        {"{\"issuer\":\"" ISSUER "\"}", CLOUDEP_EMALFORMED, "no keys"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}", CLOUDEP_EMALFORMED, "keys in a file"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://id.example/k\",\"token_endpoint\":7}", CLOUDEP_EMALFORMED,
         "an address that is a number"},
        {"{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://id.example/k\"}",
         CLOUDEP_EMALFORMED, "the same member twice"},
    };
    const cloudep_oidc_metadata_t *metadata;

    is_int(read_metadata(&metadata,
                         "{\"issuer\":\"" ISSUER "\",\"authorization_endpoint\":\"https://id.example/a\","
                         "\"token_endpoint\":\"https://id.example/t\",\"userinfo_endpoint\":\"https://id.example/u\","
                         "\"jwks_uri\":\"https://id.example/k\",\"more\":[1,{}]}"),
           APR_SUCCESS, "a discovery document");
    is_str(metadata->authorization_endpoint, "https://id.example/a", "authorization endpoint");
    is_str(metadata->token_endpoint, "https://id.example/t", "token endpoint");
    is_str(metadata->userinfo_endpoint, "https://id.example/u", "userinfo endpoint");
    is_str(metadata->jwks_uri, "https://id.example/k", "keys");
    ok(metadata->takes_basic, "without a word it takes client_secret_basic");
    is_int(read_metadata(&metadata, "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://id.example/k\","
                                    "\"token_endpoint_auth_methods_supported\":[1,\"client_secret_post\"]}"),
           APR_SUCCESS, "one with keys only");
    ok(!metadata->takes_basic && !metadata->token_endpoint, "and the secret in the form only");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        is_int(read_metadata(&metadata, wrong[i].text), wrong[i].want, wrong[i].name);
    }
}

/* ---- id_token ---- */

#define IDTOKEN(more)                                                                                                  \
    "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":\"us\",\"iat\":1699999990,\"exp\":1700000300" more "}"

static apr_status_t check(const char *typ, const char *claims, const cloudep_idtoken_rule_t *rule)
{
    cloudep_jwt_t jwt = {.typ = typ,
                         .claims = cloudep_json_own(json_loads(claims, JSON_REJECT_DUPLICATES, NULL), pool)};
    const cloudep_idtoken_t *idtoken = NULL;
    const char *reason = NULL;
    const apr_status_t rv = cloudep_idtoken_check(&idtoken, pool, &jwt, rule, &reason);

    ok((rv == APR_SUCCESS) == !reason && (rv == APR_SUCCESS) == (idtoken != NULL),
       "either an id_token or a reason (%s)", reason ? reason : "none");
    return rv;
}

/* An id_token of that time and subject. */
static const char *idtoken_of(const char *iat, const char *subject)
{
    return apr_psprintf(pool, "{\"iss\":\"" ISSUER "\",\"sub\":\"%s\",\"aud\":\"us\",\"iat\":%s,\"exp\":1700000300}",
                        subject, iat);
}

/* Each demand that an id_token meets but for one, and each limit. */
static void test_idtoken_bounds(void)
{
    const cloudep_idtoken_rule_t rule = {.issuer = ISSUER, .audience = "us", .now = NOW, .leeway = 10};
    cloudep_idtoken_rule_t of_another = rule, for_another = rule, with_nonce = rule;

    of_another.issuer = ISSUER "/";
    for_another.audience = "them";
    with_nonce.nonce = "n1";
    is_int(check("JWT", IDTOKEN(""), &of_another), CLOUDEP_EREFUSED, "of another issuer");
    is_int(check("JWT", IDTOKEN(""), &for_another), CLOUDEP_EREFUSED, "for another audience");
    is_int(check("JWT", IDTOKEN(",\"nonce\":\"n\""), &with_nonce), CLOUDEP_EFORGED, "the beginning of the nonce");
    is_int(check("JWT", idtoken_of("1700000010", "s"), &rule), APR_SUCCESS, "issued by a clock as far ahead as may be");
    is_int(check("JWT", idtoken_of("1700000011", "s"), &rule), CLOUDEP_EEXPIRED, "and by one a second further");
    is_int(check("JWT", idtoken_of("1", apr_psprintf(pool, "%0255d", 1)), &rule), APR_SUCCESS, "the longest subject");
    is_int(check("JWT", idtoken_of("1", apr_psprintf(pool, "%0256d", 1)), &rule), CLOUDEP_EMALFORMED, "a longer one");
}

static void test_idtoken(void)
{
    const cloudep_idtoken_rule_t rule = {.issuer = ISSUER, .audience = "us", .now = NOW, .leeway = 10};
    cloudep_idtoken_rule_t with_nonce = rule, fresh = rule, others = rule;
    apr_array_header_t *parties = apr_array_make(pool, 2, sizeof(const char *));

    with_nonce.nonce = "n1";
    fresh.max_age = 60;
    APR_ARRAY_PUSH(parties, const char *) = "app1";
    APR_ARRAY_PUSH(parties, const char *) = "app2";
    others.parties = parties;

    is_int(check("JWT", IDTOKEN(""), &rule), APR_SUCCESS, "an id_token");
    is_int(check(NULL, IDTOKEN(""), &rule), APR_SUCCESS, "without typ");
    is_int(check("at+jwt", IDTOKEN(""), &rule), CLOUDEP_EREFUSED, "an access token");
    is_int(check("logout+jwt", IDTOKEN(""), &rule), CLOUDEP_EREFUSED, "a logout token");
    is_int(check("JWT", IDTOKEN(",\"azp\":\"us\""), &rule), APR_SUCCESS, "azp is the audience");
    is_int(check("JWT", IDTOKEN(",\"azp\":\"app1\""), &rule), CLOUDEP_EREFUSED, "azp is another");
    is_int(check("JWT", IDTOKEN(",\"azp\":\"app1\""), &others), APR_SUCCESS, "azp is in the list");
    is_int(check("JWT", IDTOKEN(",\"azp\":\"us\""), &others), CLOUDEP_EREFUSED, "azp is not in the list");
    is_int(check("JWT", IDTOKEN(",\"azp\":null"), &rule), CLOUDEP_EREFUSED, "azp is null");
    is_int(check("JWT", IDTOKEN(",\"nonce\":\"n1\""), &with_nonce), APR_SUCCESS, "the nonce that was sent");
    is_int(check("JWT", IDTOKEN(",\"nonce\":\"n2\""), &with_nonce), CLOUDEP_EFORGED, "another nonce");
    is_int(check("JWT", IDTOKEN(",\"nonce\":\"n11\""), &with_nonce), CLOUDEP_EFORGED, "a longer one");
    is_int(check("JWT", IDTOKEN(""), &with_nonce), CLOUDEP_EFORGED, "none");
    is_int(check("JWT", IDTOKEN(",\"nbf\":1700000010"), &rule), APR_SUCCESS, "nbf within the leeway");
    is_int(check("JWT", IDTOKEN(",\"nbf\":1700000011"), &rule), CLOUDEP_EEXPIRED, "nbf beyond it");
    is_int(check("JWT", IDTOKEN(",\"nbf\":\"x\""), &rule), CLOUDEP_EMALFORMED, "nbf as text");
    fresh.now = 1700000060;
    is_int(check("JWT", IDTOKEN(""), &fresh), APR_SUCCESS, "as old as it may be");
    fresh.now++;
    is_int(check("JWT", IDTOKEN(""), &fresh), CLOUDEP_EEXPIRED, "a second older");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":[\"x\",\"us\"],\"iat\":1,\"exp\":1700000300}",
                 &rule),
           CLOUDEP_EREFUSED, "several audiences without azp");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":[\"us\"],\"iat\":1,\"exp\":1700000300}", &rule),
           APR_SUCCESS, "a list of one");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":\"us\",\"iat\":1,\"exp\":1699999990}", &rule),
           CLOUDEP_EEXPIRED, "expired");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":\"us\",\"iat\":1700000011,\"exp\":1700000300}",
                 &rule),
           CLOUDEP_EEXPIRED, "issued in the future");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"s1\",\"aud\":\"us\",\"exp\":1700000300}", &rule),
           CLOUDEP_EMALFORMED, "no iat");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"aud\":\"us\",\"iat\":1,\"exp\":1700000300}", &rule),
           CLOUDEP_EMALFORMED, "no sub");
    is_int(check("JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"a b\",\"aud\":\"us\",\"iat\":1,\"exp\":1700000300}", &rule),
           CLOUDEP_EMALFORMED, "a sub with a space");
}

/* ---- profile ---- */

static cloudep_oidc_profile_t profile_of(const char *first, const char *second)
{
    cloudep_oidc_profile_t profile = {0};

    cloudep_oidc_profile_read(&profile, pool, cloudep_json_own(json_loads(first, 0, NULL), pool));
    if (second) {
        cloudep_oidc_profile_read(&profile, pool, cloudep_json_own(json_loads(second, 0, NULL), pool));
    }
    return profile;
}

static void test_profile(void)
{
    static const struct {
        const char *first, *second;
        cloudep_email_state_e state;
        const char *name;
    } said[] = {
        {"{\"email\":\"a@example.com\",\"email_verified\":\"true\"}", NULL, CLOUDEP_EMAIL_VERIFIED,
         "verified in words"},
        {"{\"email\":\"a@example.com\",\"email_verified\":1}", NULL, CLOUDEP_EMAIL_DENIED, "1 is not true"},
        {"{\"email\":\"a@example.com\",\"email_verified\":false}", NULL, CLOUDEP_EMAIL_DENIED, "not verified"},
        {"{\"email\":\"a@example.com\",\"email_verified\":\"false\"}", NULL, CLOUDEP_EMAIL_DENIED, "nor in words"},
        {"{\"email\":\"a@example.com\"}", NULL, CLOUDEP_EMAIL_UNSTATED, "nothing said of an address"},
        {"{\"email\":\"a@example.com\",\"email_verified\":null}", NULL, CLOUDEP_EMAIL_UNSTATED, "null says nothing"},
        {"{\"email_verified\":true}", NULL, CLOUDEP_EMAIL_ABSENT, "nothing to verify"},
        {"{\"email\":\"a@localhost\",\"email_verified\":true}", NULL, CLOUDEP_EMAIL_ABSENT, "no address to mail to"},
        {"{\"email\":\"a@example.com\",\"email_verified\":true}", "{\"email\":\"b@example.com\"}",
         CLOUDEP_EMAIL_UNSTATED, "another address is not verified by the first one's word"},
        {"{\"email\":\"a@example.com\"}", "{\"email_verified\":true}", CLOUDEP_EMAIL_UNSTATED,
         "nor is an address by a document without one"},
        {"{\"email\":\"a@example.com\"}", "{\"email\":\"a@example.com\",\"email_verified\":true}",
         CLOUDEP_EMAIL_VERIFIED, "userinfo may say more than the id_token"},
    };
    cloudep_oidc_profile_t profile =
        profile_of("{\"email\":\"A@Example.com\",\"email_verified\":true,\"name\":\"Ada\"}", NULL);

    is_str(profile.email, "a@example.com", "the address as we store it");
    is_int(profile.email_state, CLOUDEP_EMAIL_VERIFIED, "verified");
    is_str(profile.name, "Ada", "name");
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        profile = profile_of(said[i].first, said[i].second);
        is_int(profile.email_state, said[i].state, said[i].name);
        is_int(profile.email != NULL, said[i].state != CLOUDEP_EMAIL_ABSENT, "and whether there is an address");
    }
    is_str(profile_of("{\"name\":\"Ada\"}", "{\"name\":\" \"}").name, "Ada", "a blank name is none");
    ok(!profile_of("{\"name\":\"A\\u202eB\"}", NULL).name, "one that cannot be shown neither");
    ok(!profile_of("{\"name\":{}}", NULL).name, "nor an object");
    profile = (cloudep_oidc_profile_t){0};
    cloudep_oidc_profile_read(
        &profile, pool,
        cloudep_json_own(
            json_pack("{s:s%, s:b}", "email", "a@example.com\0@evil.example", (size_t)27, "email_verified", 1), pool));
    is_int(profile.email_state, CLOUDEP_EMAIL_ABSENT, "an address with a NUL is none, not what stands before it");
}

/* What Apple posts the first time. */
static void test_user_name(void)
{
    is_str(cloudep_oidc_user_name(pool,
                                  "{\"name\":{\"firstName\":\"Ada\",\"lastName\":\"Lovelace\"},\"email\":\"a@b.c\"}"),
           "Ada Lovelace", "first and last name");
    is_str(cloudep_oidc_user_name(pool, "{\"name\":{\"firstName\":\"Ada\",\"lastName\":\"\"}}"), "Ada", "one of them");
    is_str(cloudep_oidc_user_name(pool, "{\"name\":{\"lastName\":\"\xe7\x8e\x8b\"}}"), "\xe7\x8e\x8b", "the other one");
    is_str(cloudep_oidc_user_name(pool, "{\"name\":{}}"), NULL, "none of them");
    is_str(cloudep_oidc_user_name(pool, "{\"email\":\"a@b.c\"}"), NULL, "no name");
    is_str(cloudep_oidc_user_name(pool, "{\"name\":\"Ada\"}"), NULL, "a name of another form");
    is_str(cloudep_oidc_user_name(pool, "{\"name\":{\"firstName\":\"A\\u202eB\"}}"), NULL, "one that cannot be shown");
    is_str(cloudep_oidc_user_name(pool, apr_psprintf(pool, "{\"name\":{\"firstName\":\"%0*d\"}}", 101, 1)), NULL,
           "one that is too long");
    is_str(cloudep_oidc_user_name(pool, "Ada"), NULL, "no JSON");
}

/* ---- requests ---- */

static void test_request(void)
{
    apr_table_t *fields = apr_table_make(pool, 4);
    const char *verifier, *other, *challenge;

    apr_table_setn(fields, "a", "1 2");
    apr_table_setn(fields, "b&", "\xc3\xa9=/?#");
    is_str(cloudep_form_encode(pool, fields), "a=1+2&b%26=%c3%a9%3d%2f%3f%23", "a form");
    is_str(cloudep_form_encode(pool, apr_table_make(pool, 1)), "", "an empty one");
    apr_table_unset(fields, "b&");
    is_str(cloudep_url_with_query(pool, "https://id.example/a", fields), "https://id.example/a?a=1+2", "a query");
    is_str(cloudep_url_with_query(pool, "https://id.example/a?x=y#z", fields), "https://id.example/a?x=y&a=1+2",
           "added to another, without the fragment");
    /* RFC 7636, appendix B */
    is_int(cloudep_pkce_challenge(&challenge, pool, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), APR_SUCCESS,
           "S256");
    is_str(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "as in RFC 7636");
    is_int(cloudep_pkce_verifier(&verifier, pool), APR_SUCCESS, "a verifier");
    is_int((long long)strlen(verifier), 43, "of 43 characters");
    cloudep_pkce_verifier(&other, pool);
    ok(strcmp(verifier, other) != 0, "another each time");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_metadata();
    test_idtoken();
    test_idtoken_bounds();
    test_profile();
    test_user_name();
    test_request();
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
