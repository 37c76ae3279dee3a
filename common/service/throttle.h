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

/** Counts a code about to be sent against the caps on its target, the client's network and the tenant. TOO_MANY_CODES.
 */
cloudep_outcome_t cloudep_claim_sending(cloudep_context_t *ctx, const char *tenant_id, const char *target);

/** Counts a social login about to begin against the cap on the client's network. TOO_MANY_STARTS. */
cloudep_outcome_t cloudep_claim_social_start(cloudep_context_t *ctx, const char *tenant_id);

/** Counts a passkey ceremony about to begin against the cap on the client's network. TOO_MANY_STARTS. */
cloudep_outcome_t cloudep_claim_passkey_start(cloudep_context_t *ctx, const char *tenant_id);

/** Counts a wrong guess for the client's network, as CloudEPAddressAttempts says. @return as cloudep_lockout_fail() */
apr_status_t cloudep_address_failed(cloudep_context_t *ctx, const cloudep_lockout_t *address, int *wait);

#endif
