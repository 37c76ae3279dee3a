/*
 * claims_fuzz.c - what another provider says once its signature was found right: claims, descriptions, profiles.
 */
#include "base/jose/oidc_claims.h"
#include "base/text/mime.h"
#include "base/text/validate.h"
#include "fuzz.h"

#define NOW 1700000000
#define LAST_SECOND 253402300799 /* of the year 9999 */

static void times(const json_t *claims)
{
    static const char *const names[] = {"exp", "iat", "nbf", "auth_time"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        apr_int64_t seconds = -1;
        apr_status_t rv = cloudep_claims_time(&seconds, claims, names[i]);

        FUZZ_CHECK(rv == APR_SUCCESS || rv == APR_NOTFOUND || rv == CLOUDEP_EMALFORMED);
        FUZZ_CHECK(rv != APR_SUCCESS || (seconds >= 0 && seconds <= LAST_SECOND));
        FUZZ_CHECK((rv == APR_NOTFOUND) == !json_object_get(claims, names[i]));
    }
}

static void idtoken(apr_pool_t *pool, json_t *claims)
{
    static const char *const parties[] = {"cloudep", "app"};
    const apr_array_header_t list = {pool, sizeof(*parties), 2, 2, (char *)(uintptr_t)parties};
    const cloudep_jwt_t jwt = {.typ = json_string_value(json_object_get(claims, "typ")), .claims = claims};
    const cloudep_idtoken_rule_t rule = {.issuer = "https://op.example",
                                         .audience = "cloudep",
                                         .parties = &list,
                                         .nonce = "n-1",
                                         .now = NOW,
                                         .leeway = 5,
                                         .max_age = 300};
    const cloudep_idtoken_t *idtoken = NULL;
    const char *reason = NULL;

    if (cloudep_idtoken_check(&idtoken, pool, &jwt, &rule, &reason) != APR_SUCCESS) {
        FUZZ_CHECK(reason && *reason);
        return;
    }
    FUZZ_CHECK(!reason && idtoken->exp + rule.leeway > NOW);
    FUZZ_CHECK(cloudep_is_printable(idtoken->subject) && *idtoken->subject && strlen(idtoken->subject) <= 255);
    FUZZ_CHECK(!strcmp(cloudep_claim_text(claims, "iss"), rule.issuer));
    FUZZ_CHECK(!strcmp(cloudep_claim_text(claims, "nonce"), rule.nonce));
    FUZZ_CHECK(cloudep_claims_has_aud(claims, rule.audience));
}

static void profile(apr_pool_t *pool, const json_t *claims)
{
    cloudep_oidc_profile_t who = {0};

    cloudep_oidc_profile_read(&who, pool, claims);
    FUZZ_CHECK(!who.email || cloudep_is_mail_address(who.email));
    FUZZ_CHECK((who.email_state == CLOUDEP_EMAIL_ABSENT) == !who.email);
    FUZZ_CHECK(!who.name || (cloudep_is_printable(who.name) && !cloudep_is_blank(who.name)));
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    json_t *claims = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    const char *typ = json_string_value(json_object_get(claims, "typ"));
    const cloudep_oidc_metadata_t *metadata = NULL;
    const char *reason = NULL;

    times(claims);
    FUZZ_CHECK(!cloudep_claims_typ_is(typ, "at+jwt") || !cloudep_claims_typ_is(typ, "rt+jwt"));
    if (json_is_object(claims)) {
        idtoken(pool, claims);
        profile(pool, claims);
    }
    json_decref(claims);
    if (cloudep_oidc_metadata_read(&metadata, pool, text, size, "https://op.example", &reason) == APR_SUCCESS) {
        FUZZ_CHECK(!metadata->jwks_uri || cloudep_is_url(metadata->jwks_uri));
        FUZZ_CHECK(!metadata->token_endpoint || cloudep_is_url(metadata->token_endpoint));
    }
    else {
        FUZZ_CHECK(reason && *reason);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
