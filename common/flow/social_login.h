/*
 * social_login.h - register and log in with an account at a social provider, from the start to the return.
 */
#ifndef CLOUDEP_SOCIAL_LOGIN_H
#define CLOUDEP_SOCIAL_LOGIN_H

#include "flow/login.h"
#include "flow/social_steps.h"

typedef struct cloudep_social_registration_t {
    const char *tenant_slug;
    const char *invite_code;
    const char *provider;
    const char *terms_version;
    const char *language;
    const char *redirect_uri;
    int marketing_opt_in;
    const char *browser; /* the id that the browser's cookie has; NULL: none */
} cloudep_social_registration_t;

typedef struct cloudep_social_entry_t {
    const char *tenant_slug;
    const char *provider;
    const char *redirect_uri;
    const char *browser; /* as above */
} cloudep_social_entry_t;

/**
 * Begins a registration. FIELD_INVALID (provider, redirect_uri), PROVIDER_NOT_CONFIGURED, TOO_MANY_STARTS, and as
 * cloudep_check_admission().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_register_start(cloudep_context_t *ctx, const cloudep_social_registration_t *in,
                              cloudep_social_start_t *out);

/**
 * Ends it: a member with that account, and a session. STATE_INVALID, AUTHORIZATION_INVALID, LOGIN_CANCELLED,
 * LOGIN_LOST, PROVIDER_NOT_CONFIGURED (not any more), EMAIL_UNVERIFIED, ACCOUNT_EXISTS, INVITE_BUSY, and as
 * cloudep_check_admission().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_register_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in,
                               const cloudep_session_t **session);

/**
 * Begins a login. TENANT_UNKNOWN, TENANT_CLOSED, FIELD_INVALID (provider, redirect_uri), PROVIDER_NOT_CONFIGURED,
 * TOO_MANY_STARTS.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_login_start(cloudep_context_t *ctx, const cloudep_social_entry_t *in, cloudep_social_start_t *out);

/**
 * Ends it, by issuer and subject alone: what the provider says of the address does not matter. STATE_INVALID,
 * AUTHORIZATION_INVALID, LOGIN_CANCELLED, LOGIN_LOST, PROVIDER_NOT_CONFIGURED, IDENTITY_UNKNOWN, and as
 * cloudep_complete_login().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_login_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in, cloudep_login_result_t *out);

/**
 * What a provider posted to a callback goes on to the page of the provider's row, in its query: code or error, state
 * and issuer. Nothing is spent, as a cookie of SameSite=Lax does not come with such a post; the page then calls the
 * callback. STATE_INVALID, LOGIN_LOST, PROVIDER_NOT_CONFIGURED (not any more).
 * @param purpose CLOUDEP_PURPOSE_SOCIAL_REGISTER or ..._LOGIN
 * @param location the address to send the browser to
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_pass_on(cloudep_context_t *ctx, const char *purpose, const cloudep_social_form_t *in,
                       const char **location);

#endif
