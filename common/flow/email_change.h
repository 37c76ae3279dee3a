/*
 * email_change.h - another login email: a code goes to the new address, and whoever knows it has it changed.
 *
 * Nobody learns who has an address: one that is taken is answered as any other, and its owner gets a mail. The address
 * before gets a notice with a link that takes the change back (flow/undo.h), and stays reserved as long as that is
 * good.
 */
#ifndef CLOUDEP_EMAIL_CHANGE_H
#define CLOUDEP_EMAIL_CHANGE_H

#include "core/context.h"
#include "core/principal.h"
#include "service/contact_code.h"

typedef struct cloudep_email_start_t {
    const char *email;
} cloudep_email_start_t;

/**
 * Sends a code to the new address. SUBJECT_GONE, FRESH_PROOF_NEEDED, FIELD_INVALID (email): it is the present one;
 * CODE_COOLDOWN, TOO_MANY_CODES, DAILY_CODES_USED_UP, CODES_USED_UP.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_email_change(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_email_start_t *in,
                           cloudep_contact_challenge_t *out);

/**
 * Changes the login email to the address of the challenge; all other sessions end. MEMBER_UNKNOWN, CHALLENGE_GONE,
 * CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG, EMAIL_TAKEN, CREDENTIALS_CHANGED, PROVIDER_FAILED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_email_change(cloudep_context_t *ctx, const cloudep_principal_t *who,
                             const cloudep_contact_confirm_t *in);

#endif
