/*
 * totp_removal.h - a member's authenticator is removed, with its backup codes and an enrolment under way.
 */
#ifndef CLOUDEP_TOTP_REMOVAL_H
#define CLOUDEP_TOTP_REMOVAL_H

#include "core/context.h"
#include "core/principal.h"

/** For whoever is fresh; that there is none is no failure. MEMBER_UNKNOWN, FRESH_PROOF_NEEDED. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_remove_totp(cloudep_context_t *ctx, const cloudep_principal_t *who);

typedef struct cloudep_totp_removal_t {
    const char *password; /* NULL: not given */
    const char *code;     /* 6 digits: TOTP; 8: a backup code; NULL: not given */
    int password_alone;   /* the password is enough for any session */
} cloudep_totp_removal_t;

/**
 * By the password, a code, or both, of which one has to be right; the password is enough only for a session that gave a
 * second factor a short while ago. That there is none is no failure, whatever the code, but a password that is wrong
 * is. FIELD_MISSING: neither is given; FIELD_INVALID (code); SUBJECT_GONE, FRESH_PROOF_NEEDED, PASSWORD_WRONG,
 * TOO_MANY_PASSWORDS, LOGIN_REFUSED, TOTP_WRONG, BACKUP_CODE_WRONG, TOO_MANY_FACTORS, NOT_CONFIGURED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_disable_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_removal_t *in);

#endif
