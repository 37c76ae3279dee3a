/*
 * throttle.c - see throttle.h. Caps are counters in memcached, an hour each: losing one gives that hour's mails or
 * logins again.
 */
#include "service/throttle.h"

#include <apr_strings.h>
#include "core/settings.h"

#define HOUR 3600
#define SLACK 2 /* memcached may end a counter early */

/* Whose part of something is bounded, and to how many an hour; 0: not bounded. */
typedef struct cap_t {
    const char *what;
    const char *subject;
    int limit;
} cap_t;

/* Counts one more of thing in this hour of the clock; reason says what is told when that is too many. */
static cloudep_outcome_t claim(cloudep_context_t *ctx, const cap_t *cap, const char *tenant_id, const char *thing,
                               cloudep_reason_e reason)
{
    const apr_int64_t now = cloudep_now(ctx);
    const char *hour = apr_psprintf(ctx->p, "%" APR_INT64_T_FMT, now / HOUR);
    apr_uint32_t number;
    apr_status_t rv;

    if (!cap->limit) {
        return cloudep_done();
    }
    rv = cloudep_cache_incr(
        &number, cloudep_challenges(ctx)->cache,
        cloudep_cache_key("cap", CLOUDEP_KEY_PARTS(tenant_id, thing, cap->what, cap->subject, hour)), HOUR + SLACK);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "counting against a cap");
    }
    if (number <= (apr_uint32_t)cap->limit) {
        return cloudep_done();
    }
    CLOUDEP_LOG(ctx, WARNING, 0, CENO(430) "cap reached: no more %s for this %s in this hour", thing, cap->what);
    return cloudep_wait(reason, HOUR - now % HOUR);
}

cloudep_outcome_t cloudep_claim_sending(cloudep_context_t *ctx, const char *tenant_id, const char *target)
{
    /* The network first: a client that is refused for it uses up none of the other two caps. */
    const cap_t caps[] = {{"address", ctx->network, ctx->config->codes_per_address},
                          {"target", target, ctx->config->codes_per_target},
                          {"tenant", tenant_id, ctx->config->codes_per_tenant}};
    const char *thing = target[0] == '+' ? "codes by sms" : "codes by mail";

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        cloudep_outcome_t outcome = claim(ctx, &caps[i], tenant_id, thing, CLOUDEP_TOO_MANY_CODES);

        if (cloudep_failed(outcome)) {
            return outcome;
        }
    }
    return cloudep_done();
}

cloudep_outcome_t cloudep_claim_social_start(cloudep_context_t *ctx, const char *tenant_id)
{
    const cap_t cap = {"address", ctx->network, ctx->config->social_starts_per_address};

    return claim(ctx, &cap, tenant_id, "social logins", CLOUDEP_TOO_MANY_STARTS);
}
