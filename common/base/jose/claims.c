/*
 * claims.c - what our own access and refresh tokens say, and the check of it.
 */
#include "base/jose/claims.h"

#include <apr_strings.h>
#include <string.h>
#include <strings.h>
#include "base/text/json.h"
#include "base/text/validate.h"

#define JTI_MAX 64
#define AMR_MAX 16
#define AMR_LEN_MAX 32
/* 9999-12-31T23:59:59Z: beyond it nothing is a date any more, and sums with a leeway stay far from overflow. */
#define SECONDS_MAX APR_INT64_C(253402300799)

const char *cloudep_claims_typ(cloudep_token_kind_t kind)
{
    return kind == CLOUDEP_TOKEN_ACCESS ? "at+jwt" : "rt+jwt";
}

int cloudep_claims_typ_is(const char *typ, const char *expected)
{
    static const char prefix[] = "application/";

    if (typ && strncasecmp(typ, prefix, sizeof(prefix) - 1) == 0) {
        typ += sizeof(prefix) - 1;
    }
    return typ && strcasecmp(typ, expected) == 0;
}

int cloudep_claims_has_aud(const json_t *claims, const char *audience)
{
    const json_t *aud = json_object_get(claims, "aud");
    const json_t *element;
    int found = 0;
    size_t i;

    if (json_is_string(aud)) {
        return strcmp(json_string_value(aud), audience) == 0;
    }
    json_array_foreach(aud, i, element)
    {
        if (!json_is_string(element)) {
            return 0;
        }
        found |= strcmp(json_string_value(element), audience) == 0;
    }
    return found;
}

apr_status_t cloudep_claims_time(apr_int64_t *seconds, const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);

    if (!value) {
        return APR_NOTFOUND;
    }
    if (json_is_integer(value)) {
        *seconds = json_integer_value(value);
    }
    else if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) <= (double)SECONDS_MAX) {
        *seconds = (apr_int64_t)json_real_value(value);
    }
    else {
        return CLOUDEP_EMALFORMED;
    }
    return *seconds >= 0 && *seconds <= SECONDS_MAX ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}

/* Ids go into SQL casts and cache keys: one spelling only. */
static int is_lower_uuid(const char *text)
{
    return cloudep_is_uuid(text) && !text[strcspn(text, "ABCDEF")];
}

static int read_amr(const apr_array_header_t **amr, apr_pool_t *pool, const json_t *json)
{
    const json_t *array = json_object_get(json, "amr");
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(const char *));
    const json_t *element;
    size_t i;

    json_array_foreach(array, i, element)
    {
        const char *text = json_string_value(element);

        if (!text || strlen(text) > AMR_LEN_MAX || !cloudep_is_token(text) || i >= AMR_MAX) {
            return 0;
        }
        APR_ARRAY_PUSH(list, const char *) = apr_pstrdup(pool, text);
    }
    *amr = list;
    return list->nelts > 0;
}

static int read_texts(cloudep_claims_t *claims, apr_pool_t *pool, const json_t *json)
{
    const struct {
        const char *name;
        const char **text;
        int uuid;
    } members[] = {
        {"iss", &claims->iss, 0}, {"sub", &claims->sub, 1}, {"tid", &claims->tid, 1},
        {"sid", &claims->sid, 1}, {"jti", &claims->jti, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *text = json_string_value(json_object_get(json, members[i].name));

        if (!text || !*text || (members[i].uuid && !is_lower_uuid(text))) {
            return 0;
        }
        *members[i].text = apr_pstrdup(pool, text);
    }
    return strlen(claims->jti) <= JTI_MAX && cloudep_is_token(claims->jti);
}

/* Fills everything but aud. Whether the values are those that are wanted is not looked at here. */
static int read_claims(cloudep_claims_t *claims, apr_pool_t *pool, const json_t *json)
{
    return read_texts(claims, pool, json) && read_amr(&claims->amr, pool, json) &&
           cloudep_claims_time(&claims->iat, json, "iat") == APR_SUCCESS &&
           cloudep_claims_time(&claims->nbf, json, "nbf") == APR_SUCCESS &&
           cloudep_claims_time(&claims->exp, json, "exp") == APR_SUCCESS &&
           cloudep_claims_time(&claims->auth_time, json, "auth_time") == APR_SUCCESS;
}

static apr_status_t check_times(const cloudep_claims_t *claims, const cloudep_claims_rule_t *rule, const char **reason)
{
    const apr_int64_t latest = rule->now + rule->leeway;

    *reason = "expired";
    if (claims->exp <= rule->now - rule->leeway) {
        return CLOUDEP_EEXPIRED;
    }
    *reason = "not valid yet";
    if (claims->nbf > latest || claims->iat > latest || claims->auth_time > latest) {
        return CLOUDEP_EEXPIRED;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_claims_check(const cloudep_claims_t **out, apr_pool_t *pool, const cloudep_jwt_t *jwt,
                                  const cloudep_claims_rule_t *rule, const char **reason)
{
    cloudep_claims_t *claims = apr_pcalloc(pool, sizeof(*claims));
    apr_status_t rv;

    *out = NULL;
    *reason = "wrong typ";
    if (!cloudep_claims_typ_is(jwt->typ, cloudep_claims_typ(rule->kind))) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "a claim is missing or malformed";
    if (!read_claims(claims, pool, jwt->claims)) {
        return CLOUDEP_EMALFORMED;
    }
    *reason = "wrong iss";
    if (strcmp(claims->iss, rule->iss) != 0) {
        return CLOUDEP_EREFUSED;
    }
    *reason = "wrong aud";
    if (!cloudep_claims_has_aud(jwt->claims, rule->aud)) {
        return CLOUDEP_EREFUSED;
    }
    claims->aud = apr_pstrdup(pool, rule->aud);
    rv = check_times(claims, rule, reason);
    if (rv == APR_SUCCESS) {
        *reason = NULL;
        *out = claims;
    }
    return rv;
}

static json_t *amr_to_json(const apr_array_header_t *amr)
{
    json_t *array = json_array();
    int i;

    for (i = 0; array && amr && i < amr->nelts; i++) {
        if (json_array_append_new(array, json_string(APR_ARRAY_IDX(amr, i, const char *)))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

apr_status_t cloudep_claims_to_json(json_t **out, apr_pool_t *pool, const cloudep_claims_t *c)
{
    json_t *json = cloudep_json_own(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "iss", c->iss,
                                              "aud", c->aud, "sub", c->sub, "tid", c->tid, "sid", c->sid, "jti", c->jti,
                                              "iat", (json_int_t)c->iat, "nbf", (json_int_t)c->nbf, "exp",
                                              (json_int_t)c->exp, "auth_time", (json_int_t)c->auth_time),
                                    pool);
    cloudep_claims_t read_back;

    *out = NULL;
    /* What the check would refuse must not be signed: the fault then shows where it was made. */
    if (!json || json_object_set_new(json, "amr", amr_to_json(c->amr)) || !*c->aud ||
        !read_claims(&read_back, pool, json)) {
        return CLOUDEP_EMALFORMED;
    }
    *out = json;
    return APR_SUCCESS;
}

apr_status_t cloudep_claims_sign(const char **token, apr_pool_t *pool, const cloudep_jwk_t *key,
                                 cloudep_token_kind_t kind, const cloudep_claims_t *claims)
{
    json_t *json;
    apr_status_t rv = cloudep_claims_to_json(&json, pool, claims);

    return rv == APR_SUCCESS ? cloudep_jwt_sign(token, pool, key, cloudep_claims_typ(kind), json) : rv;
}
