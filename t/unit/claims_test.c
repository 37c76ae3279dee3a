/*
 * claims_test.c - what a token must say to be one of ours: nothing missing, nothing of a wrong kind, in its time.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/jose/claims.h"
#include "base/text/json.h"
#include "tap.h"

#define ISS "https://id.example"
#define AUD "https://api.example"
#define SUB "0b7c1f6e-5f0e-4f7d-9a42-0d6f3c2b1a09"
#define TID "11111111-2222-4333-8444-555555555555"
#define SID "99999999-aaaa-4bbb-8ccc-dddddddddddd"
#define NOW 1700000000

static const cloudep_claims_rule_t access_rule = {CLOUDEP_TOKEN_ACCESS, ISS, AUD, NOW, 30};

static cloudep_claims_t sample(apr_pool_t *pool)
{
    apr_array_header_t *amr = apr_array_make(pool, 2, sizeof(const char *));
    cloudep_claims_t claims = {.iss = ISS,
                               .aud = AUD,
                               .sub = SUB,
                               .tid = TID,
                               .sid = SID,
                               .jti = "QmFzZTY0dXJsLWlkLTEyOA",
                               .iat = NOW - 10,
                               .nbf = NOW - 10,
                               .exp = NOW + 300,
                               .auth_time = NOW - 3600};

    APR_ARRAY_PUSH(amr, const char *) = "pwd";
    APR_ARRAY_PUSH(amr, const char *) = "otp";
    claims.amr = amr;
    return claims;
}

/* The sample as JSON with one member replaced by the JSON text value, or removed when value is NULL. */
static json_t *with(apr_pool_t *pool, const char *name, const char *value)
{
    const cloudep_claims_t claims = sample(pool);
    json_t *json = NULL;

    (void)cloudep_claims_to_json(&json, pool, &claims);
    if (name && value) {
        (void)json_object_set_new(json, name, json_loads(value, JSON_DECODE_ANY, NULL));
    }
    else if (name) {
        (void)json_object_del(json, name);
    }
    return json;
}

static apr_status_t check(const cloudep_claims_t **claims, apr_pool_t *pool, const char *typ, json_t *json,
                          const cloudep_claims_rule_t *rule)
{
    const cloudep_jwt_t jwt = {.typ = typ, .claims = json};
    const char *reason = "";
    const apr_status_t rv = cloudep_claims_check(claims, pool, &jwt, rule, &reason);

    ok((rv == APR_SUCCESS) == !reason && (rv == APR_SUCCESS) == !!*claims, "reason: %s", reason ? reason : "none");
    return rv;
}

static void test_round_trip(apr_pool_t *pool)
{
    const cloudep_claims_t *claims;

    is_int(check(&claims, pool, "at+jwt", with(pool, NULL, NULL), &access_rule), APR_SUCCESS, "a good access token");
    is_str(claims->iss, ISS, "iss");
    is_str(claims->aud, AUD, "aud");
    is_str(claims->sub, SUB, "sub");
    is_str(claims->tid, TID, "tid");
    is_str(claims->sid, SID, "sid");
    is_str(claims->jti, "QmFzZTY0dXJsLWlkLTEyOA", "jti");
    is_int(claims->iat, NOW - 10, "iat");
    is_int(claims->nbf, NOW - 10, "nbf");
    is_int(claims->exp, NOW + 300, "exp");
    is_int(claims->auth_time, NOW - 3600, "auth_time");
    is_int(claims->amr->nelts, 2, "two methods");
    is_str(APR_ARRAY_IDX(claims->amr, 1, const char *), "otp", "in their order");
    is_int(check(&claims, pool, "at+jwt", with(pool, "scope", "\"x\""), &access_rule), APR_SUCCESS,
           "a claim that we do not know is passed over");
}

static void test_typ(apr_pool_t *pool)
{
    static const struct {
        const char *typ;
        cloudep_token_kind_t kind;
        apr_status_t status;
    } cases[] = {
        {"at+jwt", CLOUDEP_TOKEN_ACCESS, APR_SUCCESS},
        {"AT+JWT", CLOUDEP_TOKEN_ACCESS, APR_SUCCESS},
        {"application/at+jwt", CLOUDEP_TOKEN_ACCESS, APR_SUCCESS},
        {"Application/At+Jwt", CLOUDEP_TOKEN_ACCESS, APR_SUCCESS},
        {"rt+jwt", CLOUDEP_TOKEN_REFRESH, APR_SUCCESS},
        {"rt+jwt", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {"at+jwt", CLOUDEP_TOKEN_REFRESH, CLOUDEP_EREFUSED},
        {"JWT", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {"", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {NULL, CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {"at+jwt ", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {"text/at+jwt", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
        {"application/application/at+jwt", CLOUDEP_TOKEN_ACCESS, CLOUDEP_EREFUSED},
    };
    const cloudep_claims_t *claims;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cloudep_claims_rule_t rule = access_rule;

        rule.kind = cases[i].kind;
        is_int(check(&claims, pool, cases[i].typ, with(pool, NULL, NULL), &rule), cases[i].status,
               apr_psprintf(pool, "typ %s as %s", cases[i].typ ? cases[i].typ : "(none)",
                            cloudep_claims_typ(cases[i].kind)));
    }
}

static void test_missing(apr_pool_t *pool)
{
    static const char *const names[] = {"iss", "sub", "tid", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr"};
    const cloudep_claims_t *claims;
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        is_int(check(&claims, pool, "at+jwt", with(pool, names[i], NULL), &access_rule), CLOUDEP_EMALFORMED,
               apr_pstrcat(pool, "without ", names[i], NULL));
        is_int(check(&claims, pool, "at+jwt", with(pool, names[i], "null"), &access_rule), CLOUDEP_EMALFORMED,
               apr_pstrcat(pool, names[i], " is null", NULL));
        is_int(check(&claims, pool, "at+jwt", with(pool, names[i], "{}"), &access_rule), CLOUDEP_EMALFORMED,
               apr_pstrcat(pool, names[i], " is an object", NULL));
    }
    is_int(check(&claims, pool, "at+jwt", with(pool, "aud", NULL), &access_rule), CLOUDEP_EREFUSED, "without aud");
}

static void test_values(apr_pool_t *pool)
{
    static const struct {
        const char *name;
        const char *value;
        apr_status_t status;
    } cases[] = {
        {"iss", "\"https://id.example/\"", CLOUDEP_EREFUSED},
        {"iss", "\"HTTPS://ID.EXAMPLE\"", CLOUDEP_EREFUSED},
        {"iss", "\"\"", CLOUDEP_EMALFORMED},
        {"iss", "7", CLOUDEP_EMALFORMED},
        {"aud", "\"https://api.example\"", APR_SUCCESS},
        {"aud", "[\"https://api.example\"]", APR_SUCCESS},
        {"aud", "[\"x\",\"https://api.example\"]", APR_SUCCESS},
        {"aud", "[\"https://api.example\",\"x\"]", APR_SUCCESS},
        {"aud", "\"https://api.example.evil\"", CLOUDEP_EREFUSED},
        {"aud", "[]", CLOUDEP_EREFUSED},
        {"aud", "[\"x\"]", CLOUDEP_EREFUSED},
        {"aud", "[\"https://api.example\",7]", CLOUDEP_EREFUSED},
        {"aud", "[[\"https://api.example\"]]", CLOUDEP_EREFUSED},
        {"aud", "{\"https://api.example\":1}", CLOUDEP_EREFUSED},
        {"sub", "\"0B7C1F6E-5F0E-4F7D-9A42-0D6F3C2B1A09\"", CLOUDEP_EMALFORMED},
        {"sub", "\"0b7c1f6e5f0e4f7d9a420d6f3c2b1a09\"", CLOUDEP_EMALFORMED},
        {"sub", "\"{0b7c1f6e-5f0e-4f7d-9a42-0d6f3c2b1a09}\"", CLOUDEP_EMALFORMED},
        {"tid", "\"' OR 1=1 --\"", CLOUDEP_EMALFORMED},
        {"tid", "\"11111111-2222-4333-8444-55555555555\"", CLOUDEP_EMALFORMED},
        {"sid", "\"99999999-aaaa-4bbb-8ccc-ddddddddddddd\"", CLOUDEP_EMALFORMED},
        {"sid", "\"99999999-aaaa-4bbb-8ccc-dddddddddddg\"", CLOUDEP_EMALFORMED},
        {"jti", "\"\"", CLOUDEP_EMALFORMED},
        {"jti", "\"a b\"", CLOUDEP_EMALFORMED},
        {"jti", "\"0123456789012345678901234567890123456789012345678901234567890123\"", APR_SUCCESS},
        {"jti", "\"01234567890123456789012345678901234567890123456789012345678901234\"", CLOUDEP_EMALFORMED},
        {"amr", "[]", CLOUDEP_EMALFORMED},
        {"amr", "\"pwd\"", CLOUDEP_EMALFORMED},
        {"amr", "[\"pwd\",1]", CLOUDEP_EMALFORMED},
        {"amr", "[\"\"]", CLOUDEP_EMALFORMED},
        {"amr", "[\"01234567890123456789012345678901\"]", APR_SUCCESS},
        {"amr", "[\"012345678901234567890123456789012\"]", CLOUDEP_EMALFORMED},
        {"amr", "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]",
         APR_SUCCESS},
        {"amr",
         "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]",
         CLOUDEP_EMALFORMED},
        {"exp", "1e300", CLOUDEP_EMALFORMED},
        {"exp", "-1e300", CLOUDEP_EMALFORMED},
        {"exp", "1e18", CLOUDEP_EMALFORMED},
        {"exp", "9223372036854775807", CLOUDEP_EMALFORMED},
        {"exp", "9007199254740993.5", CLOUDEP_EMALFORMED},
        {"exp", "253402300799", APR_SUCCESS},
        {"exp", "253402300800", CLOUDEP_EMALFORMED},
        {"exp", "-1", CLOUDEP_EMALFORMED},
        {"exp", "-0.5", CLOUDEP_EMALFORMED},
        {"exp", "\"1700000300\"", CLOUDEP_EMALFORMED},
        {"exp", "true", CLOUDEP_EMALFORMED},
        {"exp", "[1700000300]", CLOUDEP_EMALFORMED},
        {"exp", "1700000300.0", APR_SUCCESS},
        {"nbf", "-1", CLOUDEP_EMALFORMED},
        {"nbf", "1e300", CLOUDEP_EMALFORMED},
        {"iat", "\"now\"", CLOUDEP_EMALFORMED},
        {"auth_time", "1e300", CLOUDEP_EMALFORMED},
    };
    const cloudep_claims_t *claims;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(check(&claims, pool, "at+jwt", with(pool, cases[i].name, cases[i].value), &access_rule), cases[i].status,
               apr_psprintf(pool, "%s is %s", cases[i].name, cases[i].value));
    }
}

static void test_times(apr_pool_t *pool)
{
    static const struct {
        const char *name;
        int offset; /* from now, seconds */
        apr_status_t status;
    } cases[] = {
        {"exp", 1, APR_SUCCESS},
        {"exp", 0, APR_SUCCESS},
        {"exp", -29, APR_SUCCESS},
        {"exp", -30, CLOUDEP_EEXPIRED},
        {"exp", -31, CLOUDEP_EEXPIRED},
        {"nbf", 30, APR_SUCCESS},
        {"nbf", 31, CLOUDEP_EEXPIRED},
        {"iat", 30, APR_SUCCESS},
        {"iat", 31, CLOUDEP_EEXPIRED},
        {"auth_time", 30, APR_SUCCESS},
        {"auth_time", 31, CLOUDEP_EEXPIRED},
    };
    cloudep_claims_rule_t strict = access_rule;
    const cloudep_claims_t *claims;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *json = with(pool, cases[i].name, apr_psprintf(pool, "%d", NOW + cases[i].offset));

        is_int(check(&claims, pool, "at+jwt", json, &access_rule), cases[i].status,
               apr_psprintf(pool, "%s %d seconds from now, clocks may differ by 30", cases[i].name, cases[i].offset));
    }
    strict.leeway = 0;
    is_int(check(&claims, pool, "at+jwt", with(pool, "exp", "1700000000"), &strict), CLOUDEP_EEXPIRED,
           "at exp itself it is over (RFC 7519 4.1.4)");
    is_int(check(&claims, pool, "at+jwt", with(pool, "exp", "1700000001"), &strict), APR_SUCCESS,
           "a second before not");
    is_int(check(&claims, pool, "at+jwt", with(pool, "nbf", "1700000000"), &strict), APR_SUCCESS,
           "at nbf itself it is valid (RFC 7519 4.1.5)");
}

static void test_refuses_to_make(apr_pool_t *pool)
{
    cloudep_claims_t claims;
    json_t *json;

    claims = sample(pool);
    claims.sub = "admin";
    is_int(cloudep_claims_to_json(&json, pool, &claims), CLOUDEP_EMALFORMED, "a sub that is no UUID is not signed");
    ok(!json, "there is no object then");
    claims = sample(pool);
    claims.tid = NULL;
    is_int(cloudep_claims_to_json(&json, pool, &claims), CLOUDEP_EMALFORMED, "nor a missing tid");
    claims = sample(pool);
    claims.aud = "";
    is_int(cloudep_claims_to_json(&json, pool, &claims), CLOUDEP_EMALFORMED, "nor an empty aud");
    claims = sample(pool);
    claims.amr = NULL;
    is_int(cloudep_claims_to_json(&json, pool, &claims), CLOUDEP_EMALFORMED, "nor a missing amr");
    claims = sample(pool);
    claims.exp = -1;
    is_int(cloudep_claims_to_json(&json, pool, &claims), CLOUDEP_EMALFORMED, "nor a negative exp");
}

static void test_time_claim(apr_pool_t *pool)
{
    json_t *json = cloudep_json_own(json_pack("{s:f, s:i}", "exp", 1700000000.9, "iat", 5), pool);
    apr_int64_t seconds;

    is_int(cloudep_claims_time(&seconds, json, "exp"), APR_SUCCESS, "a NumericDate may have a fraction");
    is_int(seconds, 1700000000, "which is cut");
    is_int(cloudep_claims_time(&seconds, json, "iat"), APR_SUCCESS, "a whole one");
    is_int(seconds, 5, "is taken as it is");
    is_int(cloudep_claims_time(&seconds, json, "nbf"), APR_NOTFOUND, "absent is not malformed");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_round_trip(pool);
    test_typ(pool);
    test_missing(pool);
    test_values(pool);
    test_times(pool);
    test_refuses_to_make(pool);
    test_time_claim(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
