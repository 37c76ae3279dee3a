/*
 * profile.h - a member's own profile.
 */
#ifndef CLOUDEP_FLOW_PROFILE_H
#define CLOUDEP_FLOW_PROFILE_H

#include "core/context.h"
#include "core/principal.h"

/** The own profile, without a round trip: authentication has read the row. MEMBER_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_get_profile(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_member_t **member);

/** The member of a session that was opened a moment ago. MEMBER_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_profile_of_session(cloudep_context_t *ctx, const cloudep_session_t *session, const cloudep_member_t **member);

/** Writes what is not NULL; "" clears. *member is the row afterwards. MEMBER_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_update_profile(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_profile_t *in,
                       const cloudep_member_t **member);

#endif
