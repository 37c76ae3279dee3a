/*
 * jwk.c - sets of keys: which keys are taken into one, and finding the right one again.
 *
 * What a key is made of is jwk_load.c; making new ones is jwk_write.c.
 */
#include "base/jose/jwk_private.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>
#include "base/text/json.h"
#include "base/text/validate.h"

#define KID_MAX 128

struct cloudep_jwks_t {
    cloudep_jwk_t **keys;
    int count;
};

/* The first row that fits a key of ours without "alg" is that key's algorithm; somebody else's is good for all. */
static const cloudep_alg_t algorithms[] = {
    {"ES256", CLOUDEP_KTY_EC, 0, "EC", "P-256", "SHA256", 32, CLOUDEP_KEY_SIGN},
    {"ES384", CLOUDEP_KTY_EC, 0, "EC", "P-384", "SHA384", 48, CLOUDEP_KEY_SIGN},
    {"ES512", CLOUDEP_KTY_EC, 0, "EC", "P-521", "SHA512", 66, CLOUDEP_KEY_SIGN},
    {"RS256", CLOUDEP_KTY_RSA, 0, "RSA", NULL, "SHA256", 0, CLOUDEP_KEY_SIGN},
    {"RS384", CLOUDEP_KTY_RSA, 0, "RSA", NULL, "SHA384", 0, CLOUDEP_KEY_SIGN},
    {"RS512", CLOUDEP_KTY_RSA, 0, "RSA", NULL, "SHA512", 0, CLOUDEP_KEY_SIGN},
    {"PS256", CLOUDEP_KTY_RSA, 1, "RSA", NULL, "SHA256", 0, CLOUDEP_KEY_SIGN},
    {"PS384", CLOUDEP_KTY_RSA, 1, "RSA", NULL, "SHA384", 0, CLOUDEP_KEY_SIGN},
    {"PS512", CLOUDEP_KTY_RSA, 1, "RSA", NULL, "SHA512", 0, CLOUDEP_KEY_SIGN},
    {"EdDSA", CLOUDEP_KTY_OKP, 0, "OKP", "Ed25519", NULL, 32, CLOUDEP_KEY_SIGN},
    {"HS256", CLOUDEP_KTY_OCT, 0, "oct", NULL, "SHA256", 32, CLOUDEP_KEY_SIGN},
    {"A256GCM", CLOUDEP_KTY_OCT, 0, "oct", NULL, NULL, 32, CLOUDEP_KEY_SEAL},
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))
#define MOST_OF_A_KEY 6 /* algorithms that a key without "alg" may be good for: those of RSA */

const char *cloudep_use_name(cloudep_key_use_t use)
{
    return use == CLOUDEP_KEY_SIGN ? "sig" : "enc";
}

const cloudep_alg_t *cloudep_alg_find(const cloudep_alg_t *after, const char *kty, const char *crv, const char *alg,
                                      const char *use)
{
    for (const cloudep_alg_t *a = after ? after + 1 : algorithms; a < algorithms + ALGORITHMS; a++) {
        if (strcmp(a->kty_name, kty) == 0 && (!a->crv || (crv && strcmp(a->crv, crv) == 0)) &&
            (!alg || strcmp(a->name, alg) == 0) && (!use || strcmp(cloudep_use_name(a->use), use) == 0)) {
            return a;
        }
    }
    return NULL;
}

const cloudep_alg_t *cloudep_alg_by_name(const char *name)
{
    size_t i;

    for (i = 0; i < ALGORITHMS; i++) {
        if (strcmp(algorithms[i].name, name) == 0) {
            return &algorithms[i];
        }
    }
    return NULL;
}

const char *const *cloudep_kty_members(cloudep_kty_t kty)
{
    static const char *const members[][5] = {
        [CLOUDEP_KTY_EC] = {"crv", "kty", "x", "y", NULL},
        [CLOUDEP_KTY_RSA] = {"e", "kty", "n", NULL},
        [CLOUDEP_KTY_OKP] = {"crv", "kty", "x", NULL},
        [CLOUDEP_KTY_OCT] = {"k", "kty", NULL},
    };

    return members[kty];
}

static apr_status_t free_key(void *data)
{
    cloudep_jwk_t *key = data;

    EVP_MD_CTX_free(key->signer);
    EVP_MD_CTX_free(key->verifier);
    EVP_PKEY_free(key->pkey);
    EVP_CIPHER_free(key->cipher);
    if (key->secret) {
        OPENSSL_cleanse(key->secret, key->secret_len);
    }
    return APR_SUCCESS;
}

/* An optional text member: 0 when it is there but no string. */
static int optional_text(const char **text, const json_t *jwk, const char *name)
{
    const json_t *member = json_object_get(jwk, name);

    *text = json_string_value(member);
    return !member || json_is_string(member);
}

/* "key_ops", when there, must contain one of the two operations (RFC 7517 section 4.3). */
static int ops_allow(const json_t *jwk, cloudep_key_use_t use)
{
    static const char *const needed[][2] = {
        [CLOUDEP_KEY_SIGN] = {"verify", "sign"},
        [CLOUDEP_KEY_SEAL] = {"decrypt", "encrypt"},
    };
    const json_t *ops = json_object_get(jwk, "key_ops");
    const json_t *op;
    size_t i;

    json_array_foreach(ops, i, op)
    {
        const char *name = json_string_value(op);

        if (name && (strcmp(name, needed[use][0]) == 0 || strcmp(name, needed[use][1]) == 0)) {
            return 1;
        }
    }
    return !ops;
}

/* Visible ASCII only, so that a kid can stand in logs, in a sealed record and on a command line. */
static int kid_is_plain(const char *kid)
{
    return strlen(kid) <= KID_MAX && cloudep_is_token(kid);
}

/* What a JWK says of itself. */
typedef struct names_t {
    const char *kty, *crv, *alg, *use, *kid;
} names_t;

static apr_status_t read_names(names_t *names, const json_t *jwk, cloudep_jwks_mode_t mode, const char **why)
{
    *why = "kty, crv, alg, use and kid must be strings";
    if (!json_is_object(jwk) || !optional_text(&names->kty, jwk, "kty") || !names->kty ||
        !optional_text(&names->crv, jwk, "crv") || !optional_text(&names->alg, jwk, "alg") ||
        !optional_text(&names->use, jwk, "use") || !optional_text(&names->kid, jwk, "kid")) {
        return CLOUDEP_EMALFORMED;
    }
    *why = "kid is missing, longer than 128, or not of visible ASCII characters";
    return mode == CLOUDEP_JWKS_OWN && !(names->kid && kid_is_plain(names->kid)) ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

/* One of the algorithms that a JWK is good for, with its key. */
static apr_status_t make_key(cloudep_jwk_t **out, apr_pool_t *pool, const json_t *jwk, const cloudep_alg_t *alg,
                             cloudep_jwks_mode_t mode, const char **why)
{
    cloudep_jwk_t *key = apr_pcalloc(pool, sizeof(*key));
    apr_status_t rv;

    *out = key;
    *why = "key_ops do not allow what the key is for";
    if (!ops_allow(jwk, alg->use)) {
        return CLOUDEP_EREFUSED;
    }
    key->alg = alg;
    key->kid = apr_pstrdup(pool, json_string_value(json_object_get(jwk, "kid")));
    key->created = apr_time_from_sec(json_integer_value(json_object_get(jwk, "created_at")));
    key->activated = apr_time_from_sec(json_integer_value(json_object_get(jwk, "activated_at")));
    if (alg->kty == CLOUDEP_KTY_OCT) {
        /* A published secret is none: a signature made with it proves nothing. */
        *why = "a secret key in a public set";
        if (mode == CLOUDEP_JWKS_FOREIGN) {
            return CLOUDEP_EREFUSED;
        }
        key->is_private = 1;
    }
    else {
        key->is_private = mode == CLOUDEP_JWKS_OWN && json_object_get(jwk, "d");
    }
    apr_pool_cleanup_register(pool, key, free_key, apr_pool_cleanup_null);
    rv = cloudep_jwk_load(key, pool, jwk, why);
    if (rv == APR_SUCCESS && alg->kty != CLOUDEP_KTY_OCT) {
        rv = cloudep_jwk_render(key, pool, jwk);
    }
    return rv;
}

/* Adds a JWK to the set: once, or, where somebody else's says no "alg", for each algorithm that it may be used with. */
static apr_status_t add_key(cloudep_jwks_t *set, apr_pool_t *pool, const json_t *jwk, cloudep_jwks_mode_t mode,
                            const char **why)
{
    const cloudep_alg_t *alg = NULL;
    names_t names;
    int number = 0;
    apr_status_t rv = read_names(&names, jwk, mode, why);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    while ((alg = cloudep_alg_find(alg, names.kty, names.crv, names.alg, names.use)) &&
           (!number || (mode == CLOUDEP_JWKS_FOREIGN && number < MOST_OF_A_KEY))) {
        cloudep_jwk_t *key;

        rv = make_key(&key, pool, jwk, alg, mode, why);
        if (rv == APR_SUCCESS && mode == CLOUDEP_JWKS_OWN && cloudep_jwks_find(set, key->kid)) {
            *why = "another key has the same kid";
            rv = CLOUDEP_EREFUSED;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        set->keys[set->count++] = key;
        number++;
    }
    *why = "kty, crv, alg and use are not a supported combination";
    return number ? APR_SUCCESS : CLOUDEP_EREFUSED;
}

static const char *key_error(apr_pool_t *pool, size_t number, const char *kid, const char *why)
{
    if (kid && kid_is_plain(kid)) {
        return apr_psprintf(pool, "key %d (kid %s): %s", (int)number + 1, kid, why);
    }
    return apr_psprintf(pool, "key %d: %s", (int)number + 1, why);
}

static apr_status_t parse_keys(cloudep_jwks_t *set, apr_pool_t *pool, const json_t *array, cloudep_jwks_mode_t mode,
                               const char **error)
{
    const json_t *jwk;
    int taken = 0;
    size_t i;

    json_array_foreach(array, i, jwk)
    {
        const char *why = NULL;
        apr_status_t rv;

        if (taken == CLOUDEP_JWKS_MAX_KEYS) {
            *error = "the set has more than 64 keys";
            return mode == CLOUDEP_JWKS_OWN ? CLOUDEP_EREFUSED : APR_SUCCESS;
        }
        rv = add_key(set, pool, jwk, mode, &why);
        if (rv == APR_SUCCESS) {
            taken++;
        }
        else if (mode == CLOUDEP_JWKS_OWN) {
            *error = key_error(pool, i, json_string_value(json_object_get(jwk, "kid")), why);
            return rv;
        }
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_jwks_from_json(const cloudep_jwks_t **out, apr_pool_t *pool, const json_t *document,
                                    cloudep_jwks_mode_t mode, const char **error)
{
    const json_t *array = json_object_get(document, "keys");
    cloudep_jwks_t *set = apr_pcalloc(pool, sizeof(*set));
    apr_status_t rv;

    *out = NULL;
    if (!json_is_array(array)) {
        *error = "not a JWK Set: an object with an array \"keys\" is needed";
        return CLOUDEP_EMALFORMED;
    }
    set->keys = apr_palloc(pool, sizeof(*set->keys) * CLOUDEP_JWKS_MAX_KEYS * MOST_OF_A_KEY);
    /* mod_ssl must not find our failures in the error queue. */
    ERR_set_mark();
    rv = parse_keys(set, pool, array, mode, error);
    ERR_pop_to_mark();
    if (rv == APR_SUCCESS) {
        *error = NULL;
        *out = set;
    }
    return rv;
}

apr_status_t cloudep_jwks_parse(const cloudep_jwks_t **set, apr_pool_t *pool, const char *json, apr_size_t json_len,
                                cloudep_jwks_mode_t mode, const char **error)
{
    json_t *document;
    const char *ignored;

    *set = NULL;
    if (cloudep_json_parse(&document, &ignored, json, json_len, pool) != APR_SUCCESS) {
        *error = "not a JSON object, or a member is there twice";
        return CLOUDEP_EMALFORMED;
    }
    return cloudep_jwks_from_json(set, pool, document, mode, error);
}

int cloudep_jwks_count(const cloudep_jwks_t *set)
{
    return set->count;
}

const cloudep_jwk_t *cloudep_jwks_get(const cloudep_jwks_t *set, int i)
{
    return i >= 0 && i < set->count ? set->keys[i] : NULL;
}

const cloudep_jwk_t *cloudep_jwks_find(const cloudep_jwks_t *set, const char *kid)
{
    int i;

    for (i = 0; i < set->count; i++) {
        if (set->keys[i]->kid && strcmp(set->keys[i]->kid, kid) == 0) {
            return set->keys[i];
        }
    }
    return NULL;
}

const cloudep_jwk_t *cloudep_jwks_active(const cloudep_jwks_t *set, cloudep_key_use_t use)
{
    int i;

    for (i = 0; set && i < set->count; i++) {
        if (set->keys[i]->is_private && set->keys[i]->alg->use == use) {
            return set->keys[i];
        }
    }
    return NULL;
}

const char *cloudep_jwks_public_json(const cloudep_jwks_t *set, apr_pool_t *pool)
{
    const char *keys = "";
    int i;

    for (i = 0; i < set->count; i++) {
        if (set->keys[i]->public_json) {
            keys = apr_pstrcat(pool, keys, *keys ? "," : "", set->keys[i]->public_json, NULL);
        }
    }
    return apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL);
}

const char *cloudep_jwk_kid(const cloudep_jwk_t *key)
{
    return key->kid;
}

const char *cloudep_jwk_alg(const cloudep_jwk_t *key)
{
    return key->alg->name;
}

cloudep_key_use_t cloudep_jwk_use(const cloudep_jwk_t *key)
{
    return key->alg->use;
}

apr_time_t cloudep_jwk_created(const cloudep_jwk_t *key)
{
    return key->created;
}

apr_time_t cloudep_jwk_activated(const cloudep_jwk_t *key)
{
    return key->activated;
}

int cloudep_jwk_is_private(const cloudep_jwk_t *key)
{
    return key->is_private;
}

const unsigned char *cloudep_jwk_secret(const cloudep_jwk_t *key, apr_size_t *len)
{
    *len = key->secret_len;
    return key->secret;
}
