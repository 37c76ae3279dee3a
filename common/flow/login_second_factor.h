/*
 * login_second_factor.h - the second half of a login: a code of the authenticator, a backup code or a passkey.
 */
#ifndef CLOUDEP_LOGIN_SECOND_FACTOR_H
#define CLOUDEP_LOGIN_SECOND_FACTOR_H

#include "flow/login.h"

/** Answers a right first factor with the challenge for the second. member: as for cloudep_complete_login(). */
cloudep_outcome_t cloudep_ask_second_factor(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_member_t *member, const cloudep_first_factor_t *first,
                                            cloudep_login_result_t *out);

typedef struct cloudep_login_factor_t {
    const char *tenant_slug;
    const char *challenge_id;
    const char *email; /* NULL: not given; another member's is CHALLENGE_MISMATCH */
    const char *code;  /* 6 digits: TOTP; 8: a backup code; NULL: a passkey */
    cloudep_passkey_assertion_t credential;
    int any_tenant; /* the challenge tells the tenant: tenant_slug may be NULL, and one that differs is TENANT_UNKNOWN
                     */
} cloudep_login_factor_t;

/**
 * Completes the login that the challenge was given for.
 * TENANT_UNKNOWN, CHALLENGE_GONE, CHALLENGE_MISMATCH, TOTP_WRONG, BACKUP_CODE_WRONG, TOO_MANY_FACTORS, LOGIN_REFUSED,
 * FIELD_MISSING, FIELD_INVALID: neither or both of code and credential, or not of their form. With a passkey
 * PASSKEY_UNKNOWN, PASSKEY_REFUSED, PASSKEY_COPIED, NOT_CONFIGURED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_login_second_factor(cloudep_context_t *ctx, const cloudep_login_factor_t *in,
                            const cloudep_session_t **session);

#endif
