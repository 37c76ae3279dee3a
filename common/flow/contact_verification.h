/*
 * contact_verification.h - business email and phone: a code goes to the new address, and whoever knows it has the
 * address written.
 */
#ifndef CLOUDEP_CONTACT_VERIFICATION_H
#define CLOUDEP_CONTACT_VERIFICATION_H

#include "base/store/contact_store.h"
#include "core/context.h"
#include "core/principal.h"
#include "service/contact_code.h"

typedef struct cloudep_contact_start_t {
    const char *target; /* email address or E.164 number */
} cloudep_contact_start_t;

/** Sends a code to the address. SUBJECT_GONE, CODE_COOLDOWN, TOO_MANY_CODES, DAILY_CODES_USED_UP, CODES_USED_UP. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_contact(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_contact_e contact,
                      const cloudep_contact_start_t *in, cloudep_contact_challenge_t *out);

/**
 * Writes the address of the challenge. MEMBER_UNKNOWN, CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED,
 * CODE_WRONG.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_contact(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_contact_e contact,
                        const cloudep_contact_confirm_t *in);

#endif
