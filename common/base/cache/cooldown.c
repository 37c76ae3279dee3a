/*
 * cooldown.c - see the end of challenge.h: not too often to one target, not too often a day.
 */
#include "base/cache/challenge.h"

#include <apr_strings.h>
#include <string.h>

#define DAY 86400
/* memcached counts seconds its own way and may be early; a counter must not end before its day. */
#define SLACK 2

static cloudep_cache_key_t cooldown_key(const char *tenant_id, const char *target)
{
    return cloudep_cache_key("cooldown", CLOUDEP_KEY_PARTS(tenant_id, target));
}

apr_status_t cloudep_cooldown_claim(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                    const char *target, apr_uint32_t cooldown, apr_pool_t *pool)
{
    const cloudep_cache_key_t key = cooldown_key(tenant_id, target);
    const apr_time_t now = apr_time_sec(apr_time_now());
    const char *end = apr_psprintf(pool, "%" APR_TIME_T_FMT, now + cooldown);
    apr_status_t rv;
    int tries;

    *wait = 0;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    if (cooldown == 0) {
        return APR_SUCCESS;
    }
    for (tries = 0; tries < 2; tries++) {
        char *text;
        apr_int64_t left;

        rv = cloudep_cache_add(in->cache, key, end, strlen(end), cooldown);
        if (rv != APR_EEXIST) {
            return rv;
        }
        rv = cloudep_cache_get(&text, NULL, in->cache, key, pool);
        if (rv == APR_SUCCESS) {
            left = apr_atoi64(text) - now;
            *wait = left < 1 ? 1 : left > cooldown ? cooldown : (apr_uint32_t)left;
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

apr_status_t cloudep_cooldown_release(const cloudep_challenges_t *in, const char *tenant_id, const char *target)
{
    apr_status_t rv;

    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_delete(in->cache, cooldown_key(tenant_id, target));
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t cloudep_quota_claim(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool)
{
    const apr_time_t now = apr_time_sec(apr_time_now());
    const char *day = apr_psprintf(pool, "%" APR_TIME_T_FMT, now / DAY);
    const apr_uint32_t left = (apr_uint32_t)(DAY - now % DAY);
    apr_uint32_t used;
    apr_status_t rv;

    *wait = 0;
    if (!in->cache) {
        return CLOUDEP_EUNSET;
    }
    rv = cloudep_cache_incr(&used, in->cache,
                            cloudep_cache_key("quota", CLOUDEP_KEY_PARTS(tenant_id, uid, purpose, day)), left + SLACK);
    if (rv == APR_SUCCESS && used > limit) {
        *wait = left;
        rv = CLOUDEP_EREFUSED;
    }
    return rv;
}
