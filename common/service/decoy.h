/*
 * decoy.h - CloudEPConcealAccounts: receivers that do not exist, so that nobody learns who is registered.
 */
#ifndef CLOUDEP_DECOY_H
#define CLOUDEP_DECOY_H

#include "service/code.h"

#define CLOUDEP_DECOY_MARK "decoy" /* the extra of a decoy's challenge */

/** Whether CloudEPConcealAccounts is on. */
int cloudep_conceals(const cloudep_context_t *ctx);

/** Makes a receiver (tenant and target are set) one that does not exist: the same for the same email. */
cloudep_outcome_t cloudep_decoy_receiver(cloudep_context_t *ctx, cloudep_code_receiver_t *receiver);

/**
 * Makes a receiver (tenant and target are set) the member, where allowed is DONE; otherwise that outcome, or with
 * concealed accounts a decoy. The decoy is made for everybody then, so that the time is the same. ACCOUNT_UNKNOWN
 * counts for the client's network. TOO_MANY_GUESSES.
 */
cloudep_outcome_t cloudep_member_or_decoy(cloudep_context_t *ctx, cloudep_outcome_t allowed,
                                          const cloudep_member_t *member, cloudep_code_receiver_t *receiver);

/** The same as with concealed accounts, whether they are or not. */
cloudep_outcome_t cloudep_member_or_always_decoy(cloudep_context_t *ctx, cloudep_outcome_t allowed,
                                                 const cloudep_member_t *member, cloudep_code_receiver_t *receiver);

/** The address that a decoy of this email is registered under; nobody can guess it, and no mail gets there. */
cloudep_outcome_t cloudep_decoy_email(cloudep_context_t *ctx, const char **decoy, const char *tenant_id,
                                      const char *email);

/** Whether a challenge is one that no guess is right for. */
int cloudep_is_decoy(const cloudep_challenge_t *challenge);

#endif
