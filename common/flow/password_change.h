/*
 * password_change.h - a member's own new password, or first one.
 */
#ifndef CLOUDEP_PASSWORD_CHANGE_H
#define CLOUDEP_PASSWORD_CHANGE_H

#include "core/context.h"
#include "core/principal.h"

typedef struct cloudep_own_password_t {
    const char *current_password; /* NULL: not given */
    const char *new_password;
    int keep_this_session;
} cloudep_own_password_t;

/**
 * Sets the password, by the present one where there is one, else by a fresh proof; ends all other sessions, or all.
 * MEMBER_UNKNOWN, FIELD_MISSING (current_password), FIELD_INVALID (new_password), PASSWORD_WRONG, TOO_MANY_PASSWORDS,
 * LOGIN_REFUSED, PASSWORD_ELSEWHERE, FRESH_PROOF_NEEDED, CREDENTIALS_CHANGED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_change_own_password(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_own_password_t *in);

#endif
