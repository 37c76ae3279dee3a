/*
 * totp_login.h - a login by the code of an authenticator in place of a password, where the tenant allows it.
 *
 * It is one factor: the session has no second one, and no code of the member's authenticator or backup codes is one in
 * it. The password is.
 */
#ifndef CLOUDEP_TOTP_LOGIN_H
#define CLOUDEP_TOTP_LOGIN_H

#include "base/store/session_store.h"
#include "core/context.h"

typedef struct cloudep_totp_login_t {
    const char *tenant_slug;
    const char *email; /* NULL: not given */
    const char *code;
} cloudep_totp_login_t;

/**
 * Logs in by email and code. The state of an account is told only to whoever has a right code; a wrong one, an unknown
 * email and a member without an authenticator are the same. Guesses count as those at the password do.
 * TENANT_UNKNOWN, CHALLENGE_GONE: the tenant does not allow it, FIELD_MISSING, FIELD_INVALID, TOTP_WRONG,
 * TOO_MANY_PASSWORDS, TENANT_CLOSED, EMAIL_UNCONFIRMED, SUSPENDED, LOGIN_REFUSED, CREDENTIALS_CHANGED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_login_by_totp(cloudep_context_t *ctx, const cloudep_totp_login_t *in, const cloudep_session_t **session);

#endif
