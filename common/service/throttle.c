/*
 * throttle.c - who may try again when: failed passwords by account and by client address, and caps on codes sent and
 * social logins begun.
 *
 * Failures are in PostgreSQL: whoever loses them lets a guesser go on. They are counted after the comparison, in the
 * order in which their statements lock the row, and a right password is looked at in that order too: so however many
 * guesses run at the same time, those beyond the limit are all answered with 429, the right one among them. Members
 * who log in at many places at once are not held up by that.
 *
 * Caps are counters in memcached, an hour each: losing one gives that hour's mails or logins again.
 */
#include "core/private.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include "base/crypto/mac.h"
#include "base/store/recovery_store.h"
#include "base/store/throttle_store.h"

#define MAC_LABEL "cloudep lockout"
#define ACCOUNT_MEMORY 86400 /* seconds: an account without a wrong password for a day starts again */
#define NETWORK_BYTES 8      /* an IPv6 host chooses the other half of its address as it likes (RFC 8981) */
#define HOUR 3600
#define SLACK 2 /* memcached may end a counter early */

const char *cloudep_client_network(request_rec *r)
{
    const apr_sockaddr_t *address = r->useragent_addr;
    struct in6_addr network;
    char text[INET6_ADDRSTRLEN];

    if (!address || address->family != APR_INET6 || IN6_IS_ADDR_V4MAPPED(&address->sa.sin6.sin6_addr)) {
        return r->useragent_ip ? r->useragent_ip : "unknown";
    }
    network = address->sa.sin6.sin6_addr;
    memset(network.s6_addr + NETWORK_BYTES, 0, sizeof(network.s6_addr) - NETWORK_BYTES);
    if (!inet_ntop(AF_INET6, &network, text, sizeof(text))) {
        return r->useragent_ip;
    }
    return apr_pstrcat(r->pool, text, "/64", NULL);
}

/* ---- Passwords ------------------------------------------------------------------------------------------ */

/* What nobody's failures are counted under. Without a sealing key it is a plain hash: still no list of addresses. */
static apr_status_t subject_of_nobody(cloudep_call_t *call, const char **subject, const char *tenant_id,
                                      const char *email)
{
    const char *both = apr_pstrcat(call->p, tenant_id, "\n", email, NULL);
    apr_status_t rv = cloudep_mac(subject, call->p, call->config->run->sealing, NULL, MAC_LABEL, both, strlen(both));

    if (rv == CLOUDEP_EUNSET) {
        *subject = apr_pstrdup(call->p, cloudep_cache_key("lockout", CLOUDEP_KEY_PARTS(tenant_id, email)).text);
        rv = APR_SUCCESS;
    }
    return rv;
}

static cloudep_problem_t *wait_problem(cloudep_call_t *call, int wait)
{
    return cloudep_problem_wait(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_TOO_OFTEN,
                                "too many wrong passwords, wait before the next", wait);
}

cloudep_problem_t *cloudep_attempt_begin(cloudep_call_t *call, cloudep_attempt_t *attempt, const char *tenant_id,
                                         const char *uid, const char *email)
{
    int wait;
    apr_status_t rv = APR_SUCCESS;

    attempt->account = (cloudep_lockout_t){tenant_id, CLOUDEP_LOCKOUT_PASSWORD, uid};
    attempt->address = (cloudep_lockout_t){tenant_id, CLOUDEP_LOCKOUT_ADDRESS, cloudep_client_network(call->r)};
    cloudep_note(call, NULL, NULL, "pwd");
    if (!uid) {
        rv = subject_of_nobody(call, &attempt->account.subject, tenant_id, email);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_throttle_check(cloudep_database(call), call->p, &attempt->account, &attempt->address, &wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "asking for a lockout");
    }
    return wait ? wait_problem(call, wait) : NULL;
}

/* Counts one failure; attempts 0: not at all. */
static apr_status_t count(cloudep_call_t *call, const cloudep_lockout_t *lockout,
                          const cloudep_lockout_policy_t *policy, int *wait)
{
    *wait = 0;
    return policy->attempts ? cloudep_lockout_fail(cloudep_database(call), call->p, lockout, policy, wait)
                            : APR_SUCCESS;
}

apr_status_t cloudep_address_failed(cloudep_call_t *call, const cloudep_lockout_t *address, int *wait)
{
    const cloudep_config_t *config = call->config;
    const cloudep_lockout_policy_t policy = {config->address_attempts, config->login_wait, config->address_longest_wait,
                                             config->address_memory};

    return count(call, address, &policy, wait);
}

cloudep_problem_t *cloudep_attempt_failed(cloudep_call_t *call, const cloudep_attempt_t *attempt,
                                          cloudep_problem_t *problem)
{
    const cloudep_config_t *config = call->config;
    const cloudep_lockout_policy_t of_account = {config->login_attempts, config->login_wait, config->login_longest_wait,
                                                 ACCOUNT_MEMORY};
    int account_wait;
    int address_wait;
    apr_status_t account = count(call, &attempt->account, &of_account, &account_wait);
    apr_status_t address = cloudep_address_failed(call, &attempt->address, &address_wait);

    if (account == CLOUDEP_ELOCKED || address == CLOUDEP_ELOCKED) {
        return wait_problem(call, account_wait > address_wait ? account_wait : address_wait);
    }
    account = account != APR_SUCCESS ? account : address;
    return account == APR_SUCCESS ? problem : cloudep_problem_service(call, account, "counting a wrong password");
}

cloudep_problem_t *cloudep_attempt_passed(cloudep_call_t *call, const cloudep_attempt_t *attempt)
{
    int wait;
    apr_status_t rv = cloudep_throttle_pass(cloudep_database(call), call->p, &attempt->account, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return wait_problem(call, wait ? wait : 1);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "clearing a lockout");
}

/* ---- Caps ------------------------------------------------------------------------------------------------ */

/* Whose part of something is bounded, and to how many an hour; 0: not bounded. */
typedef struct cap_t {
    const char *what;
    const char *subject;
    int limit;
} cap_t;

/* Counts one more of thing in this hour of the clock; the 429 of that scope, with message, when that is too many. */
static cloudep_problem_t *claim(cloudep_call_t *call, const cap_t *cap, const char *tenant_id, const char *thing,
                                int scope, const char *message)
{
    const apr_int64_t now = apr_time_sec(apr_time_now());
    const char *hour = apr_psprintf(call->p, "%" APR_INT64_T_FMT, now / HOUR);
    apr_uint32_t number;
    apr_status_t rv;

    if (!cap->limit) {
        return NULL;
    }
    rv = cloudep_cache_incr(
        &number, cloudep_challenges(call)->cache,
        cloudep_cache_key("cap", CLOUDEP_KEY_PARTS(tenant_id, thing, cap->what, cap->subject, hour)), HOUR + SLACK);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "counting against a cap");
    }
    if (number <= (apr_uint32_t)cap->limit) {
        return NULL;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, call->r, CENO(430) "cap reached: no more %s for this %s in this hour",
                  thing, cap->what);
    return cloudep_problem_wait(call, scope, CLOUDEP_TOO_OFTEN, message, HOUR - now % HOUR);
}

cloudep_problem_t *cloudep_claim_sending(cloudep_call_t *call, const char *tenant_id, const char *target, int scope)
{
    /* The address first: who is refused for it uses up nothing of anybody else's. */
    const cap_t caps[] = {{"address", cloudep_client_network(call->r), call->config->codes_per_address},
                          {"target", target, call->config->codes_per_target},
                          {"tenant", tenant_id, call->config->codes_per_tenant}};
    const char *thing = target[0] == '+' ? "codes by sms" : "codes by mail";
    cloudep_problem_t *problem = NULL;

    for (size_t i = 0; !problem && i < sizeof(caps) / sizeof(caps[0]); i++) {
        problem = claim(call, &caps[i], tenant_id, thing, scope, "too many codes were sent, try again later");
    }
    return problem;
}

cloudep_problem_t *cloudep_claim_social_start(cloudep_call_t *call, const char *tenant_id)
{
    const cap_t cap = {"address", cloudep_client_network(call->r), call->config->social_starts_per_address};

    return claim(call, &cap, tenant_id, "social logins", CLOUDEP_SCOPE_AUTH,
                 "too many social logins were started, try again later");
}
