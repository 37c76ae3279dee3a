/*
 * code.c - see code.h.
 */
#include "service/code.h"

#include <string.h>
#include <apr_strings.h>
#include "core/needs.h"
#include "core/settings.h"
#include "outbox/message.h"
#include "service/decoy.h"
#include "service/throttle.h"

cloudep_outcome_t cloudep_find_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
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

cloudep_outcome_t cloudep_check_code(cloudep_context_t *ctx, cloudep_challenge_t *challenge, const char *code)
{
    apr_status_t rv = cloudep_challenge_check(challenge, cloudep_challenges(ctx), code,
                                              (apr_uint32_t)ctx->config->code_attempts, ctx->p);

    if (rv == APR_SUCCESS && cloudep_is_decoy(challenge)) {
        rv = CLOUDEP_EFORGED;
    }
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_done();
    case CLOUDEP_EFORGED:
        return cloudep_refuse(CLOUDEP_CODE_WRONG);
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

cloudep_outcome_t cloudep_claim_cooldown(cloudep_context_t *ctx, const char *tenant_id, const char *target)
{
    cloudep_outcome_t outcome;
    apr_uint32_t wait;
    apr_status_t rv = cloudep_cooldown_claim(&wait, cloudep_challenges(ctx), tenant_id, target,
                                             (apr_uint32_t)ctx->config->code_cooldown, ctx->p);

    if (rv == APR_EEXIST) {
        return cloudep_wait(CLOUDEP_CODE_COOLDOWN, wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "claiming the cooldown");
    }
    outcome = cloudep_claim_sending(ctx, tenant_id, target);
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, tenant_id, target);
    }
    return outcome;
}

void cloudep_release_cooldown(cloudep_context_t *ctx, const char *tenant_id, const char *target)
{
    /* One that stays costs the client a wait. */
    (void)cloudep_cooldown_release(cloudep_challenges(ctx), tenant_id, target);
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

cloudep_outcome_t cloudep_start_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                     const char *purpose, cloudep_challenge_t **challenge,
                                     const cloudep_message_t **message)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = receiver->tenant->id,
                                           .purpose = purpose,
                                           .uid = receiver->uid,
                                           .target = receiver->target,
                                           .extra = receiver->decoy ? CLOUDEP_DECOY_MARK : receiver->attempt};
    const char *code;
    apr_status_t rv = cloudep_challenge_start(challenge, &code, cloudep_challenges(ctx), &spec,
                                              (apr_uint32_t)ctx->config->code_lifetime,
                                              (apr_uint32_t)ctx->config->code_attempts, ctx->p);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_wait(CLOUDEP_CODES_USED_UP, cloudep_challenge_remaining(*challenge));
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "starting the challenge");
    }
    return tell_code(ctx, receiver, purpose, code, message);
}

cloudep_outcome_t cloudep_send_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                    const char *purpose, cloudep_challenge_t **challenge)
{
    const cloudep_message_t *message = NULL;
    cloudep_outcome_t outcome = cloudep_start_code(ctx, receiver, purpose, challenge, &message);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_outbox_enqueue(cloudep_database(ctx), ctx->p, message);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the message");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_send_code_in_turn(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                            const char *purpose, cloudep_challenge_t **challenge)
{
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, receiver->tenant->id, receiver->target);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_send_code(ctx, receiver, purpose, challenge);
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver->tenant->id, receiver->target);
    }
    return outcome;
}
