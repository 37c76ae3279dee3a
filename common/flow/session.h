/*
 * session.h - keeping a session alive, and ending it.
 */
#ifndef CLOUDEP_FLOW_SESSION_H
#define CLOUDEP_FLOW_SESSION_H

#include "base/store/session_store.h"
#include "core/context.h"
#include "core/principal.h"

/**
 * Exchanges a refresh token for its successor; within the grace for the same successor again. REFRESH_TOKEN_INVALID,
 * TENANT_CLOSED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_refresh(cloudep_context_t *ctx, const char *refresh_token, const cloudep_session_t **session);

/** The same, where only the sessions of one tenant are served. TENANT_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_refresh_in_tenant(cloudep_context_t *ctx, const char *tenant_slug, const char *refresh_token,
                          const cloudep_session_t **session);

/**
 * A new value for the session cookie of a principal who has one; within the grace the same again. An old one ends
 * nothing. REFRESH_TOKEN_INVALID, TENANT_CLOSED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_renew_session(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_session_t **session);

/** Ends the session of a principal; one that is over already is no failure. TOKEN_MISSING: it has none. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_logout(cloudep_context_t *ctx, const cloudep_principal_t *who);

#endif
