/*
 * passkey_login.h - a login by a passkey alone: key and user verification are two factors, so no other is asked for.
 */
#ifndef CLOUDEP_PASSKEY_LOGIN_H
#define CLOUDEP_PASSKEY_LOGIN_H

#include "service/passkey.h"

typedef struct cloudep_passkey_entry_t {
    const char *tenant_slug;
} cloudep_passkey_entry_t;

/** The options of a login: nobody has said who they are. TENANT_UNKNOWN, TENANT_CLOSED, TOO_MANY_STARTS. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_passkey_login(cloudep_context_t *ctx, const cloudep_passkey_entry_t *in, cloudep_passkey_options_t *out);

typedef struct cloudep_passkey_login_t {
    const char *tenant_slug;
    const char *challenge_id;
    cloudep_passkey_assertion_t credential;
} cloudep_passkey_login_t;

/**
 * Logs in whoever has the passkey. The challenge is used up by whatever comes with it, unless a fault of ours is the
 * answer. TENANT_UNKNOWN, CHALLENGE_GONE, CHALLENGE_MISMATCH, PASSKEY_UNKNOWN, PASSKEY_REFUSED, PASSKEY_COPIED,
 * FIELD_MISSING, FIELD_INVALID; then TENANT_CLOSED, EMAIL_UNCONFIRMED, SUSPENDED, LOGIN_REFUSED, CREDENTIALS_CHANGED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_passkey_log_in(cloudep_context_t *ctx, const cloudep_passkey_login_t *in, const cloudep_session_t **session);

#endif
