/*
 * login.h - email and password, and what follows any first factor.
 */
#ifndef CLOUDEP_LOGIN_H
#define CLOUDEP_LOGIN_H

#include "base/store/session_store.h"
#include "core/context.h"
#include "service/passkey.h"

typedef struct cloudep_login_t {
    const char *tenant_slug;
    const char *email;
    const char *password;
} cloudep_login_t;

/* A login that is complete, or one that lacks the second factor. */
typedef struct cloudep_login_result_t {
    const cloudep_session_t *session;         /* NULL: the second factor is missing */
    const char *mfa_challenge_id;             /* for cloudep_login_second_factor() */
    apr_int64_t mfa_expires_in;               /* seconds */
    const cloudep_passkey_options_t *passkey; /* that a passkey is asked for with; NULL: the member has none */
} cloudep_login_result_t;

/**
 * Logs in by email and password. The state of an account is told only to whoever knows its password.
 * TENANT_UNKNOWN, CREDENTIALS_WRONG, TOO_MANY_PASSWORDS, TENANT_CLOSED, EMAIL_UNCONFIRMED, SUSPENDED, LOGIN_REFUSED,
 * CREDENTIALS_CHANGED.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_login(cloudep_context_t *ctx, const cloudep_login_t *in, cloudep_login_result_t *out);

/**
 * Whether a member who has proved who they are may log in: tenant and status. TENANT_CLOSED, EMAIL_UNCONFIRMED,
 * SUSPENDED, LOGIN_REFUSED.
 */
cloudep_outcome_t cloudep_check_login(const cloudep_tenant_t *tenant, const cloudep_member_t *member);

/* The first factor of a login, which was right. */
typedef struct cloudep_first_factor_t {
    const char *amr;         /* how it was done (RFC 8176) */
    const char *opened_with; /* which credential it was, see session_store.h */
    const char
        *session_id; /* what the session is to be called; one that is called so answers again; NULL: a new name */
} cloudep_first_factor_t;

/**
 * A login after its first factor: tells who may not log in, asks for the second factor, or opens the session.
 * TENANT_CLOSED, EMAIL_UNCONFIRMED, SUSPENDED, LOGIN_REFUSED, CREDENTIALS_CHANGED; with a session_id
 * ID_TOKEN_INVALID.
 * @param member as it was read before the first factor was compared
 */
cloudep_outcome_t cloudep_complete_login(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member, const cloudep_first_factor_t *first,
                                         cloudep_login_result_t *out);

#endif
