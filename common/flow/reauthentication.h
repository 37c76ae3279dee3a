/*
 * reauthentication.h - proving anew, in a live session, that it is still its member who asks.
 */
#ifndef CLOUDEP_REAUTHENTICATION_H
#define CLOUDEP_REAUTHENTICATION_H

#include "core/context.h"
#include "core/principal.h"
#include "service/passkey.h"

typedef struct cloudep_reauthentication_start_t {
    const char *method; /* CLOUDEP_REAUTHENTICATE_BY_... */
} cloudep_reauthentication_start_t;

#define CLOUDEP_REAUTHENTICATE_BY_CODE "code"
#define CLOUDEP_REAUTHENTICATE_BY_PASSKEY "passkey"

typedef struct cloudep_reauthentication_challenge_t {
    const char *challenge_id;
    apr_int64_t expires_in;                   /* seconds */
    const cloudep_passkey_options_t *passkey; /* with that method what a passkey is asked for with, else NULL */
} cloudep_reauthentication_challenge_t;

/**
 * Mails a code to the login address of a member who has neither a password, a passkey nor a second factor; or begins to
 * ask for one of the member's passkeys.
 * TOKEN_MISSING: no session; SUBJECT_GONE, MAILED_CODE_REFUSED, CODE_COOLDOWN, CODES_USED_UP, TOO_MANY_CODES;
 * PASSKEY_UNKNOWN: the member has none; TOO_MANY_STARTS; NOT_CONFIGURED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_reauthentication(cloudep_context_t *ctx, const cloudep_principal_t *who,
                               const cloudep_reauthentication_start_t *in, cloudep_reauthentication_challenge_t *out);

/* One proof: the password; or a TOTP or backup code; or a mailed code or a passkey with its challenge. */
typedef struct cloudep_reauthentication_t {
    const char *password;
    const char *code;
    const char *challenge_id;
    const char *mailed_code;
    cloudep_passkey_assertion_t credential;
} cloudep_reauthentication_t;

/**
 * Makes the session of who asks, and no other, fresh (service/freshness.h). Guesses count as those of logins do.
 * FIELD_MISSING, FIELD_INVALID: not exactly one proof; TOKEN_MISSING: no session; SUBJECT_GONE, TOKEN_INVALID: it ended
 * meanwhile. FRESH_PROOF_NEEDED: the member has a second factor, so only that will do; in a session that the
 * authenticator alone has opened, only the password. PASSWORD_WRONG,
 * TOO_MANY_PASSWORDS, LOGIN_REFUSED. TOTP_NOT_ENROLLED, TOTP_WRONG, BACKUP_CODE_WRONG, TOO_MANY_FACTORS.
 * MAILED_CODE_REFUSED, CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG. PASSKEY_UNKNOWN,
 * PASSKEY_REFUSED, PASSKEY_COPIED, CREDENTIALS_CHANGED. NOT_CONFIGURED.
 * A passkey counts as a second factor: it is a key, and the user was verified.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_reauthenticate(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_reauthentication_t *in);

#endif
