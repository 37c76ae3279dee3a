/*
 * throttle.h - caps on codes sent and on social logins begun.
 */
#ifndef CLOUDEP_THROTTLE_H
#define CLOUDEP_THROTTLE_H

#include "core/context.h"

/** Counts a code about to be sent against the caps on its target, the client's network and the tenant. TOO_MANY_CODES.
 */
cloudep_outcome_t cloudep_claim_sending(cloudep_context_t *ctx, const char *tenant_id, const char *target);

/** Counts a social login about to begin against the cap on the client's network. TOO_MANY_STARTS. */
cloudep_outcome_t cloudep_claim_social_start(cloudep_context_t *ctx, const char *tenant_id);

#endif
