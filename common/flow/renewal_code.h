/*
 * renewal_code.h - a code that gives a session's cookie a new value: once, for a moment, in that session only.
 */
#ifndef CLOUDEP_RENEWAL_CODE_H
#define CLOUDEP_RENEWAL_CODE_H

#include "base/store/session_store.h"
#include "core/context.h"
#include "core/principal.h"

#define CLOUDEP_RENEWAL_CODE_LIFETIME 15 /* seconds */

/** TOKEN_MISSING: who asks has no session cookie. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_new_renewal_code(cloudep_context_t *ctx, const cloudep_principal_t *who, const char **code);

/** Uses it up and renews the session, as cloudep_renew_session(). CHALLENGE_GONE, CHALLENGE_MISMATCH. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_renew_by_code(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *code,
                      const cloudep_session_t **session);

#endif
