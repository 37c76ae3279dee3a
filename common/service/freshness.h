/*
 * freshness.h - whether whoever asks has proved a short while ago who they are.
 *
 * A token can be stolen, so it is not enough for what changes a credential: TOTP, backup codes, passkeys, a password
 * without the present one, login email and telephone, linked accounts, the end of the account. A session is fresh for a
 * time after it was opened, after a second factor, and after it was reauthenticated; of a member with a second factor
 * after that factor only. A right password or code in the same request is such a proof as well: its flow does not ask
 * here then.
 */
#ifndef CLOUDEP_FRESHNESS_H
#define CLOUDEP_FRESHNESS_H

#include "core/context.h"
#include "core/principal.h"

/**
 * Whether a session was proved within that many seconds, by the database's clock, which wrote down when. Development
 * headers are, always: they have no session.
 */
CLOUDEP_DECLARE(int) cloudep_is_fresh(const cloudep_principal_t *who, apr_int64_t seconds);

/** Whether it gave a second factor within that many seconds. */
CLOUDEP_DECLARE(int) cloudep_has_recent_factor(const cloudep_principal_t *who, apr_int64_t seconds);

/** Whether it was within CloudEPFreshness. FRESH_PROOF_NEEDED: it was not. */
cloudep_outcome_t cloudep_require_fresh(const cloudep_context_t *ctx, const cloudep_principal_t *who);

#endif
