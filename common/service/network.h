/*
 * network.h - the client's network: whether an account is known there, and what fails there.
 */
#ifndef CLOUDEP_SERVICE_NETWORK_H
#define CLOUDEP_SERVICE_NETWORK_H

#include "base/store/budget_store.h"
#include "core/context.h"

/* What a network fails at beside guesses at accounts. */
#define CLOUDEP_FAILED_INVITE "invite"       /* an invite code that there is not */
#define CLOUDEP_FAILED_ACCOUNT "account"     /* an address or a number that nobody has */
#define CLOUDEP_FAILED_CHALLENGE "challenge" /* a challenge that was made up, or is long over */

/** The client as failures are counted. */
cloudep_client_t cloudep_client_of(const cloudep_context_t *ctx);

/**
 * Whether the account is known at the client's network: it has a session there, or has had one within 90 days that
 * nobody ended but who opened it.
 * @param uid NULL, or nobody's: is known nowhere, after the same work
 */
cloudep_outcome_t cloudep_network_known(cloudep_context_t *ctx, const char *tenant_id, const char *uid, int *known);

/**
 * Counts a failure that is no account's for the client's network, in the tenant that the context's note names (without
 * one nothing is counted). Each kind has limits of its own, CloudEPAddressAttempts and those beside it.
 * TOO_MANY_GUESSES: the network has to wait, this failure was not counted; to be told in place of what failed.
 * @param kind CLOUDEP_FAILED_...
 */
cloudep_outcome_t cloudep_count_network_failure(cloudep_context_t *ctx, const char *kind);

#endif
