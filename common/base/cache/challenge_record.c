/*
 * challenge_record.c - a challenge as memcached holds it: JSON, and a keyed hash of it and of its id.
 *
 * memcached asks nobody who they are. Who can write there can take challenges away and have more guesses, but must
 * not be able to turn a challenge whose code they have into one of somebody else, or for something else.
 */
#include "base/cache/challenge_private.h"

#include <apr_strings.h>
#include <string.h>

#include "base/text/json.h"
#include "base/crypto/mac.h"

#define LABEL "cloudep challenge"

cloudep_cache_key_t cloudep_challenge_record_key(const char *id)
{
    return cloudep_cache_key_near(id, "challenge", CLOUDEP_KEY_PARTS(id));
}

/* What the keyed hash of a record is over: a record put under another id is none. */
static const char *text_of_id(const cloudep_challenge_t *c, const char *json, apr_pool_t *pool)
{
    return apr_pstrcat(pool, c->id, "\n", json, NULL);
}

/* "<keyed hash>\n<json>"; without a key, for challenges without a code, the JSON alone. */
static apr_status_t sign(const char **text, const cloudep_challenge_t *c, const cloudep_challenges_t *in,
                         const char *json, apr_pool_t *pool)
{
    const char *signed_text = text_of_id(c, json, pool);
    const char *mac;
    apr_status_t rv;

    *text = json;
    if (!in->keys) {
        return APR_SUCCESS;
    }
    rv = cloudep_mac(&mac, pool, in->keys, NULL, LABEL, signed_text, strlen(signed_text));
    if (rv == APR_SUCCESS) {
        *text = apr_pstrcat(pool, mac, "\n", json, NULL);
    }
    return rv;
}

static apr_status_t check(const char **json, const cloudep_challenge_t *c, const cloudep_challenges_t *in,
                          const char *text, apr_pool_t *pool)
{
    const char *end = strchr(text, '\n');
    const char *signed_text;
    apr_status_t rv;

    *json = text;
    if (!in->keys) {
        return APR_SUCCESS;
    }
    if (!end) {
        return CLOUDEP_EDATA;
    }
    *json = end + 1;
    signed_text = text_of_id(c, *json, pool);
    rv = cloudep_mac_check(pool, in->keys, LABEL, signed_text, strlen(signed_text),
                           apr_pstrmemdup(pool, text, (apr_size_t)(end - text)));
    return rv == CLOUDEP_EFORGED || rv == CLOUDEP_EMALFORMED ? CLOUDEP_EDATA : rv;
}

apr_status_t cloudep_challenge_record_write(const cloudep_challenge_t *c, const cloudep_challenges_t *in, int replace,
                                            apr_pool_t *pool)
{
    const cloudep_challenge_spec_t *spec = &c->spec;
    json_t *record = cloudep_json_own(
        json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:I, s:I, s:s*, s:s*}", "tenant_id", spec->tenant_id,
                  "purpose", spec->purpose, "uid", spec->uid, "account", spec->account, "target", spec->target, "extra",
                  spec->extra, "generation", spec->generation, "opened_with", spec->opened_with, "created",
                  (json_int_t)c->created, "expires", (json_int_t)c->expires, "mac", c->mac, "stamp", c->stamp),
        pool);
    const char *json = cloudep_json_text(record, pool);
    const apr_uint32_t ttl = cloudep_challenge_remaining(c) + CLOUDEP_CHALLENGE_SLACK;
    const char *text;
    apr_status_t rv;

    if (!json) {
        return APR_EINVAL;
    }
    if ((rv = sign(&text, c, in, json, pool)) != APR_SUCCESS) {
        return rv;
    }
    return replace ? cloudep_cache_set(in->cache, cloudep_challenge_record_key(c->id), text, strlen(text), ttl)
                   : cloudep_cache_add(in->cache, cloudep_challenge_record_key(c->id), text, strlen(text), ttl);
}

apr_status_t cloudep_challenge_record_read(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    cloudep_challenge_spec_t *spec = &c->spec;
    json_int_t created = 0;
    json_int_t expires = 0;
    json_t *record;
    const char *reason;
    const char *json;
    char *text;
    apr_size_t length;
    apr_status_t rv = cloudep_cache_get(&text, &length, in->cache, cloudep_challenge_record_key(c->id), pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (strlen(text) != length) {
        return CLOUDEP_EDATA;
    }
    if ((rv = check(&json, c, in, text, pool)) != APR_SUCCESS) {
        return rv;
    }
    if (cloudep_json_parse(&record, &reason, json, strlen(json), pool) != APR_SUCCESS ||
        json_unpack(record, "{s:s, s:s, s?s, s?s, s?s, s?s, s?s, s?s, s:I, s:I, s?s, s?s}", "tenant_id",
                    &spec->tenant_id, "purpose", &spec->purpose, "uid", &spec->uid, "account", &spec->account, "target",
                    &spec->target, "extra", &spec->extra, "generation", &spec->generation, "opened_with",
                    &spec->opened_with, "created", &created, "expires", &expires, "mac", &c->mac, "stamp",
                    &c->stamp) != 0) {
        return CLOUDEP_EDATA;
    }
    c->created = (apr_time_t)created;
    c->expires = (apr_time_t)expires;
    return APR_SUCCESS;
}
