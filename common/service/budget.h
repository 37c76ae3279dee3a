/*
 * budget.h - guesses: who may try again when. Wrong passwords, second factors and codes of an account, and the networks
 * that they come from.
 *
 * At a network where the account is known its failures there alone decide. All other networks share one budget of the
 * account, so that a stranger who uses that up does not keep the owner out of where they have been; besides, each of
 * those networks has a budget for all accounts of a tenant.
 */
#ifndef CLOUDEP_BUDGET_H
#define CLOUDEP_BUDGET_H

#include "base/store/budget_store.h"
#include "core/context.h"

/* A guess at an account: what judges it. */
typedef struct cloudep_guess_t {
    cloudep_budget_t budget; /* the account's row; its network is "" where the account is not known */
    cloudep_reason_e wait;   /* what a guess is told that has to wait */
} cloudep_guess_t;

/**
 * Before anything is compared. The guess has to wait, whatever it is: TOO_MANY_PASSWORDS, TOO_MANY_FACTORS or
 * TOO_MANY_GUESSES, by the kind.
 * @param kind CLOUDEP_BUDGET_PASSWORD, ..._FACTOR or ..._CODES
 * @param uid  NULL: nobody has that email
 */
cloudep_outcome_t cloudep_guess_begin(cloudep_context_t *ctx, cloudep_guess_t *guess, const char *kind,
                                      const char *tenant_id, const char *uid, const char *email);

/**
 * It was wrong: counts that, for the account and for a network where that is not known.
 * @param wrong what is told
 * @return wrong; or that it has to wait, when failures beside it have begun a wait: nobody may learn that it was wrong
 */
cloudep_outcome_t cloudep_guess_failed(cloudep_context_t *ctx, const cloudep_guess_t *guess, cloudep_reason_e wrong);

/**
 * It was right: forgets the failures that judged it. The failure of cloudep_guess_begin(): those beside it have begun a
 * wait.
 */
cloudep_outcome_t cloudep_guess_passed(cloudep_context_t *ctx, const cloudep_guess_t *guess);

/**
 * Counts a guess for the account before it is compared; whatever uses the right one up forgets the count. As
 * cloudep_guess_begin(). If it is wrong, cloudep_guess_wrong() is to follow.
 */
cloudep_outcome_t cloudep_guess_count(cloudep_context_t *ctx, const cloudep_guess_t *guess);

/** A guess that was counted before was wrong: counts it for the network. @return as cloudep_guess_failed() */
cloudep_outcome_t cloudep_guess_wrong(cloudep_context_t *ctx, const cloudep_guess_t *guess, cloudep_reason_e wrong);

/** How failures make a network wait; a /64 or an IPv4 address. */
cloudep_budget_policy_t cloudep_network_policy(const cloudep_context_t *ctx);

/** Mails the owners whose budget strangers have used up. For the sweep. */
void cloudep_tell_owners(cloudep_context_t *ctx);

#endif
