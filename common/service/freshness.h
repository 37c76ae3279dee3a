/*
 * freshness.h - whether whoever asks has proved a short while ago who they are.
 */
#ifndef CLOUDEP_FRESHNESS_H
#define CLOUDEP_FRESHNESS_H

#include "core/context.h"
#include "core/principal.h"

/** CloudEPStepUp: whether this session has proved a second factor lately. FRESH_PROOF_NEEDED: it has not. */
cloudep_outcome_t cloudep_require_fresh(const cloudep_context_t *ctx, const cloudep_principal_t *who);

#endif
