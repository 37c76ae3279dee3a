/*
 * throttle.c - who may try again when: failed passwords by account and by client address, and caps on codes sent and
 * social logins begun.
 *
 * Failures are in PostgreSQL: losing them would let a guesser go on. They are counted after the comparison, in the
 * order in which their statements lock the row, and a right password takes its place in that order too. So however many
 * guesses run at the same time, all of those beyond the limit are refused, the right one among them. Members who log in
 * at many places at once do not wait for each other.
 *
 * Caps are counters in memcached, an hour each: losing one gives that hour's mails or logins again.
 */
#include "service/throttle.h"

#include <apr_strings.h>
#include "base/crypto/mac.h"
#include "base/store/password_store.h"
#include "base/store/throttle_store.h"
#include "core/settings.h"

#define MAC_LABEL "cloudep lockout"
#define ACCOUNT_MEMORY 86400 /* seconds: an account without a wrong password for a day starts again */
#define HOUR 3600
#define SLACK 2 /* memcached may end a counter early */

/* ---- Passwords ------------------------------------------------------------------------------------------ */

/* The subject of failures for an email that nobody has. Without a sealing key it is a plain hash, still no address. */
static apr_status_t subject_of_nobody(cloudep_context_t *ctx, const char **subject, const char *tenant_id,
                                      const char *email)
{
    const char *both = apr_pstrcat(ctx->p, tenant_id, "\n", email, NULL);
    apr_status_t rv = cloudep_mac(subject, ctx->p, ctx->config->run->sealing, NULL, MAC_LABEL, both, strlen(both));

    if (rv == CLOUDEP_EUNSET) {
        *subject = apr_pstrdup(ctx->p, cloudep_cache_key("lockout", CLOUDEP_KEY_PARTS(tenant_id, email)).text);
        rv = APR_SUCCESS;
    }
    return rv;
}

cloudep_outcome_t cloudep_attempt_begin(cloudep_context_t *ctx, cloudep_attempt_t *attempt, const char *tenant_id,
                                        const char *uid, const char *email)
{
    int wait;
    apr_status_t rv = APR_SUCCESS;

    attempt->account = (cloudep_lockout_t){tenant_id, CLOUDEP_LOCKOUT_PASSWORD, uid};
    attempt->address = (cloudep_lockout_t){tenant_id, CLOUDEP_LOCKOUT_ADDRESS, ctx->network};
    cloudep_note(ctx, NULL, NULL, "pwd");
    if (!uid) {
        rv = subject_of_nobody(ctx, &attempt->account.subject, tenant_id, email);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_throttle_check(cloudep_database(ctx), ctx->p, &attempt->account, &attempt->address, &wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "asking for a lockout");
    }
    return wait ? cloudep_wait(CLOUDEP_TOO_MANY_PASSWORDS, wait) : cloudep_done();
}

/* Counts one failure; attempts 0: not at all. */
static apr_status_t count(cloudep_context_t *ctx, const cloudep_lockout_t *lockout,
                          const cloudep_lockout_policy_t *policy, int *wait)
{
    *wait = 0;
    return policy->attempts ? cloudep_lockout_fail(cloudep_database(ctx), ctx->p, lockout, policy, wait) : APR_SUCCESS;
}

apr_status_t cloudep_address_failed(cloudep_context_t *ctx, const cloudep_lockout_t *address, int *wait)
{
    const cloudep_config_t *config = ctx->config;
    const cloudep_lockout_policy_t policy = {config->address_attempts, config->login_wait, config->address_longest_wait,
                                             config->address_memory};

    return count(ctx, address, &policy, wait);
}

cloudep_outcome_t cloudep_attempt_failed(cloudep_context_t *ctx, const cloudep_attempt_t *attempt)
{
    const cloudep_config_t *config = ctx->config;
    const cloudep_lockout_policy_t of_account = {config->login_attempts, config->login_wait, config->login_longest_wait,
                                                 ACCOUNT_MEMORY};
    int account_wait;
    int address_wait;
    apr_status_t account = count(ctx, &attempt->account, &of_account, &account_wait);
    apr_status_t address = cloudep_address_failed(ctx, &attempt->address, &address_wait);

    if (account == CLOUDEP_ELOCKED || address == CLOUDEP_ELOCKED) {
        return cloudep_wait(CLOUDEP_TOO_MANY_PASSWORDS, account_wait > address_wait ? account_wait : address_wait);
    }
    if (account != APR_SUCCESS || address != APR_SUCCESS) {
        return cloudep_failure(ctx, account != APR_SUCCESS ? account : address, "counting a wrong password");
    }
    return cloudep_refuse(CLOUDEP_CREDENTIALS_WRONG);
}

cloudep_outcome_t cloudep_attempt_passed(cloudep_context_t *ctx, const cloudep_attempt_t *attempt)
{
    int wait;
    apr_status_t rv = cloudep_throttle_pass(cloudep_database(ctx), ctx->p, &attempt->account, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(CLOUDEP_TOO_MANY_PASSWORDS, wait ? wait : 1);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "clearing a lockout");
}

/* ---- Caps ------------------------------------------------------------------------------------------------ */

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

cloudep_outcome_t cloudep_claim_passkey_start(cloudep_context_t *ctx, const char *tenant_id)
{
    const cap_t cap = {"address", ctx->network, ctx->config->passkey_starts_per_address};

    return claim(ctx, &cap, tenant_id, "passkey ceremonies", CLOUDEP_TOO_MANY_STARTS);
}
