/*
 * code_login.h - a login by a code that is sent to the login address, in place of a password. For tenants that allow
 * it.
 */
#ifndef CLOUDEP_CODE_LOGIN_H
#define CLOUDEP_CODE_LOGIN_H

#include "flow/login.h"

typedef struct cloudep_code_login_start_t {
    const char *tenant_slug;
    const char *email;
} cloudep_code_login_start_t;

typedef struct cloudep_code_login_challenge_t {
    const char *challenge_id;
    apr_int64_t expires_in; /* seconds */
} cloudep_code_login_challenge_t;

/**
 * Sends the code. With concealed accounts whoever is nobody here, or may not log in, gets the same answer.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, ACCOUNT_UNKNOWN, SUSPENDED, CODE_COOLDOWN, CODES_USED_UP, TOO_MANY_CODES.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_code_login(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                         cloudep_code_login_challenge_t *out);

typedef struct cloudep_code_login_t {
    const char *tenant_slug;
    const char *challenge_id;
    const char *code;
} cloudep_code_login_t;

/**
 * Logs in by the code; a member with a second factor is asked for it as after a password.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG, and as
 * cloudep_complete_login().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_code_login(cloudep_context_t *ctx, const cloudep_code_login_t *in, cloudep_login_result_t *out);

#endif
