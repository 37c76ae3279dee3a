/*
 * leaving.h - a member ends the account.
 */
#ifndef CLOUDEP_LEAVING_H
#define CLOUDEP_LEAVING_H

#include "core/context.h"
#include "core/principal.h"

/**
 * Marks the member for deletion and ends all sessions, as "cloudepctl member delete" does: the sweep removes the user
 * at the identity provider, whatever names the member in events, and then the row. MEMBER_UNKNOWN, FRESH_PROOF_NEEDED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_leave(cloudep_context_t *ctx, const cloudep_principal_t *who);

#endif
