/*
 * jwt.c - JSON Web Tokens in compact form: from claims to text, and from text to claims that can be trusted.
 *
 * The order of the checks is the point: size, shape, header, key, signature; only then is the payload parsed.
 */
#include "base/jose/jwt.h"

#include <apr_strings.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/text/json.h"
#include "base/jose/jws.h"

/* The three parts of a token; signed_len is that of the first two with the dot between them. */
typedef struct parts_t {
    const char *header;
    apr_size_t header_len;
    const char *payload;
    apr_size_t payload_len;
    const char *signature;
    apr_size_t signature_len;
    apr_size_t signed_len;
} parts_t;

static const char *encode_json(apr_pool_t *pool, const json_t *json)
{
    const char *text = cloudep_json_text(json, pool);

    return text ? cloudep_b64_encode(pool, text, strlen(text)) : NULL;
}

apr_status_t cloudep_jwt_sign(const char **token, apr_pool_t *pool, const cloudep_jwk_t *key, const char *typ,
                              const json_t *claims)
{
    json_t *header;
    const char *head, *body, *input;
    unsigned char *signature;
    apr_size_t signature_len;
    apr_status_t rv;

    *token = NULL;
    if (!key) {
        return CLOUDEP_EUNSET;
    }
    if (!json_is_object(claims)) {
        return CLOUDEP_EMALFORMED;
    }
    header = cloudep_json_own(
        json_pack("{s:s, s:s, s:s}", "alg", cloudep_jwk_alg(key), "kid", cloudep_jwk_kid(key), "typ", typ), pool);
    head = header ? encode_json(pool, header) : NULL;
    body = encode_json(pool, claims);
    if (!head || !body) {
        return APR_ENOMEM;
    }
    input = apr_pstrcat(pool, head, ".", body, NULL);
    rv = cloudep_jws_sign(&signature, &signature_len, pool, key, input, strlen(input));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    input = apr_pstrcat(pool, input, ".", cloudep_b64_encode(pool, signature, signature_len), NULL);
    if (strlen(input) > CLOUDEP_JWT_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    *token = input;
    return APR_SUCCESS;
}

static apr_status_t split(parts_t *parts, const char *token, cloudep_jwt_whose_t whose, const char **reason)
{
    const apr_size_t len = whose == CLOUDEP_JWT_OWN ? strnlen(token, CLOUDEP_JWT_MAX + 1) : strlen(token);
    const char *dot1, *dot2;

    *reason = "token too long";
    if (whose == CLOUDEP_JWT_OWN && len > CLOUDEP_JWT_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    *reason = "token has not three parts";
    dot1 = memchr(token, '.', len);
    dot2 = dot1 ? strchr(dot1 + 1, '.') : NULL;
    if (!dot2 || strchr(dot2 + 1, '.')) {
        return CLOUDEP_EMALFORMED;
    }
    parts->header = token;
    parts->header_len = (apr_size_t)(dot1 - token);
    parts->payload = dot1 + 1;
    parts->payload_len = (apr_size_t)(dot2 - dot1 - 1);
    parts->signature = dot2 + 1;
    parts->signature_len = len - (apr_size_t)(dot2 + 1 - token);
    parts->signed_len = (apr_size_t)(dot2 - token);
    *reason = "token has an empty part";
    if (!parts->header_len || !parts->payload_len || !parts->signature_len) {
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

static apr_status_t decode_object(json_t **object, apr_pool_t *pool, const char *text, apr_size_t len)
{
    unsigned char *json;
    apr_size_t json_len;
    const char *ignored;

    if (cloudep_b64_decode(&json, &json_len, pool, text, len) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    return cloudep_json_parse(object, &ignored, (const char *)json, json_len, pool);
}

/*
 * A token must not bring its own key, nor ask for rules that we do not know (RFC 8725 section 3.10, RFC 7515
 * section 4.1.11). We never use these members; refusing them shows an attack for what it is. Some providers send the
 * certificate of their key along, "x5c", which proves nothing and is no attack either.
 */
static apr_status_t check_header(const json_t *header, cloudep_jwt_whose_t whose, const char **reason)
{
    static const char *const refused[] = {"crit", "jku", "jwk", "x5u"};
    const json_t *typ = json_object_get(header, "typ");
    const json_t *kid = json_object_get(header, "kid");
    size_t i;

    *reason = "header with crit, jku, jwk, x5u or x5c";
    if (whose == CLOUDEP_JWT_OWN && json_object_get(header, "x5c")) {
        return CLOUDEP_EREFUSED;
    }
    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i])) {
            return CLOUDEP_EREFUSED;
        }
    }
    *reason = "header with alg, kid or typ that is not a string";
    if (!json_is_string(json_object_get(header, "alg")) || (typ && !json_is_string(typ)) ||
        (kid && !json_is_string(kid))) {
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

/* Whether key may check a token whose header says alg. */
static int key_fits(const cloudep_jwk_t *key, const char *alg)
{
    return cloudep_jwk_use(key) == CLOUDEP_KEY_SIGN && strcmp(cloudep_jwk_alg(key), alg) == 0;
}

/* The key named kid. Other sets may have one kid for keys of several types, so the alg picks among those. */
static apr_status_t key_by_kid(const cloudep_jwk_t **key, const cloudep_jwks_t *set, const char *kid, const char *alg,
                               const char **reason)
{
    int i, named = 0;

    for (i = 0; i < cloudep_jwks_count(set); i++) {
        const cloudep_jwk_t *k = cloudep_jwks_get(set, i);

        if (!cloudep_jwk_kid(k) || strcmp(cloudep_jwk_kid(k), kid) != 0) {
            continue;
        }
        named = 1;
        if (key_fits(k, alg)) {
            *key = k;
            return APR_SUCCESS;
        }
    }
    *reason = named ? "alg is not that of the key" : "unknown kid";
    return named ? CLOUDEP_EFORGED : APR_NOTFOUND;
}

static apr_status_t only_key(const cloudep_jwk_t **key, const cloudep_jwks_t *set, const char *alg, const char **reason)
{
    int i;

    *key = NULL;
    for (i = 0; i < cloudep_jwks_count(set); i++) {
        const cloudep_jwk_t *k = cloudep_jwks_get(set, i);

        if (!key_fits(k, alg)) {
            continue;
        }
        if (*key) {
            *reason = "no kid, and several keys of that alg";
            return APR_NOTFOUND;
        }
        *key = k;
    }
    *reason = "no kid, and no key of that alg";
    return *key ? APR_SUCCESS : APR_NOTFOUND;
}

static apr_status_t choose_key(const cloudep_jwk_t **key, const cloudep_jwks_t *set, const json_t *header,
                               cloudep_jwt_whose_t whose, const char **reason)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));

    if (kid) {
        return key_by_kid(key, set, kid, alg, reason);
    }
    if (whose == CLOUDEP_JWT_FOREIGN) {
        return only_key(key, set, alg, reason);
    }
    *reason = "header without kid";
    return CLOUDEP_EMALFORMED;
}

static apr_status_t check_signature(apr_pool_t *pool, const cloudep_jwk_t *key, const parts_t *parts,
                                    const char **reason)
{
    unsigned char *signature;
    apr_size_t len;
    apr_status_t rv;

    *reason = "signature is not base64url";
    rv = cloudep_b64_decode(&signature, &len, pool, parts->signature, parts->signature_len);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_jws_verify(key, parts->header, parts->signed_len, signature, len);
    *reason = rv == CLOUDEP_EFORGED ? "signature does not match" : "signature could not be checked";
    return rv;
}

apr_status_t cloudep_jwt_verify(const cloudep_jwt_t **out, apr_pool_t *pool, const cloudep_jwks_t *set,
                                const char *token, cloudep_jwt_whose_t whose, const char **reason)
{
    cloudep_jwt_t *jwt = apr_pcalloc(pool, sizeof(*jwt));
    json_t *header;
    parts_t parts;
    apr_status_t rv;

    *out = NULL;
    *reason = "no keys";
    if (!set) {
        return CLOUDEP_EUNSET;
    }
    if ((rv = split(&parts, token, whose, reason)) != APR_SUCCESS) {
        return rv;
    }
    *reason = "header is not a JSON object in base64url";
    if ((rv = decode_object(&header, pool, parts.header, parts.header_len)) != APR_SUCCESS ||
        (rv = check_header(header, whose, reason)) != APR_SUCCESS ||
        (rv = choose_key(&jwt->key, set, header, whose, reason)) != APR_SUCCESS ||
        (rv = check_signature(pool, jwt->key, &parts, reason)) != APR_SUCCESS) {
        return rv;
    }
    *reason = "payload is not a JSON object in base64url";
    if ((rv = decode_object(&jwt->claims, pool, parts.payload, parts.payload_len)) != APR_SUCCESS) {
        return rv;
    }
    jwt->typ = apr_pstrdup(pool, json_string_value(json_object_get(header, "typ")));
    *reason = NULL;
    *out = jwt;
    return APR_SUCCESS;
}
