/*
 * throttle.h - caps on codes sent and on social logins begun.
 */
#ifndef CLOUDEP_THROTTLE_H
#define CLOUDEP_THROTTLE_H

#include "core/context.h"

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

/** Counts a passkey ceremony about to begin against the cap on the client's network. TOO_MANY_STARTS. */
cloudep_outcome_t cloudep_claim_passkey_start(cloudep_context_t *ctx, const char *tenant_id);

#endif
