/*
 * token.h - our access and refresh tokens: made from a stored session, read back against the key set.
 */
#ifndef CLOUDEP_TOKEN_H
#define CLOUDEP_TOKEN_H

#include "base/jose/claims.h"
#include "base/store/session_store.h"
#include "core/context.h"
#include "service/token_cache.h"

typedef struct cloudep_tokens_t {
    const char *access;
    const char *refresh;
    apr_int64_t expires_in; /* seconds, of the access token */
} cloudep_tokens_t;

/** The two tokens of a stored session. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_issue_tokens(cloudep_context_t *ctx, const cloudep_session_t *session, cloudep_tokens_t *tokens);

/** Reads a refresh token: signature, lifetime, type. REFRESH_TOKEN_INVALID; the reason is logged, not told. */
cloudep_outcome_t cloudep_read_refresh_token(cloudep_context_t *ctx, const char *token,
                                             const cloudep_claims_t **claims);

/**
 * Our own access token, verified now or before in this child.
 * @param key its key in the token cache, CLOUDEP_TOKEN_KEY bytes, set in any case
 * @return CLOUDEP_EFORGED or another failure: refused, *reason is for the log
 */
apr_status_t cloudep_read_access_token(cloudep_context_t *ctx, const char *token, unsigned char *key,
                                       cloudep_access_t *access, const char **reason);

/** The public keys of this server's tokens as a JWK Set; NULL: it has none. */
CLOUDEP_DECLARE(const char *) cloudep_public_keys(const cloudep_context_t *ctx);

#endif
