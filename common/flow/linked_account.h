/*
 * linked_account.h - a member's accounts at social providers: each is a way to log in.
 *
 * Linking is a social login that a live session begins and the same session ends. Whose account it is says issuer and
 * subject alone; what the provider says of an email does not matter.
 */
#ifndef CLOUDEP_LINKED_ACCOUNT_H
#define CLOUDEP_LINKED_ACCOUNT_H

#include <apr_tables.h>
#include "core/context.h"
#include "core/principal.h"
#include "flow/social_steps.h"

/* One of them. */
typedef struct cloudep_linked_account_t {
    const char *id;
    const char *provider; /* its name in the configuration; NULL: it is not configured (any more) */
    const char *issuer;
    const char *subject;
    apr_int64_t created_at; /* Unix milliseconds */
} cloudep_linked_account_t;

/** All of them, oldest first. @param list array of cloudep_linked_account_t */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_linked_accounts(cloudep_context_t *ctx, const cloudep_principal_t *who, apr_array_header_t **list);

typedef struct cloudep_link_start_t {
    const char *provider;
    const char *redirect_uri;
} cloudep_link_start_t;

/**
 * Begins to link one. TOKEN_MISSING: no session; SUBJECT_GONE, FIELD_INVALID (provider, redirect_uri),
 * PROVIDER_NOT_CONFIGURED, FRESH_PROOF_NEEDED, TOO_MANY_STARTS.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_link(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_link_start_t *in,
                   cloudep_social_start_t *out);

/* What the browser brings back. */
typedef struct cloudep_link_confirm_t {
    const char *code;
    const char *state;
    const char *issuer; /* who says to have answered (RFC 9207); NULL: nobody says */
} cloudep_link_confirm_t;

/**
 * Links it. TOKEN_MISSING: no session; MEMBER_UNKNOWN, STATE_INVALID: also one that another session began; LOGIN_LOST,
 * AUTHORIZATION_INVALID, PROVIDER_NOT_CONFIGURED (not any more), ACCOUNT_LINKED: to whomever.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_link(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_link_confirm_t *in);

typedef struct cloudep_unlink_t {
    const char *id;
} cloudep_unlink_t;

/**
 * Unlinks one and ends the sessions that it opened; a user that logging in by it made at the identity provider is
 * removed there. MEMBER_UNKNOWN, FRESH_PROOF_NEEDED, ACCOUNT_NOT_LINKED: also another member's; LAST_WAY_IN.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_unlink(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_unlink_t *in);

#endif
