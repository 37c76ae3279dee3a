/*
 * login_phone.h - the number that a member may log in by, where the tenant allows that.
 */
#ifndef CLOUDEP_LOGIN_PHONE_H
#define CLOUDEP_LOGIN_PHONE_H

#include "core/context.h"
#include "core/principal.h"
#include "service/contact_code.h"

typedef struct cloudep_login_phone_start_t {
    const char *phone; /* E.164 */
} cloudep_login_phone_start_t;

/**
 * Texts a code to the number. SUBJECT_GONE, FRESH_PROOF_NEEDED, FIELD_INVALID (phone): not a number of people;
 * CODE_COOLDOWN, TOO_MANY_CODES, DAILY_CODES_USED_UP, CODES_USED_UP.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_login_phone_start_t *in,
                          cloudep_contact_challenge_t *out);

/**
 * Makes the number of the challenge the login phone; another member who had it loses it, and is told. MEMBER_UNKNOWN,
 * CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who,
                            const cloudep_contact_confirm_t *in);

/** Removes it; that there is none is no failure. MEMBER_UNKNOWN, FRESH_PROOF_NEEDED, LAST_WAY_IN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_remove_login_phone(cloudep_context_t *ctx, const cloudep_principal_t *who);

#endif
