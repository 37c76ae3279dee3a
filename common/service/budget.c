/*
 * budget.c - see budget.h.
 *
 * Failures are in PostgreSQL: losing them would let a guesser go on. Those of passwords and codes are counted after the
 * comparison, in the order in which their statements lock the row, and a right guess takes its place in that order too.
 * So however many guesses run at the same time, all of those beyond the budget are refused, the right one among them,
 * and nobody learns what they were. Members who log in at many places at once do not wait for each other. Second
 * factors are counted before, as the statement that burns a right one forgets the count.
 *
 * The mail to the owner is written by the sweep, from what the failure left in its row: nobody sees by the time that an
 * answer takes whether there is an owner.
 */
#include "service/budget.h"

#include <string.h>
#include <apr_strings.h>
#include "base/crypto/mac.h"
#include "base/status.h"
#include "core/settings.h"
#include "outbox/message.h"
#include "service/network.h"
#include "service/notice.h"

#define MAC_LABEL "cloudep lockout"
#define NOTICES 50 /* mails of one round */

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

static cloudep_reason_e wait_of(const char *kind)
{
    if (!strcmp(kind, CLOUDEP_BUDGET_PASSWORD)) {
        return CLOUDEP_TOO_MANY_PASSWORDS;
    }
    return strcmp(kind, CLOUDEP_BUDGET_FACTOR) ? CLOUDEP_TOO_MANY_GUESSES : CLOUDEP_TOO_MANY_FACTORS;
}

cloudep_outcome_t cloudep_guess_begin(cloudep_context_t *ctx, cloudep_guess_t *guess, const char *kind,
                                      const char *tenant_id, const char *uid, const char *email)
{
    const cloudep_client_t client = cloudep_client_of(ctx);
    int wait = 0;
    apr_status_t rv = APR_SUCCESS;

    *guess = (cloudep_guess_t){{tenant_id, kind, uid, ""}, wait_of(kind)};
    if (!uid) {
        rv = subject_of_nobody(ctx, &guess->budget.subject, tenant_id, email);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_budget_check(cloudep_database(ctx), ctx->p, &guess->budget, uid, &client, &wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "asking for a lockout");
    }
    return wait ? cloudep_wait(guess->wait, wait) : cloudep_done();
}

cloudep_budget_policy_t cloudep_network_policy(const cloudep_context_t *ctx)
{
    const cloudep_config_t *config = ctx->config;

    return (cloudep_budget_policy_t){config->address_attempts, config->address_wait, config->address_longest_wait,
                                     config->address_memory};
}

static int is_known(const cloudep_guess_t *guess)
{
    return *guess->budget.network != '\0';
}

static cloudep_budget_policy_t account_policy(const cloudep_context_t *ctx, const cloudep_guess_t *guess)
{
    const cloudep_config_t *config = ctx->config;

    return is_known(guess) ? (cloudep_budget_policy_t){config->known_guesses, config->guess_wait,
                                                       config->known_longest_wait, config->guess_memory}
                           : (cloudep_budget_policy_t){config->unknown_guesses, config->guess_wait,
                                                       config->unknown_longest_wait, config->guess_memory};
}

/* Counts a failure for the account, for the network, or for both; where the account is known, never for the network. */
static cloudep_outcome_t count(cloudep_context_t *ctx, const cloudep_guess_t *guess, int of_account, int of_network)
{
    const cloudep_budget_failure_t failure = {
        .tenant_id = guess->budget.tenant_id,
        .account = of_account ? &guess->budget : NULL,
        .policy = account_policy(ctx, guess),
        .outbox = cloudep_outbox_name(ctx),
        .failed = of_network && !is_known(guess) ? CLOUDEP_BUDGET_GUESSES : NULL,
        .client = cloudep_client_of(ctx),
        .of_network = cloudep_network_policy(ctx),
    };
    int wait;
    apr_status_t rv = cloudep_budget_fail(cloudep_database(ctx), ctx->p, &failure, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(guess->wait, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "counting a guess");
}

cloudep_outcome_t cloudep_guess_failed(cloudep_context_t *ctx, const cloudep_guess_t *guess, cloudep_reason_e wrong)
{
    cloudep_outcome_t outcome = count(ctx, guess, 1, 1);

    return cloudep_failed(outcome) ? outcome : cloudep_refuse(wrong);
}

cloudep_outcome_t cloudep_guess_count(cloudep_context_t *ctx, const cloudep_guess_t *guess)
{
    return count(ctx, guess, 1, 0);
}

cloudep_outcome_t cloudep_guess_wrong(cloudep_context_t *ctx, const cloudep_guess_t *guess, cloudep_reason_e wrong)
{
    cloudep_outcome_t outcome = count(ctx, guess, 0, 1);

    return cloudep_failed(outcome) ? outcome : cloudep_refuse(wrong);
}

cloudep_outcome_t cloudep_guess_passed(cloudep_context_t *ctx, const cloudep_guess_t *guess)
{
    int wait;
    apr_status_t rv = cloudep_budget_pass(cloudep_database(ctx), ctx->p, &guess->budget, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(guess->wait, wait);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "clearing a lockout");
}

void cloudep_tell_owners(cloudep_context_t *ctx)
{
    cloudep_db_t *db = cloudep_database(ctx);
    apr_array_header_t *notices;
    apr_status_t rv = cloudep_budget_due(db, ctx->p, &notices, cloudep_outbox_name(ctx), NOTICES);

    for (int i = 0; rv == APR_SUCCESS && i < notices->nelts; i++) {
        const cloudep_budget_notice_t *notice = &APR_ARRAY_IDX(notices, i, cloudep_budget_notice_t);
        const cloudep_message_t *message;
        cloudep_outcome_t outcome =
            cloudep_notice_new(ctx, &message, notice->tenant, notice->member, "guesses_used_up", 0);

        if (!cloudep_failed(outcome)) {
            rv = cloudep_budget_tell(db, ctx->p, &notice->budget, message);
        }
    }
    if (rv != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(1200) "owners whose guesses strangers have used up were not told: %s",
                    cloudep_status_name(rv));
    }
}
