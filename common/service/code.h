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
    int known;            /* the client's network is one where the account is known (service/network.h) */
    int decoy;            /* nobody gets the code, and no guess is right */
    const char *attempt;  /* what a registration's code confirms, the uid of an attempt; NULL: nothing of that kind */
    cloudep_challenge_t *renews; /* the challenge that gets a new code; NULL: a new one is made */
} cloudep_code_receiver_t;

/**
 * Loads a challenge of that purpose and tenant (NULL: any). Whose it is (spec.uid) is the caller's to compare.
 * CHALLENGE_GONE; CHALLENGE_MISMATCH: of another tenant or purpose.
 */
cloudep_outcome_t cloudep_load_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
                                         const char *id, cloudep_challenge_t **challenge);

/** That there is no such challenge: CHALLENGE_GONE, counted for the client's network. TOO_MANY_GUESSES. */
cloudep_outcome_t cloudep_challenge_gone(cloudep_context_t *ctx);

/** cloudep_load_challenge(), where one that is not there counts as cloudep_challenge_gone() does. */
cloudep_outcome_t cloudep_find_challenge(cloudep_context_t *ctx, const char *tenant_id, const char *purpose,
                                         const char *id, cloudep_challenge_t **challenge);

/**
 * Counts a guess, for the challenge and for the account that it is about, and compares it. CODE_WRONG,
 * CHALLENGE_LOCKED, CHALLENGE_GONE, TOO_MANY_GUESSES.
 */
cloudep_outcome_t cloudep_check_code(cloudep_context_t *ctx, cloudep_challenge_t *challenge, const char *code);

/** Uses the challenge up, before anything that it allows. CHALLENGE_GONE: another request was first. */
cloudep_outcome_t cloudep_consume_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge);

/** Puts a consumed challenge back, after the step that it allowed has failed. */
void cloudep_restore_challenge(cloudep_context_t *ctx, const cloudep_challenge_t *challenge);

/** Ends what a member has under way, after a change of a credential; where no challenge can be, there is no memcached.
 */
void cloudep_end_challenges(cloudep_context_t *ctx, const char *tenant_id, const char *uid);

/**
 * Claims the right to send a code for that purpose to a receiver, of whom tenant, target, known and decoy are set.
 * CODE_COOLDOWN: the client's network has just asked for one; TOO_MANY_CODES: a cap of the hour is reached.
 */
cloudep_outcome_t cloudep_claim_cooldown(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                         const char *purpose);

/** Gives the claim back when nothing was sent after all. */
void cloudep_release_cooldown(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver, const char *purpose);

/**
 * Starts (or renews) the challenge and makes the message that tells its code; the caller commits the message. purpose
 * is also the message's template. CODES_USED_UP: the guesses of the one that is to be renewed are used up; or as many
 * are alive as may be, all asked for where the account is known, and this network is none of those.
 */
cloudep_outcome_t cloudep_start_code(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                     const char *purpose, cloudep_challenge_t **challenge,
                                     const cloudep_message_t **message);

/** Commits the message of a code where nothing else is to be stored with it. */
cloudep_outcome_t cloudep_store_code(cloudep_context_t *ctx, const cloudep_message_t *message);

/** All of that: the cooldown, which is given back if nothing was sent, the challenge and the message. */
cloudep_outcome_t cloudep_send_code_in_turn(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver,
                                            const char *purpose, cloudep_challenge_t **challenge);

#endif
