/*
 * registration.h - registration by email: an invite and an address, a mailed code, a member.
 */
#ifndef CLOUDEP_REGISTRATION_H
#define CLOUDEP_REGISTRATION_H

#include "base/store/session_store.h"
#include "core/context.h"

typedef struct cloudep_registration_t {
    const char *tenant_slug;
    const char *invite_code;
    const char *email;
    const char *password;
    const char *display_name; /* NULL: none */
    const char *language;     /* NULL: the server's default */
    const char *terms_version;
    int marketing_opt_in;
} cloudep_registration_t;

/* A challenge as the client is told of it. */
typedef struct cloudep_challenge_answer_t {
    const char *challenge_id;
    apr_int64_t expires_in; /* seconds */
    const char *uid;
} cloudep_challenge_answer_t;

/**
 * Reserves the member, creates the user at the identity provider and mails a code.
 * TENANT_UNKNOWN, REGISTRATION_CLOSED, INVITE_UNKNOWN, INVITE_EXPIRED, INVITE_USED_UP, INVITE_BUSY, EMAIL_TAKEN,
 * REGISTRATION_PENDING, FIELD_INVALID (password), CODE_COOLDOWN, TOO_MANY_CODES, TOO_MANY_GUESSES,
 * REGISTRATION_NOT_PENDING (it took longer than CloudEPReservedLifetime and was undone meanwhile).
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_register(cloudep_context_t *ctx, const cloudep_registration_t *in, cloudep_challenge_answer_t *out);

typedef struct cloudep_confirmation_t {
    const char *tenant_slug;
    const char *challenge_id;
    const char *code;
} cloudep_confirmation_t;

/* A member who is active now, and what nobody has given yet. */
typedef struct cloudep_confirmed_t {
    const cloudep_session_t *session;
    int password_required;
    int terms_required;
} cloudep_confirmed_t;

/**
 * Activates the member whose code it is, with what was typed for that code and nothing else, and opens a session.
 * TENANT_UNKNOWN, CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG, REGISTRATION_NOT_PENDING,
 * REGISTRATION_BUSY. When the identity provider fails the challenge is good still.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_registration(cloudep_context_t *ctx, const cloudep_confirmation_t *in, cloudep_confirmed_t *out);

typedef struct cloudep_resend_t {
    const char *tenant_slug;
    const char *challenge_id;
} cloudep_resend_t;

/**
 * A new code for a registration under way, also when the challenge has expired. TENANT_UNKNOWN, CHALLENGE_GONE,
 * CHALLENGE_MISMATCH, REGISTRATION_NOT_PENDING, CODE_COOLDOWN, TOO_MANY_CODES, CODES_USED_UP.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_resend_registration(cloudep_context_t *ctx, const cloudep_resend_t *in, cloudep_challenge_answer_t *out);

typedef struct cloudep_resume_t {
    const char *tenant_slug;
    const char *email;
    const char *password; /* NULL: to be set after the confirmation, as for terms_version */
    const char *terms_version;
} cloudep_resume_t;

/**
 * A new attempt by the address alone: what another one has typed for it is not known to be this person's.
 * TENANT_UNKNOWN, REGISTRATION_UNKNOWN, ALREADY_CONFIRMED, FIELD_INVALID (password), CODE_COOLDOWN, TOO_MANY_CODES,
 * TOO_MANY_GUESSES.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_resume_registration(cloudep_context_t *ctx, const cloudep_resume_t *in, cloudep_challenge_answer_t *out);

#endif
