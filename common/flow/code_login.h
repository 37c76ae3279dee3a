/*
 * code_login.h - a login by a code that is mailed to the login address, or texted to the login phone, in place of a
 * password. For tenants that allow it; each of the two by itself.
 */
#ifndef CLOUDEP_CODE_LOGIN_H
#define CLOUDEP_CODE_LOGIN_H

#include "flow/login.h"

/* Where the code goes: exactly one of email and phone, the other is NULL. */
typedef struct cloudep_code_login_start_t {
    const char *tenant_slug;
    const char *email;
    const char *phone; /* E.164 */
} cloudep_code_login_start_t;

typedef struct cloudep_code_login_challenge_t {
    const char *challenge_id;
    apr_int64_t expires_in; /* seconds */
} cloudep_code_login_challenge_t;

/**
 * Sends the code. With concealed accounts whoever is nobody here, or may not log in, gets the same answer; for a phone
 * the answer is the same for any number, whatever CloudEPConcealAccounts says.
 * FIELD_MISSING (email), FIELD_INVALID (phone): not exactly one of the two, or no number that is texted to.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, NOT_CONFIGURED: nothing sends to there. CODE_COOLDOWN, CODES_USED_UP,
 * TOO_MANY_CODES. By mail: ACCOUNT_UNKNOWN, SUSPENDED, TOO_MANY_GUESSES.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_code_login(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                         cloudep_code_login_challenge_t *out);

typedef struct cloudep_code_login_t {
    const char *tenant_slug;
    const char *challenge_id; /* NULL: none was asked for */
    const char *phone;        /* the number that the code has to be of; NULL: whatever the challenge is of */
    const char *code;
} cloudep_code_login_t;

/**
 * Logs in by the code; a member with a second factor is asked for it as after a password.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, CHALLENGE_GONE, CHALLENGE_MISMATCH: also another number's; CHALLENGE_LOCKED,
 * CODE_WRONG, and as cloudep_complete_login().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_code_login(cloudep_context_t *ctx, const cloudep_code_login_t *in, cloudep_login_result_t *out);

#endif
