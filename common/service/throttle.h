/*
 * throttle.h - who may try again when: wrong passwords by account and by network, caps on codes and on social logins.
 */
#ifndef CLOUDEP_THROTTLE_H
#define CLOUDEP_THROTTLE_H

#include "base/store/lockout_store.h"
#include "core/context.h"

/* A password about to be compared: what its failure is counted for. */
typedef struct cloudep_attempt_t {
    cloudep_lockout_t account; /* subject: the uid, or a keyed hash of an email that nobody has */
    cloudep_lockout_t address;
} cloudep_attempt_t;

/**
 * Before a password is compared. TOO_MANY_PASSWORDS while account or network has to wait, whatever the password.
 * @param uid NULL: nobody has that email
 */
cloudep_outcome_t cloudep_attempt_begin(cloudep_context_t *ctx, cloudep_attempt_t *attempt, const char *tenant_id,
                                        const char *uid, const char *email);

/** It was wrong: counts that. CREDENTIALS_WRONG, or TOO_MANY_PASSWORDS when failures beside it have begun a wait. */
cloudep_outcome_t cloudep_attempt_failed(cloudep_context_t *ctx, const cloudep_attempt_t *attempt);

/** It was right: forgets the account's failures. TOO_MANY_PASSWORDS when failures beside it have begun a wait. */
cloudep_outcome_t cloudep_attempt_passed(cloudep_context_t *ctx, const cloudep_attempt_t *attempt);

/* A code about to be sent. */
typedef struct cloudep_sending_t {
    const char *tenant_id;
    const char *target; /* email address, or number with a plus */
    int known;          /* the client's network is one where the account is known */
    int decoy;          /* to an address that nobody has */
} cloudep_sending_t;

/**
 * Counts it against the caps on the client's network, on its target and of the tenant. TOO_MANY_CODES. All networks
 * where the account is not known share one part of the target's cap. What is sent to nobody uses up none of the
 * tenant's.
 */
cloudep_outcome_t cloudep_claim_sending(cloudep_context_t *ctx, const cloudep_sending_t *sending);

/** Counts a social login about to begin against the cap on the client's network. TOO_MANY_STARTS. */
cloudep_outcome_t cloudep_claim_social_start(cloudep_context_t *ctx, const char *tenant_id);

/** Counts a wrong guess for the client's network, as CloudEPAddressAttempts says. @return as cloudep_lockout_fail() */
apr_status_t cloudep_address_failed(cloudep_context_t *ctx, const cloudep_lockout_t *address, int *wait);

#endif
