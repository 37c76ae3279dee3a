/*
 * challenge.c - see challenge.h. What memcached holds, each under a key of its own:
 *
 *   challenge   id                     the record with its keyed hash, until the challenge expires
 *   guesses     id                     how often it was guessed; a day, longer than any chain of resends
 *   living      tenant, purpose, account   the ids of the living challenges with a code (challenge_list.c)
 *   slot        tenant, purpose, uid   the id of the newest one, for nodes of 1.0.0, which believe in that one alone
 *   stamp       tenant, uid, period    random; the member's challenges are good as long as it is there
 *
 * Of several servers one has the first two, and one the others, so that a challenge goes with two of them and not with
 * four (a registration's, whose account is an address, with three). All on one would need an id that tells which: ids
 * would then tell whether they are of the same member.
 *
 * A stamp belongs to a period of 15 days but lives for 30, so it outlives every record that carries it, is
 * never prolonged, and to forget it (or to lose it) refuses the records instead of reviving them.
 */
#include "base/cache/challenge.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/cache/challenge_private.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#define ID_LENGTH 22
#define MAX_TEXT 1024
#define MAX_EXTRA 16384
#define MAC_LABEL "cloudep otp"
#define GUESSES_TTL 86400
#define STAMP_PERIOD (15 * 86400)
#define STAMP_TTL (2 * STAMP_PERIOD)
#define STAMP_TRIES 3
#define CLOCK_SKEW 60

/* ---- keys ---- */

static cloudep_cache_key_t guesses_key(const char *id)
{
    return cloudep_cache_key_near(id, "guesses", CLOUDEP_KEY_PARTS(id));
}

static cloudep_cache_key_t slot_key(const cloudep_challenge_spec_t *spec)
{
    return cloudep_cache_key_near(spec->uid, "slot", CLOUDEP_KEY_PARTS(spec->tenant_id, spec->purpose, spec->uid));
}

static cloudep_cache_key_t stamp_key(const char *tenant_id, const char *uid, apr_time_t period)
{
    char number[32];

    apr_snprintf(number, sizeof(number), "%" APR_TIME_T_FMT, period);
    return cloudep_cache_key_near(uid, "stamp", CLOUDEP_KEY_PARTS(tenant_id, uid, number));
}

static apr_time_t stamp_period(apr_time_t when)
{
    return apr_time_sec(when) / STAMP_PERIOD;
}

/* ---- what it is about ---- */

static int is_id(const char *id)
{
    return strlen(id) == ID_LENGTH &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ID_LENGTH;
}

static int fits(const char *text, apr_size_t most)
{
    return !text || strlen(text) <= most;
}

static int is_spec(const cloudep_challenge_spec_t *spec, apr_uint32_t lifetime)
{
    return spec->tenant_id && spec->purpose && fits(spec->tenant_id, MAX_TEXT) && fits(spec->purpose, MAX_TEXT) &&
           fits(spec->uid, MAX_TEXT) && fits(spec->account, MAX_TEXT) && fits(spec->target, MAX_TEXT) &&
           fits(spec->extra, MAX_EXTRA) && fits(spec->generation, MAX_TEXT) && fits(spec->opened_with, MAX_TEXT) &&
           lifetime > 0 && lifetime <= CLOUDEP_CHALLENGE_MAX_LIFETIME;
}

static cloudep_challenge_t *describe(const cloudep_challenge_spec_t *spec, apr_uint32_t lifetime, apr_pool_t *pool)
{
    cloudep_challenge_t *c = apr_pcalloc(pool, sizeof(*c));

    c->spec.tenant_id = apr_pstrdup(pool, spec->tenant_id);
    c->spec.purpose = apr_pstrdup(pool, spec->purpose);
    c->spec.uid = apr_pstrdup(pool, spec->uid);
    c->spec.account = apr_pstrdup(pool, spec->account);
    c->spec.target = apr_pstrdup(pool, spec->target);
    c->spec.extra = apr_pstrdup(pool, spec->extra);
    c->spec.generation = apr_pstrdup(pool, spec->generation);
    c->spec.opened_with = apr_pstrdup(pool, spec->opened_with);
    c->created = apr_time_now();
    c->expires = c->created + apr_time_from_sec(lifetime);
    return c;
}

/* ---- the member's stamp ---- */

/* The stamp that a challenge of this member made now has to carry. Always two calls: their number tells nobody whether
 * the member has been here before. More only when the member's challenges are ended between them, hardly thrice. */
static apr_status_t stamp_take(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_cache_key_t key = stamp_key(c->spec.tenant_id, c->spec.uid, stamp_period(c->created));
    const char *fresh;
    char *found;
    apr_status_t rv = cloudep_random_id(&fresh, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int tries = 0; tries < STAMP_TRIES; tries++) {
        rv = cloudep_cache_add(in->cache, key, fresh, strlen(fresh), STAMP_TTL);
        if (rv != APR_SUCCESS && rv != APR_EEXIST) {
            return rv;
        }
        rv = cloudep_cache_get(&found, NULL, in->cache, key, pool);
        if (rv != APR_NOTFOUND) {
            c->stamp = found;
            return rv;
        }
    }
    return CLOUDEP_ECACHE;
}

static apr_status_t stamp_check(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    char *found;
    apr_status_t rv;

    if (!c->spec.uid) {
        return APR_SUCCESS;
    }
    rv = cloudep_cache_get(&found, NULL, in->cache, stamp_key(c->spec.tenant_id, c->spec.uid, stamp_period(c->created)),
                           pool);
    return rv == APR_SUCCESS && (!c->stamp || strcmp(found, c->stamp) != 0) ? APR_NOTFOUND : rv;
}

apr_status_t cloudep_challenge_invalidate(const cloudep_challenges_t *in, const char *tenant_id, const char *uid)
{
    const apr_time_t now = apr_time_now();
    const apr_time_t last = stamp_period(now + apr_time_from_sec(CLOCK_SKEW));
    apr_time_t period = stamp_period(now - apr_time_from_sec(CLOUDEP_CHALLENGE_MAX_LIFETIME + CLOCK_SKEW));

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    for (; period <= last; period++) {
        const apr_status_t rv = cloudep_cache_delete(in->cache, stamp_key(tenant_id, uid, period));

        if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* ---- guesses ---- */

static apr_status_t guesses_set(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_uint32_t count)
{
    char number[16];

    apr_snprintf(number, sizeof(number), "%u", count);
    return cloudep_cache_set(in->cache, guesses_key(c->id), number, strlen(number), GUESSES_TTL);
}

apr_status_t cloudep_challenge_locked(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_uint32_t attempts,
                                      apr_pool_t *pool)
{
    char *text;
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_get(&text, NULL, in->cache, guesses_key(c->id), pool);
    if (rv == APR_SUCCESS) {
        c->guesses = (apr_uint32_t)strtoul(text, NULL, 10);
        rv = c->guesses >= attempts ? CLOUDEP_ELOCKED : APR_SUCCESS;
    }
    return rv;
}

apr_status_t cloudep_challenge_count(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_uint32_t attempts)
{
    apr_uint32_t count;
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    /* No counter, no guess: one that was lost must not start again from nought. */
    rv = cloudep_cache_incr(&count, in->cache, guesses_key(c->id), 0);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    c->guesses = count;
    return count > attempts ? CLOUDEP_ELOCKED : APR_SUCCESS;
}

/* What is hashed: the id too, so that equal codes do not look equal. code has CLOUDEP_CODE_DIGITS characters. */
typedef struct code_of_id_t {
    char text[ID_LENGTH + CLOUDEP_CODE_DIGITS];
} code_of_id_t;

static code_of_id_t code_of_id(const cloudep_challenge_t *c, const char *code)
{
    code_of_id_t both;

    memcpy(both.text, c->id, ID_LENGTH);
    memcpy(both.text + ID_LENGTH, code, CLOUDEP_CODE_DIGITS);
    return both;
}

static apr_status_t code_mac(cloudep_challenge_t *c, const cloudep_challenges_t *in, const char *code, apr_pool_t *pool)
{
    code_of_id_t both = code_of_id(c, code);
    const apr_status_t rv = cloudep_mac(&c->mac, pool, in->keys, NULL, MAC_LABEL, both.text, sizeof(both.text));

    OPENSSL_cleanse(&both, sizeof(both));
    return rv;
}

apr_status_t cloudep_challenge_check(cloudep_challenge_t *c, const cloudep_challenges_t *in, const char *code,
                                     apr_uint32_t attempts, apr_pool_t *pool)
{
    code_of_id_t both;
    apr_status_t rv = cloudep_challenge_count(c, in, attempts);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!c->mac || strlen(code) != CLOUDEP_CODE_DIGITS) {
        return CLOUDEP_EFORGED;
    }
    both = code_of_id(c, code);
    rv = cloudep_mac_check(pool, in->keys, MAC_LABEL, both.text, sizeof(both.text), c->mac);
    OPENSSL_cleanse(&both, sizeof(both));
    return rv == CLOUDEP_EMALFORMED ? CLOUDEP_EDATA : rv;
}

/* ---- making one ---- */

static apr_status_t begin(cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const apr_status_t rv = cloudep_random_id(&c->id, pool);

    return rv == APR_SUCCESS ? guesses_set(c, in, 0) : rv;
}

/* Gives c, which has its id, a new code. The list comes last: until then nothing of this is in force. */
static apr_status_t put_code(cloudep_challenge_t *c, const char **code, apr_uint32_t *wait,
                             const cloudep_challenges_t *in, const cloudep_challenge_asker_t *asker, apr_pool_t *pool)
{
    const apr_uint32_t ttl = cloudep_challenge_remaining(c) + CLOUDEP_CHALLENGE_SLACK;
    const char *fresh;
    apr_status_t rv;

    if ((rv = stamp_take(c, in, pool)) != APR_SUCCESS ||
        (rv = cloudep_random_digits(&fresh, CLOUDEP_CODE_DIGITS, pool)) != APR_SUCCESS ||
        (rv = code_mac(c, in, fresh, pool)) != APR_SUCCESS ||
        (rv = cloudep_challenge_record_write(c, in, 1, pool)) != APR_SUCCESS ||
        (rv = cloudep_challenge_list_enter(c, wait, in, asker, pool)) != APR_SUCCESS ||
        (rv = cloudep_cache_set(in->cache, slot_key(&c->spec), c->id, ID_LENGTH, ttl)) != APR_SUCCESS) {
        return rv;
    }
    *code = fresh;
    return APR_SUCCESS;
}

static int is_asker(const cloudep_challenge_asker_t *asker)
{
    return asker->network && fits(asker->network, MAX_TEXT) && fits(asker->wider, MAX_TEXT);
}

apr_status_t cloudep_challenge_start(cloudep_challenge_t **challenge, const char **code, apr_uint32_t *wait,
                                     const cloudep_challenges_t *in, const cloudep_challenge_spec_t *spec,
                                     const cloudep_challenge_asker_t *asker, apr_uint32_t lifetime, apr_pool_t *pool)
{
    cloudep_challenge_t *c;
    apr_status_t rv;

    *challenge = NULL;
    *code = NULL;
    *wait = 0;
    if (!in->cache || !in->keys) {
        return CLOUDEP_EUNSET;
    }
    if (!is_spec(spec, lifetime) || !spec->uid || !is_asker(asker)) {
        return APR_EINVAL;
    }
    c = describe(spec, lifetime, pool);
    if ((rv = begin(c, in, pool)) == APR_SUCCESS && (rv = put_code(c, code, wait, in, asker, pool)) == APR_SUCCESS) {
        *challenge = c;
    }
    return rv;
}

apr_status_t cloudep_challenge_renew(cloudep_challenge_t **challenge, const char **code, apr_uint32_t *wait,
                                     const cloudep_challenges_t *in, cloudep_challenge_t *old,
                                     const cloudep_challenge_asker_t *asker, apr_uint32_t lifetime,
                                     apr_uint32_t attempts, apr_pool_t *pool)
{
    cloudep_challenge_t *c;
    apr_status_t rv;

    *challenge = NULL;
    *code = NULL;
    *wait = 0;
    if (!in->cache || !in->keys) {
        return CLOUDEP_EUNSET;
    }
    if (!is_spec(&old->spec, lifetime) || !old->mac || !is_asker(asker)) {
        return APR_EINVAL;
    }
    c = describe(&old->spec, lifetime, pool);
    c->id = old->id;
    if ((rv = cloudep_challenge_locked(old, in, attempts, pool)) == APR_SUCCESS &&
        (rv = put_code(c, code, wait, in, asker, pool)) == APR_SUCCESS) {
        *challenge = c;
    }
    return rv;
}

apr_status_t cloudep_challenge_open(cloudep_challenge_t **challenge, const cloudep_challenges_t *in,
                                    const cloudep_challenge_spec_t *spec, apr_uint32_t lifetime, apr_pool_t *pool)
{
    cloudep_challenge_t *c;
    apr_status_t rv;

    *challenge = NULL;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    if (!is_spec(spec, lifetime)) {
        return APR_EINVAL;
    }
    c = describe(spec, lifetime, pool);
    if ((rv = begin(c, in, pool)) != APR_SUCCESS || (spec->uid && (rv = stamp_take(c, in, pool)) != APR_SUCCESS) ||
        (rv = cloudep_challenge_record_write(c, in, 1, pool)) != APR_SUCCESS) {
        return rv;
    }
    *challenge = c;
    return APR_SUCCESS;
}

/* ---- using one ---- */

/* Whether it is one of the living. A node of 1.0.0, which knows no accounts, names the one that it made in the slot. */
static apr_status_t place_check(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    char *newest;
    apr_status_t rv = cloudep_challenge_list_has(c, in, pool);

    if (rv == APR_NOTFOUND && !c->spec.account) {
        rv = cloudep_cache_get(&newest, NULL, in->cache, slot_key(&c->spec), pool);
        return rv == APR_SUCCESS && strcmp(newest, c->id) != 0 ? APR_NOTFOUND : rv;
    }
    return rv;
}

/* The record of an id, if its time has not come and its member's stamp is there. */
static apr_status_t find(cloudep_challenge_t **challenge, const cloudep_challenges_t *in, const char *id,
                         apr_pool_t *pool)
{
    cloudep_challenge_t *c = apr_pcalloc(pool, sizeof(*c));
    apr_status_t rv;

    c->id = apr_pstrdup(pool, id);
    if ((rv = cloudep_challenge_record_read(c, in, pool)) != APR_SUCCESS) {
        return rv;
    }
    *challenge = c;
    return c->expires <= apr_time_now() ? APR_NOTFOUND : stamp_check(c, in, pool);
}

apr_status_t cloudep_challenge_is_there(const cloudep_challenges_t *in, const char *id, apr_pool_t *pool)
{
    cloudep_challenge_t *c;

    return find(&c, in, id, pool);
}

apr_status_t cloudep_challenge_load(cloudep_challenge_t **challenge, const cloudep_challenges_t *in, const char *id,
                                    apr_pool_t *pool)
{
    cloudep_challenge_t *c;
    apr_status_t rv;

    *challenge = NULL;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    if (!is_id(id)) {
        return APR_NOTFOUND;
    }
    if ((rv = find(&c, in, id, pool)) != APR_SUCCESS || (c->mac && (rv = place_check(c, in, pool)) != APR_SUCCESS)) {
        return rv;
    }
    *challenge = c;
    return APR_SUCCESS;
}

apr_uint32_t cloudep_challenge_remaining(const cloudep_challenge_t *c)
{
    const apr_interval_time_t left = c->expires - apr_time_now();

    return left > 0 ? (apr_uint32_t)apr_time_sec(left + APR_USEC_PER_SEC - 1) : 0;
}

apr_status_t cloudep_challenge_consume(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    /* It may have been invalidated since it was loaded. */
    if ((rv = stamp_check(c, in, pool)) != APR_SUCCESS ||
        (rv = cloudep_cache_delete(in->cache, cloudep_challenge_record_key(c->id))) != APR_SUCCESS) {
        return rv;
    }
    /* Nobody misses it: without its record it only waits for its end. */
    (void)cloudep_cache_delete(in->cache, guesses_key(c->id));
    return APR_SUCCESS;
}

apr_status_t cloudep_challenge_restore(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    if (cloudep_challenge_remaining(c) == 0) {
        return APR_NOTFOUND;
    }
    if ((rv = guesses_set(c, in, c->guesses > 0 ? c->guesses - 1 : 0)) != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_challenge_record_write(c, in, 0, pool);
    return rv == APR_EEXIST ? APR_SUCCESS : rv;
}
