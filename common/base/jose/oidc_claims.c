/*
 * oidc_claims.c - what an OpenID provider says about itself and about a user.
 */
#include "base/jose/oidc_claims.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <string.h>
#include "base/text/email.h"
#include "base/text/json.h"
#include "base/text/validate.h"

#define SUBJECT_MAX 255 /* OpenID Connect Core, section 2 */
#define DISPLAY_MAX 100 /* characters of a display name */

const char *cloudep_claim_text(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    const char *text = json_string_value(value);

    return text && *text && json_string_length(value) == strlen(text) ? text : NULL;
}

/* ---- the provider ---- */

/* An endpoint, if it is there; 0: it is there and is no URL. */
static int endpoint(const char **url, apr_pool_t *pool, const json_t *document, const char *name)
{
    const char *text = cloudep_claim_text(document, name);

    *url = text && cloudep_is_url(text) ? apr_pstrdup(pool, text) : NULL;
    return *url || !json_object_get(document, name);
}

/* Without the member it is client_secret_basic that must be there (Discovery, section 3). */
static int takes_basic(const json_t *document)
{
    const json_t *methods = json_object_get(document, "token_endpoint_auth_methods_supported");
    const json_t *method;
    size_t i;

    json_array_foreach(methods, i, method)
    {
        if (json_is_string(method) && !strcmp(json_string_value(method), "client_secret_basic")) {
            return 1;
        }
    }
    return !methods;
}

apr_status_t cloudep_oidc_metadata_read(const cloudep_oidc_metadata_t **out, apr_pool_t *pool, const char *text,
                                        apr_size_t length, const char *issuer, const char **reason)
{
    cloudep_oidc_metadata_t *metadata = apr_pcalloc(pool, sizeof(*metadata));
    const char *said;
    json_t *document;

    *out = NULL;
    *reason = "the discovery document is not a JSON object";
    if (cloudep_json_parse(&document, &said, text, length, pool) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    said = cloudep_claim_text(document, "issuer");
    *reason = "the discovery document is of another issuer";
    if (!said || strcmp(said, issuer) != 0) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "the discovery document has an address that is no URL";
    if (!endpoint(&metadata->authorization_endpoint, pool, document, "authorization_endpoint") ||
        !endpoint(&metadata->token_endpoint, pool, document, "token_endpoint") ||
        !endpoint(&metadata->userinfo_endpoint, pool, document, "userinfo_endpoint") ||
        !endpoint(&metadata->jwks_uri, pool, document, "jwks_uri")) {
        return CLOUDEP_EMALFORMED;
    }
    *reason = "the discovery document names no keys";
    if (!metadata->jwks_uri) {
        return CLOUDEP_EMALFORMED;
    }
    metadata->takes_basic = takes_basic(document);
    *reason = NULL;
    *out = metadata;
    return APR_SUCCESS;
}

/* ---- the id_token ---- */

static int is_party(const char *azp, const cloudep_idtoken_rule_t *rule)
{
    if (!rule->parties) {
        return !strcmp(azp, rule->audience);
    }
    for (int i = 0; i < rule->parties->nelts; i++) {
        if (!strcmp(azp, APR_ARRAY_IDX(rule->parties, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

/* Of several audiences one has asked for the token, and it has to be said which. */
static apr_status_t check_parties(const json_t *claims, const cloudep_idtoken_rule_t *rule, const char **reason)
{
    const char *iss = cloudep_claim_text(claims, "iss");
    const char *azp = cloudep_claim_text(claims, "azp");
    const int named = json_object_get(claims, "azp") != NULL;

    *reason = "wrong iss";
    if (!iss || strcmp(iss, rule->issuer) != 0) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "wrong aud";
    if (!cloudep_claims_has_aud(claims, rule->audience)) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "several aud and no azp";
    if (!named && json_array_size(json_object_get(claims, "aud")) > 1) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "wrong azp";
    return !named || (azp && is_party(azp, rule)) ? APR_SUCCESS : CLOUDEP_EREFUSED;
}

static apr_status_t check_times(apr_int64_t *exp, const json_t *claims, const cloudep_idtoken_rule_t *rule,
                                const char **reason)
{
    apr_int64_t iat, nbf = 0;
    apr_status_t rv;

    *reason = "exp, iat or nbf is missing or no time";
    if (cloudep_claims_time(exp, claims, "exp") != APR_SUCCESS ||
        cloudep_claims_time(&iat, claims, "iat") != APR_SUCCESS ||
        ((rv = cloudep_claims_time(&nbf, claims, "nbf")) != APR_SUCCESS && rv != APR_NOTFOUND)) {
        return CLOUDEP_EMALFORMED;
    }
    *reason = "expired";
    if (*exp <= rule->now - rule->leeway) {
        return CLOUDEP_EEXPIRED;
    }
    *reason = "not valid yet";
    if (iat > rule->now + rule->leeway || nbf > rule->now + rule->leeway) {
        return CLOUDEP_EEXPIRED;
    }
    *reason = "issued too long ago";
    return rule->max_age && iat < rule->now - rule->max_age - rule->leeway ? CLOUDEP_EEXPIRED : APR_SUCCESS;
}

apr_status_t cloudep_idtoken_check(const cloudep_idtoken_t **out, apr_pool_t *pool, const cloudep_jwt_t *jwt,
                                   const cloudep_idtoken_rule_t *rule, const char **reason)
{
    cloudep_idtoken_t *idtoken = apr_pcalloc(pool, sizeof(*idtoken));
    const char *subject = cloudep_claim_text(jwt->claims, "sub");
    const char *nonce = cloudep_claim_text(jwt->claims, "nonce");
    apr_status_t rv;

    *out = NULL;
    *reason = "not an id_token"; /* but an access token, a logout token, ... (RFC 8725, section 3.11) */
    if (jwt->typ && !cloudep_claims_typ_is(jwt->typ, "JWT")) {
        return CLOUDEP_EREFUSED;
    }
    if ((rv = check_parties(jwt->claims, rule, reason)) != APR_SUCCESS ||
        (rv = check_times(&idtoken->exp, jwt->claims, rule, reason)) != APR_SUCCESS) {
        return rv;
    }
    *reason = "wrong nonce";
    if (rule->nonce &&
        (!nonce || strlen(nonce) != strlen(rule->nonce) || CRYPTO_memcmp(nonce, rule->nonce, strlen(nonce)) != 0)) {
        return CLOUDEP_EFORGED;
    }
    *reason = "sub is missing or cannot be";
    if (!subject || strlen(subject) > SUBJECT_MAX || !cloudep_is_token(subject)) {
        return CLOUDEP_EMALFORMED;
    }
    idtoken->subject = apr_pstrdup(pool, subject);
    *reason = NULL;
    *out = idtoken;
    return APR_SUCCESS;
}

/* ---- the user ---- */

/* Apple writes Booleans as words. */
static int is_true(const json_t *value)
{
    return json_is_true(value) || (json_is_string(value) && !strcmp(json_string_value(value), "true"));
}

static cloudep_email_state_e state_of(const json_t *verified)
{
    if (!verified || json_is_null(verified)) {
        return CLOUDEP_EMAIL_UNSTATED;
    }
    return is_true(verified) ? CLOUDEP_EMAIL_VERIFIED : CLOUDEP_EMAIL_DENIED;
}

static int can_be_shown(const char *name)
{
    apr_size_t length;

    return cloudep_utf8_length(&length, name) == APR_SUCCESS && length <= DISPLAY_MAX && cloudep_is_printable(name) &&
           !cloudep_is_blank(name);
}

void cloudep_oidc_profile_read(cloudep_oidc_profile_t *profile, apr_pool_t *pool, const json_t *claims)
{
    const char *email = cloudep_claim_text(claims, "email");
    const char *name = cloudep_claim_text(claims, "name");

    if (email) {
        profile->email_state = cloudep_normalize_email(&profile->email, NULL, email, pool) == APR_SUCCESS
                                   ? state_of(json_object_get(claims, "email_verified"))
                                   : CLOUDEP_EMAIL_ABSENT;
    }
    if (name && can_be_shown(name)) {
        profile->name = apr_pstrdup(pool, name);
    }
}

const char *cloudep_oidc_user_name(apr_pool_t *pool, const char *user)
{
    const char *first, *last, *name, *ignored;
    json_t *document;

    if (cloudep_json_parse(&document, &ignored, user, strlen(user), pool) != APR_SUCCESS) {
        return NULL;
    }
    first = cloudep_claim_text(json_object_get(document, "name"), "firstName");
    last = cloudep_claim_text(json_object_get(document, "name"), "lastName");
    name = apr_pstrcat(pool, first ? first : "", first && last ? " " : "", last ? last : "", NULL);
    return can_be_shown(name) ? name : NULL;
}
