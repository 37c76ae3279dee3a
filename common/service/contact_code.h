/*
 * contact_code.h - a code to an address or number that a member wants to be theirs, and the code that comes back.
 *
 * A challenge belongs to a tenant, a member, a purpose and a target, and what is confirmed is its own target: nothing
 * that a client sends at the end says which address it was.
 */
#ifndef CLOUDEP_CONTACT_CODE_H
#define CLOUDEP_CONTACT_CODE_H

#include "base/store/member_store.h"
#include "core/context.h"
#include "core/principal.h"

/* What is sent where. */
typedef struct cloudep_contact_code_t {
    const char *purpose; /* also the message's template */
    const char *channel; /* CLOUDEP_CHANNEL_... */
    const char *target;  /* email address or E.164 number */
    /* What goes out in place of the code, which nobody gets then, so that no guess is right; NULL: the code goes out.
     */
    const cloudep_message_t *instead;
} cloudep_contact_code_t;

typedef struct cloudep_contact_challenge_t {
    const char *challenge_id;
    apr_int64_t expires_in; /* seconds */
} cloudep_contact_challenge_t;

/** Sends it. CODE_COOLDOWN, TOO_MANY_CODES, DAILY_CODES_USED_UP, CODES_USED_UP. */
cloudep_outcome_t cloudep_send_contact_code(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                            const cloudep_member_t *member, const cloudep_contact_code_t *what,
                                            cloudep_contact_challenge_t *out);

typedef struct cloudep_contact_confirm_t {
    const char *challenge_id;
    const char *code;
    const char *target; /* the address or number that it has to be for; NULL: the challenge's own */
} cloudep_contact_confirm_t;

/**
 * The challenge of that purpose, once its code is right; it is not used up yet. CHALLENGE_GONE, CHALLENGE_MISMATCH:
 * another member's or another target's, too; CHALLENGE_LOCKED, CODE_WRONG.
 */
cloudep_outcome_t cloudep_check_contact_code(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                             const char *purpose, const cloudep_contact_confirm_t *in,
                                             cloudep_challenge_t **challenge);

#endif
