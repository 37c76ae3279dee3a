/*
 * undo.h - whoever has the login mailbox undoes what somebody did to the account.
 *
 * A stolen access token was enough to enrol an authenticator of the thief's, or to change the login email: the owner
 * then never gets in again; or to add a passkey: then the thief gets in always. The notice of each has a link that
 * takes it back.
 */
#ifndef CLOUDEP_UNDO_H
#define CLOUDEP_UNDO_H

#include "core/context.h"

typedef struct cloudep_undo_t {
    const char *token;
    const char *code; /* a TOTP or backup code, where a factor older than the undone change is enrolled; or NULL */
} cloudep_undo_t;

/**
 * Undoes an enrolment, a passkey's too, or a change of the login email: it goes, and so do the password, every session
 * and open challenge and whatever lets in and was added since, as nobody knows what else is in strange hands. A reset
 * sets the next password. LINK_GONE; EMAIL_TAKEN: an operator gave the address to somebody else; SECOND_FACTOR_NEEDED:
 * an older factor is enrolled and code is missing; FIELD_INVALID (code), TOTP_WRONG, BACKUP_CODE_WRONG,
 * TOO_MANY_FACTORS; PROVIDER_FAILED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_undo(cloudep_context_t *ctx, const cloudep_undo_t *in);

#endif
