/*
 * code.h - one-time codes sent to somebody: cooldown, challenge, message, guess.
 */
#ifndef CLOUDEP_CODE_H
#define CLOUDEP_CODE_H

#include "base/store/member_store.h"
#include "core/context.h"

/* Whom a code is sent to. */
typedef struct cloudep_code_receiver_t {
    const cloudep_tenant_t *tenant;
    const char *uid;
    const char *channel;  /* CLOUDEP_CHANNEL_MAIL or CLOUDEP_CHANNEL_SMS */
    const char *target;   /* email address or E.164 number */
    const char *language; /* NULL: the server's default */
    int decoy;            /* nobody gets the code, and no guess is right */
    const char *attempt;  /* what a registration's code confirms, the uid of an attempt; NULL: nothing of that kind */
} cloudep_code_receiver_t;

/**
 * Loads a challenge of that purpose and tenant (NULL: any). Whose it is (spec.uid) is the caller's to compare.
 * CHALLENGE_GONE; CHALLENGE_MISMATCH: of another tenant or purpose.
 */
cloudep_outcome_t cloudep_find_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
                                         const char *id, cloudep_challenge_t **challenge);

/** Counts a guess and compares it. CODE_WRONG, CHALLENGE_LOCKED, CHALLENGE_GONE. */
cloudep_outcome_t cloudep_check_code(cloudep_context_t *ctx, cloudep_challenge_t *challenge, const char *code);

/** Uses the challenge up, before anything that it allows. CHALLENGE_GONE: another request was first. */
cloudep_outcome_t cloudep_consume_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge);

/** Puts a consumed challenge back, after the step that it allowed has failed. */
void cloudep_restore_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge);

/** Ends what a member has under way, after a change of a credential; where no challenge can be, there is no memcached.
 */
void cloudep_end_challenges(cloudep_context_t *ctx, const char *tenant_id, const char *uid);

/** Claims the right to send to a target. CODE_COOLDOWN; TOO_MANY_CODES: a cap of the hour is reached. */
cloudep_outcome_t cloudep_claim_cooldown(cloudep_context_t *ctx, const char *tenant_id, const char *target);

/** Gives the claim back when nothing was sent after all. */
void cloudep_release_cooldown(cloudep_context_t *ctx, const char *tenant_id, const char *target);

/**
 * Starts (or renews) the challenge and makes the message that tells its code; the caller commits the message. purpose
 * is also the message's template. CODES_USED_UP: the guesses of the living challenge are used up, until it expires.
 */
cloudep_outcome_t cloudep_start_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                     const char *purpose, cloudep_challenge_t **challenge,
                                     const cloudep_message_t **message);

/** The same where nothing else is to be stored with the message: commits it too. */
cloudep_outcome_t cloudep_send_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                    const char *purpose, cloudep_challenge_t **challenge);

/** The same within the cooldown of the receiver's target, which is given back if nothing was sent. */
cloudep_outcome_t cloudep_send_code_in_turn(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                            const char *purpose, cloudep_challenge_t **challenge);

#endif
