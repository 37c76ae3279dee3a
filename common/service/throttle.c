/*
 * throttle.c - see throttle.h. Caps are counters in memcached, an hour each: losing one gives that hour's mails or
 * logins again.
 */
#include "service/throttle.h"

#include <apr_strings.h>
#include "core/settings.h"

#define HOUR 3600
#define SLACK 2        /* memcached may end a counter early */
#define NETWORKS_56 4  /* a /56 has as many shares as that of a /64, */
#define NETWORKS_48 16 /* and a /48 */

/* What is counted in an hour of the clock, and up to which number. */
typedef struct cap_t {
    const char *tenant_id;
    const char *thing;
    const char *what; /* whose part of it is bounded */
    const char *subject;
    int limit; /* 0: not bounded */
} cap_t;

static cloudep_cache_key_t cap_key(const cloudep_context_t *ctx, const cap_t *cap)
{
    const char *hour = apr_psprintf(ctx->p, "%" APR_INT64_T_FMT, cloudep_now(ctx) / HOUR);

    return cloudep_cache_key("cap", CLOUDEP_KEY_PARTS(cap->tenant_id, cap->thing, cap->what, cap->subject, hour));
}

static cloudep_outcome_t reached(const cloudep_context_t *ctx, cloudep_reason_e reason)
{
    return cloudep_wait(reason, HOUR - cloudep_now(ctx) % HOUR);
}

/* Counts one more; reason says what is told when that is too many. Only the first that is too many is logged. */
static cloudep_outcome_t claim(cloudep_context_t *ctx, const cap_t *cap, cloudep_reason_e reason)
{
    apr_uint32_t number;
    apr_status_t rv;

    if (!cap->limit) {
        return cloudep_done();
    }
    rv = cloudep_cache_incr(&number, cloudep_challenges(ctx)->cache, cap_key(ctx, cap), HOUR + SLACK);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "counting against a cap");
    }
    if (number <= (apr_uint32_t)cap->limit) {
        return cloudep_done();
    }
    if (number == (apr_uint32_t)cap->limit + 1) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(430) "cap reached: no more %s for this %s in this hour", cap->thing,
                    cap->what);
    }
    return reached(ctx, reason);
}

/* Asks whether the cap is reached, counting nothing. */
static cloudep_outcome_t look(cloudep_context_t *ctx, const cap_t *cap, cloudep_reason_e reason)
{
    char *number;
    apr_status_t rv;

    if (!cap->limit) {
        return cloudep_done();
    }
    rv = cloudep_cache_get(&number, NULL, cloudep_challenges(ctx)->cache, cap_key(ctx, cap), ctx->p);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking at a cap");
    }
    return rv == APR_SUCCESS && apr_atoi64(number) >= cap->limit ? reached(ctx, reason) : cloudep_done();
}

/* The client's network; of IPv6 the larger ones too, or whoever has a /48 would have 65536 networks. */
static cloudep_outcome_t claim_network(cloudep_context_t *ctx, const char *tenant_id, const char *thing, int limit,
                                       cloudep_reason_e reason)
{
    const cap_t caps[] = {{tenant_id, thing, "address", ctx->network, limit},
                          {tenant_id, thing, "/56", ctx->network56, limit * NETWORKS_56},
                          {tenant_id, thing, "/48", ctx->network48, limit * NETWORKS_48}};

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        cloudep_outcome_t outcome = caps[i].subject ? claim(ctx, &caps[i], reason) : cloudep_done();

        if (cloudep_failed(outcome)) {
            return outcome;
        }
    }
    return cloudep_done();
}

/* ---- codes ---- */

static int is_text(const cloudep_sending_t *sending)
{
    return sending->target[0] == '+';
}

static const char *thing_of(const cloudep_sending_t *sending)
{
    return is_text(sending) ? "codes by sms" : "codes by mail";
}

/* Mails: one cap for all networks where the account is not known, and one for each where it is. */
static cloudep_outcome_t claim_mailbox(cloudep_context_t *ctx, const cloudep_sending_t *sending)
{
    const char *own = apr_pstrcat(ctx->p, sending->target, " ", ctx->network, NULL);
    cap_t cap = {sending->tenant_id, thing_of(sending), "target", sending->target, ctx->config->codes_per_target};

    if (sending->known) {
        cap.what = "target and network";
        cap.subject = own;
    }
    return claim(ctx, &cap, CLOUDEP_TOO_MANY_CODES);
}

/* Texts cost money, so their cap is one for all; half of it is kept for networks where the account is known. */
static cloudep_outcome_t claim_number(cloudep_context_t *ctx, const cloudep_sending_t *sending)
{
    const int all = ctx->config->codes_per_target;
    const cap_t strangers = {sending->tenant_id, thing_of(sending), "target by strangers", sending->target,
                             (all + 1) / 2};
    const cap_t cap = {sending->tenant_id, thing_of(sending), "target", sending->target, all};
    cloudep_outcome_t outcome = sending->known ? cloudep_done() : claim(ctx, &strangers, CLOUDEP_TOO_MANY_CODES);

    return cloudep_failed(outcome) ? outcome : claim(ctx, &cap, CLOUDEP_TOO_MANY_CODES);
}

/*
 * What goes to nobody is counted apart, so that it leaves the tenant's cap to its members. It is refused when they are,
 * and not for a number of its own: then an answer would tell who is a member. Both take two calls.
 */
static cloudep_outcome_t claim_tenant(cloudep_context_t *ctx, const cloudep_sending_t *sending)
{
    const int limit = is_text(sending) ? ctx->config->texts_per_tenant : ctx->config->codes_per_tenant;
    const cap_t cap = {sending->tenant_id, thing_of(sending), "tenant", sending->tenant_id, limit};
    const cap_t nobody = {sending->tenant_id, "codes to nobody", "tenant", sending->tenant_id, limit};
    cloudep_outcome_t outcome = look(ctx, &cap, CLOUDEP_TOO_MANY_CODES);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = claim(ctx, sending->decoy ? &nobody : &cap, CLOUDEP_TOO_MANY_CODES);
    return sending->decoy && outcome.reason == CLOUDEP_TOO_MANY_CODES ? cloudep_done() : outcome;
}

cloudep_outcome_t cloudep_claim_sending(cloudep_context_t *ctx, const cloudep_sending_t *sending)
{
    /* The network first: a client that is refused for it uses up none of the other two caps. */
    cloudep_outcome_t outcome = claim_network(ctx, sending->tenant_id, thing_of(sending),
                                              ctx->config->codes_per_address, CLOUDEP_TOO_MANY_CODES);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = is_text(sending) ? claim_number(ctx, sending) : claim_mailbox(ctx, sending);
    return cloudep_failed(outcome) ? outcome : claim_tenant(ctx, sending);
}

/* ---- social logins and passkeys ---- */

cloudep_outcome_t cloudep_claim_social_start(cloudep_context_t *ctx, const char *tenant_id)
{
    return claim_network(ctx, tenant_id, "social logins", ctx->config->social_starts_per_address,
                         CLOUDEP_TOO_MANY_STARTS);
}

cloudep_outcome_t cloudep_claim_passkey_start(cloudep_context_t *ctx, const char *tenant_id)
{
    return claim_network(ctx, tenant_id, "passkey ceremonies", ctx->config->passkey_starts_per_address,
                         CLOUDEP_TOO_MANY_STARTS);
}
