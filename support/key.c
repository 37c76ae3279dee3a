/*
 * key.c - the key set in a file: which keys sign and seal, and changing them.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <string.h>
#include "base/jose/keyfile.h"

static const cloudepctl_column_t columns[] = {{"kid", "KID"},
                                              {"alg", "ALG"},
                                              {"use", "USE"},
                                              {"in_use", "IN USE"},
                                              {"private", "PRIVATE"},
                                              {"created_at", "CREATED"},
                                              {"activated_at", "ACTIVATED"},
                                              {NULL, NULL}};

static int failed(cloudepctl_t *ctl, int code, const char *error)
{
    return cloudepctl_fail(ctl, code, "%s", error ? error : "the key file could not be used");
}

/* Everything that is wrong with the file itself is told apart from a change of it that is refused. */
static int load(cloudepctl_t *ctl, const cloudep_jwks_t **set, int may_be_missing)
{
    const char *error = NULL;
    apr_status_t rv = cloudep_keyfile_load(set, ctl->pool, cloudepctl_option(ctl, "file"), &error);

    if (rv == APR_SUCCESS || (may_be_missing && APR_STATUS_IS_ENOENT(rv))) {
        return CLOUDEPCTL_DONE;
    }
    return failed(ctl, CLOUDEPCTL_FILE, error);
}

static int changed(cloudepctl_t *ctl, apr_status_t rv, const char *error)
{
    if (rv == APR_SUCCESS) {
        return CLOUDEPCTL_DONE;
    }
    return failed(ctl, rv == APR_NOTFOUND || rv == CLOUDEP_EREFUSED ? CLOUDEPCTL_REFUSED : CLOUDEPCTL_FILE, error);
}

/* As RFC 3339; NULL: not known. */
static const char *time_text(cloudepctl_t *ctl, apr_time_t time)
{
    apr_time_exp_t t;

    if (!time || apr_time_exp_gmt(&t, time) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(ctl->pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                        t.tm_hour, t.tm_min, t.tm_sec);
}

static json_t *key_json(cloudepctl_t *ctl, const cloudep_jwks_t *set, const cloudep_jwk_t *key)
{
    const cloudep_key_use_t use = cloudep_jwk_use(key);

    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:s?, s:s?}", "kid", cloudep_jwk_kid(key), "alg", cloudep_jwk_alg(key),
                     "use", use == CLOUDEP_KEY_SIGN ? "sign" : "seal", "in_use", cloudep_jwks_active(set, use) == key,
                     "private", cloudep_jwk_is_private(key) != 0, "created_at",
                     time_text(ctl, cloudep_jwk_created(key)), "activated_at",
                     time_text(ctl, cloudep_jwk_activated(key)));
}

/* The set is loaded again after a change: what is shown is what the server will read. */
static int done(cloudepctl_t *ctl, const char *kid, const char *what)
{
    const cloudep_jwks_t *set;
    const cloudep_jwk_t *key;
    json_t *result;
    const int code = load(ctl, &set, 0);

    if (code) {
        return code;
    }
    key = cloudep_jwks_find(set, kid);
    result = cloudepctl_own(ctl, key ? key_json(ctl, set, key) : json_pack("{s:s, s:b}", "kid", kid, "retired", 1));
    return cloudepctl_print_done(ctl, "key", result, "key %s %s", kid, what);
}

static int generate(cloudepctl_t *ctl)
{
    const char *alg = cloudepctl_option(ctl, "alg");
    const cloudep_jwks_t *set;
    const char *kid = NULL;
    const char *error = NULL;
    apr_status_t rv;
    int code = load(ctl, &set, 1);

    if (code) {
        return code;
    }
    rv = cloudep_keyfile_add(&kid, ctl->pool, cloudepctl_option(ctl, "file"), alg ? alg : "ES256", &error);
    code = changed(ctl, rv, error);
    return code ? code : done(ctl, kid, "added");
}

static int list(cloudepctl_t *ctl)
{
    const cloudep_jwks_t *set;
    json_t *keys = cloudepctl_own(ctl, json_array());
    const int code = load(ctl, &set, 0);

    if (code) {
        return code;
    }
    for (int i = 0; i < cloudep_jwks_count(set); i++) {
        if (json_array_append_new(keys, key_json(ctl, set, cloudep_jwks_get(set, i)))) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "the keys could not be listed");
        }
    }
    return cloudepctl_print_list(ctl, "keys", columns, keys, NULL);
}

/* What activate and retire have in common: the change, and the word for it. */
typedef apr_status_t change_fn(apr_pool_t *pool, const char *path, const char *kid, const char **error);

static int change(cloudepctl_t *ctl, change_fn *fn, const char *what)
{
    const char *kid = cloudepctl_option(ctl, "kid");
    const cloudep_jwks_t *set;
    const char *error = NULL;
    apr_status_t rv;
    int code = load(ctl, &set, 0);

    if (code) {
        return code;
    }
    rv = fn(ctl->pool, cloudepctl_option(ctl, "file"), kid, &error);
    code = changed(ctl, rv, error);
    return code ? code : done(ctl, kid, what);
}

static int activate(cloudepctl_t *ctl)
{
    return change(ctl, cloudep_keyfile_activate, "is in use");
}

static int retire(cloudepctl_t *ctl)
{
    return change(ctl, cloudep_keyfile_retire, "retired");
}

#define FILE_OPTION                                                                                                    \
    {                                                                                                                  \
        "file", "FILE", "the key set, as in CloudEPSigningKeys, CloudEPSealingKeys or CloudEPSessionKeys",             \
            CLOUDEPCTL_REQUIRED                                                                                        \
    }
#define KID_OPTION                                                                                                     \
    {                                                                                                                  \
        "kid", "KID", "the key", CLOUDEPCTL_REQUIRED                                                                   \
    }

static const cloudepctl_option_t generate_options[] = {
    FILE_OPTION,
    {"alg", "ALG", "ES256 (default), ES384, RS256 or EdDSA to sign, A256GCM to seal, HS256 for session cookies", 0},
    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t list_options[] = {FILE_OPTION, {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t kid_options[] = {FILE_OPTION, KID_OPTION, {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_key_commands[] = {
    {"key", "generate", "Adds a new key to a key file, which is made when it is not there.", generate_options,
     "The first key to sign and the first to seal are in use at once. Later ones are only published until they are\n"
     "activated. The file must stay readable by its owner alone.\n",
     "  cloudepctl key generate --file /etc/cloudep/signing.jwks\n"
     "  cloudepctl key generate --file /etc/cloudep/sealing.jwks --alg A256GCM\n"
     "  cloudepctl key generate --file /etc/cloudep/session.jwks --alg HS256\n",
     generate},
    {"key", "list", "Lists the keys of a file, without what is secret.", list_options, NULL,
     "  cloudepctl key list --file /etc/cloudep/signing.jwks\n", list},
    {"key", "activate", "Signs or seals with this key from now on.", kid_options,
     "Reload every node after \"key generate\" before you activate the key, so that all know it.\n",
     "  cloudepctl key activate --file /etc/cloudep/signing.jwks --kid KID\n", activate},
    {"key", "retire", "Removes a key that is not in use.", kid_options,
     "What it signed or sealed is no longer accepted: wait until the last refresh token signed with it is over.\n",
     "  cloudepctl key retire --file /etc/cloudep/signing.jwks --kid KID\n", retire},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
