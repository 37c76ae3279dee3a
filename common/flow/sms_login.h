/*
 * sms_login.h - a login by a code that is texted to the login phone, in place of a password. For tenants that allow it.
 */
#ifndef CLOUDEP_SMS_LOGIN_H
#define CLOUDEP_SMS_LOGIN_H

#include "flow/login.h"

typedef struct cloudep_sms_login_start_t {
    const char *tenant_slug;
    const char *phone; /* E.164 */
} cloudep_sms_login_start_t;

/**
 * Texts the code, where the number is a member's login phone; the answer is the same for any number, whatever
 * CloudEPConcealAccounts says.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, FIELD_INVALID (phone), CODE_COOLDOWN, CODES_USED_UP, TOO_MANY_CODES.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_sms_login(cloudep_context_t *ctx, const cloudep_sms_login_start_t *in, const char **challenge_id);

typedef struct cloudep_sms_login_t {
    const char *tenant_slug;
    const char *challenge_id; /* NULL: none was asked for */
    const char *phone;
    const char *code;
} cloudep_sms_login_t;

/**
 * Logs in by the code; a member with a second factor is asked for it as after a password.
 * TENANT_UNKNOWN, CODE_LOGIN_CLOSED, CHALLENGE_GONE, CHALLENGE_MISMATCH: also another number's; CHALLENGE_LOCKED,
 * CODE_WRONG, and as cloudep_complete_login().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_sms_login(cloudep_context_t *ctx, const cloudep_sms_login_t *in, cloudep_login_result_t *out);

#endif
