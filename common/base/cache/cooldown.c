/*
 * cooldown.c - see the end of challenge.h: not too often to one target, not too often a day.
 */
#include "base/cache/challenge.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400
/* memcached counts seconds its own way and may be early; a counter must not end before its day. */
#define SLACK 2

static cloudep_cache_key_t cooldown_key(const cloudep_cooldown_t *cooldown)
{
    return cloudep_cache_key(
        "cooldown", CLOUDEP_KEY_PARTS(cooldown->tenant_id, cooldown->target, cooldown->purpose, cooldown->network));
}

apr_status_t cloudep_cooldown_claim(apr_uint32_t *wait, const cloudep_challenges_t *in,
                                    const cloudep_cooldown_t *cooldown, apr_uint32_t seconds, apr_pool_t *pool)
{
    const cloudep_cache_key_t key = cooldown_key(cooldown);
    const apr_time_t now = apr_time_sec(apr_time_now());
    const char *end = apr_psprintf(pool, "%" APR_TIME_T_FMT, now + seconds);
    apr_status_t rv;
    int tries;

    *wait = 0;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    if (seconds == 0) {
        return APR_SUCCESS;
    }
    for (tries = 0; tries < 2; tries++) {
        char *text;
        apr_int64_t left;

        rv = cloudep_cache_add(in->cache, key, end, strlen(end), seconds);
        if (rv != APR_EEXIST) {
            return rv;
        }
        rv = cloudep_cache_get(&text, NULL, in->cache, key, pool);
        if (rv == APR_SUCCESS) {
            left = apr_atoi64(text) - now;
            *wait = left < 1 ? 1 : left > seconds ? seconds : (apr_uint32_t)left;
            return APR_EEXIST;
        }
        if (rv != APR_NOTFOUND) {
            return rv;
        }
        /* It ended between our two questions. */
    }
    *wait = 1;
    return APR_EEXIST;
}

apr_status_t cloudep_cooldown_release(const cloudep_challenges_t *in, const cloudep_cooldown_t *cooldown)
{
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_delete(in->cache, cooldown_key(cooldown));
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

/* A member's uses of one day (UTC). */
typedef struct day_t {
    cloudep_cache_key_t key;
    apr_uint32_t left; /* seconds of it */
} day_t;

static day_t today(const char *tenant_id, const char *uid, const char *purpose, apr_pool_t *pool)
{
    const apr_time_t now = apr_time_sec(apr_time_now());
    const char *number = apr_psprintf(pool, "%" APR_TIME_T_FMT, now / DAY);

    return (day_t){cloudep_cache_key("quota", CLOUDEP_KEY_PARTS(tenant_id, uid, purpose, number)),
                   (apr_uint32_t)(DAY - now % DAY)};
}

apr_status_t cloudep_quota_check(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool)
{
    const day_t day = today(tenant_id, uid, purpose, pool);
    char *used;
    apr_status_t rv;

    *wait = 0;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_get(&used, NULL, in->cache, day.key, pool);
    if (rv == APR_SUCCESS && strtoul(used, NULL, 10) >= limit) {
        *wait = day.left;
        return CLOUDEP_EREFUSED;
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t cloudep_quota_claim(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool)
{
    const day_t day = today(tenant_id, uid, purpose, pool);
    apr_uint32_t used;
    apr_status_t rv;

    *wait = 0;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_incr(&used, in->cache, day.key, day.left + SLACK);
    if (rv == APR_SUCCESS && used > limit) {
        *wait = day.left;
        rv = CLOUDEP_EREFUSED;
    }
    return rv;
}
