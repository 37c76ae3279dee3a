/*
 * password_reset.h - a forgotten password: a code to the login address, and a new password for whoever has it.
 */
#ifndef CLOUDEP_PASSWORD_RESET_H
#define CLOUDEP_PASSWORD_RESET_H

#include "core/context.h"

typedef struct cloudep_forgot_t {
    const char *tenant_slug;
    const char *email;
    int conceals; /* the answer is the same for anybody, whatever CloudEPConcealAccounts says */
} cloudep_forgot_t;

typedef struct cloudep_forgot_result_t {
    const char *challenge_id;
    apr_int64_t expires_in; /* seconds */
} cloudep_forgot_result_t;

/**
 * Mails a code. TENANT_UNKNOWN, ACCOUNT_UNKNOWN, SUSPENDED, PASSWORD_ELSEWHERE, CODE_COOLDOWN, TOO_MANY_CODES,
 * CODES_USED_UP, TOO_MANY_GUESSES.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_forgot_password(cloudep_context_t *ctx, const cloudep_forgot_t *in, cloudep_forgot_result_t *out);

typedef struct cloudep_reset_t {
    const char *tenant_slug;
    const char *challenge_id; /* NULL: the newest that the client's network asked for, for that email */
    const char *email;        /* the address that it has to be for; NULL: the challenge's own */
    const char *code;
    const char *new_password;
} cloudep_reset_t;

/**
 * Sets the password and ends every session and open challenge. It issues no tokens and leaves second factors alone.
 * TENANT_UNKNOWN, CHALLENGE_GONE, CHALLENGE_MISMATCH, CHALLENGE_LOCKED, CODE_WRONG, FIELD_INVALID (new_password),
 * ACCOUNT_UNKNOWN, SUSPENDED, PASSWORD_ELSEWHERE.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_reset_password(cloudep_context_t *ctx, const cloudep_reset_t *in);

/**
 * Mails a one-time link in place of a code. The answer is the same for anybody, whatever CloudEPConcealAccounts says.
 * TENANT_UNKNOWN, CODE_COOLDOWN, TOO_MANY_CODES; NOT_CONFIGURED: CloudEPAccountURL is not set.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_forgot_by_link(cloudep_context_t *ctx, const cloudep_forgot_t *in);

typedef struct cloudep_link_reset_t {
    const char *tenant_slug; /* only links of that tenant; NULL: any */
    const char *token;
    const char *new_password;
} cloudep_link_reset_t;

/**
 * The same by a one-time link, a first password too. LINK_GONE; with a tenant TOO_MANY_GUESSES, TENANT_UNKNOWN;
 * FIELD_INVALID (new_password), SUSPENDED, ACCOUNT_UNKNOWN, PASSWORD_ELSEWHERE. What fails leaves the link good.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_reset_by_link(cloudep_context_t *ctx, const cloudep_link_reset_t *in);

#endif
