/*
 * code.c - see code.h.
 */
#include "service/code.h"

#include <string.h>
#include <apr_strings.h>
#include "core/needs.h"
#include "core/settings.h"
#include "outbox/message.h"
#include "service/budget.h"
#include "service/decoy.h"
#include "service/network.h"
#include "service/throttle.h"

cloudep_outcome_t cloudep_load_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
                                         const char *id, cloudep_challenge_t **challenge)
{
    apr_status_t rv = cloudep_challenge_load(challenge, cloudep_challenges(ctx), id, ctx->p);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "loading the challenge");
    }
    if ((tenant_id && strcmp((*challenge)->spec.tenant_id, tenant_id)) || strcmp((*challenge)->spec.purpose, purpose)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    cloudep_note(ctx, (*challenge)->spec.tenant_id, cloudep_is_decoy(*challenge) ? NULL : (*challenge)->spec.uid,
                 (*challenge)->mac ? "otp" : NULL);
    return cloudep_done();
}

cloudep_outcome_t cloudep_challenge_gone(cloudep_context_t *ctx)
{
    const cloudep_outcome_t outcome = cloudep_count_network_failure(ctx, CLOUDEP_FAILED_CHALLENGE);

    return cloudep_failed(outcome) ? outcome : cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
}

cloudep_outcome_t cloudep_find_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
                                         const char *id, cloudep_challenge_t **challenge)
{
    const cloudep_outcome_t outcome = cloudep_load_challenge(ctx, tenant_id, purpose, id, challenge);

    return outcome.reason == CLOUDEP_CHALLENGE_GONE ? cloudep_challenge_gone(ctx) : outcome;
}

cloudep_outcome_t cloudep_check_code(cloudep_context_t *ctx, cloudep_challenge_t *challenge, const char *code)
{
    const cloudep_challenge_spec_t *spec = &challenge->spec;
    cloudep_guess_t guess;
    /* All attempts to register an address are guessed at together, though each has a uid of its own. */
    cloudep_outcome_t outcome =
        cloudep_guess_begin(ctx, &guess, CLOUDEP_BUDGET_CODES, spec->tenant_id, spec->account ? NULL : spec->uid,
                            spec->account ? spec->account : spec->target);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_challenge_check(challenge, cloudep_challenges(ctx), code, (apr_uint32_t)ctx->config->code_attempts,
                                 ctx->p);
    if (rv == APR_SUCCESS && cloudep_is_decoy(challenge)) {
        rv = CLOUDEP_EFORGED;
    }
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_guess_passed(ctx, &guess);
    case CLOUDEP_EFORGED:
        return cloudep_guess_failed(ctx, &guess, CLOUDEP_CODE_WRONG);
    case CLOUDEP_ELOCKED:
        return cloudep_refuse(CLOUDEP_CHALLENGE_LOCKED);
    case APR_NOTFOUND:
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    default:
        return cloudep_failure(ctx, rv, "checking the code");
    }
}

cloudep_outcome_t cloudep_consume_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge)
{
    apr_status_t rv = cloudep_challenge_consume(challenge, cloudep_challenges(ctx), ctx->p);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "consuming the challenge");
}

void cloudep_restore_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge)
{
    /* What cannot be put back costs the client a new code. */
    (void)cloudep_challenge_restore(challenge, cloudep_challenges(ctx), ctx->p);
}

void cloudep_end_challenges(cloudep_context_t *ctx, const char *tenant_id, const char *uid)
{
    if (!(ctx->config->off & CLOUDEP_NEEDS_CACHE)) {
        (void)cloudep_challenge_invalidate(cloudep_challenges(ctx), tenant_id, uid);
    }
}

static cloudep_cooldown_t cooldown_of(const cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                      const char *purpose)
{
    return (cloudep_cooldown_t){receiver->tenant->id, receiver->target, purpose, ctx->network};
}

cloudep_outcome_t cloudep_claim_cooldown(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                         const char *purpose)
{
    const cloudep_cooldown_t cooldown = cooldown_of(ctx, receiver, purpose);
    const cloudep_sending_t sending = {receiver->tenant->id, receiver->target, receiver->known, receiver->decoy};
    cloudep_outcome_t outcome;
    apr_uint32_t wait;
    apr_status_t rv = cloudep_cooldown_claim(&wait, cloudep_challenges(ctx), &cooldown,
                                             (apr_uint32_t)ctx->config->code_cooldown, ctx->p);

    if (rv == APR_EEXIST) {
        return cloudep_wait(CLOUDEP_CODE_COOLDOWN, wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "claiming the cooldown");
    }
    outcome = cloudep_claim_sending(ctx, &sending);
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver, purpose);
    }
    return outcome;
}

void cloudep_release_cooldown(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver, const char *purpose)
{
    const cloudep_cooldown_t cooldown = cooldown_of(ctx, receiver, purpose);

    /* One that stays costs the client a wait. */
    (void)cloudep_cooldown_release(cloudep_challenges(ctx), &cooldown);
}

/* The message that tells a code. A decoy's has the same work done for it and is never sent. */
static cloudep_outcome_t tell_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver, const char *purpose,
                                   const char *code, const cloudep_message_t **message)
{
    const int lifetime = ctx->config->code_lifetime;
    apr_table_t *params = apr_table_make(ctx->p, 3);
    const cloudep_draft_t draft = {.tenant_id = receiver->tenant->id,
                                   .uid = receiver->uid,
                                   .channel = receiver->channel,
                                   .target = receiver->decoy ? CLOUDEP_DECOY_TARGET : receiver->target,
                                   .language = receiver->language,
                                   .template = purpose,
                                   .params = params,
                                   .lifetime = receiver->decoy ? 0 : lifetime};

    apr_table_setn(params, "code", code);
    apr_table_setn(params, "minutes", apr_itoa(ctx->p, (lifetime + 59) / 60));
    apr_table_setn(params, "tenant_name", receiver->tenant->name);
    return cloudep_message_new(ctx, message, &draft);
}

/* The challenge: a new one, or the receiver's with a new code. One that ended meanwhile is made anew. */
static apr_status_t start(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver, const char *purpose,
                          cloudep_challenge_t **challenge, const char **code, apr_uint32_t *wait)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = receiver->tenant->id,
                                           .purpose = purpose,
                                           .uid = receiver->uid,
                                           /* Each attempt of a registration has a uid of its own. */
                                           .account = receiver->attempt ? receiver->target : NULL,
                                           .target = receiver->target,
                                           .extra = receiver->decoy ? CLOUDEP_DECOY_MARK : receiver->attempt};
    const cloudep_challenge_asker_t asker = {ctx->network, ctx->network48, receiver->known};
    const cloudep_challenges_t *in = cloudep_challenges(ctx);
    const apr_uint32_t lifetime = (apr_uint32_t)ctx->config->code_lifetime;
    apr_status_t rv = APR_NOTFOUND;

    if (receiver->renews) {
        rv = cloudep_challenge_renew(challenge, code, wait, in, receiver->renews, &asker, lifetime,
                                     (apr_uint32_t)ctx->config->code_attempts, ctx->p);
    }
    return rv == APR_NOTFOUND ? cloudep_challenge_start(challenge, code, wait, in, &spec, &asker, lifetime, ctx->p)
                              : rv;
}

cloudep_outcome_t cloudep_start_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                     const char *purpose, cloudep_challenge_t **challenge,
                                     const cloudep_message_t **message)
{
    const char *code;
    apr_uint32_t wait;
    apr_status_t rv = start(ctx, receiver, purpose, challenge, &code, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(CLOUDEP_CODES_USED_UP, cloudep_challenge_remaining(receiver->renews));
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_wait(CLOUDEP_CODES_USED_UP, wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "starting the challenge");
    }
    return tell_code(ctx, receiver, purpose, code, message);
}

cloudep_outcome_t cloudep_store_code(cloudep_context_t *ctx, const cloudep_message_t *message)
{
    apr_status_t rv = cloudep_outbox_enqueue(cloudep_database(ctx), ctx->p, message);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the message");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_send_code_in_turn(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                            const char *purpose, cloudep_challenge_t **challenge)
{
    const cloudep_message_t *message = NULL;
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, receiver, purpose);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_start_code(ctx, receiver, purpose, challenge, &message);
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_store_code(ctx, message);
    }
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver, purpose);
    }
    return outcome;
}
