/*
 * social_login.h - register and log in with an account at a social provider, from the start to the return.
 */
#ifndef CLOUDEP_SOCIAL_LOGIN_H
#define CLOUDEP_SOCIAL_LOGIN_H

#include "flow/login.h"

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

/* Where to send the browser. */
typedef struct cloudep_social_start_t {
    const char *oauth_url;
    const char *session_id; /* for clients without cookies */
    const char *browser;    /* for the cookie */
    apr_int64_t expires_in; /* seconds */
} cloudep_social_start_t;

typedef struct cloudep_social_callback_t {
    const char *code;  /* NULL: with an error */
    const char *error; /* what the provider says instead (RFC 6749, section 4.1.2.1); NULL: nothing */
    const char *state;
    const char *session_id; /* as the start answered it; NULL: none */
    const char *issuer;     /* who says to have answered (RFC 9207); NULL: nobody says */
    const char *browser;    /* the id that the browser's cookie has; NULL: none */
} cloudep_social_callback_t;

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
 * Ends it. STATE_INVALID, AUTHORIZATION_INVALID, LOGIN_CANCELLED, LOGIN_LOST, PROVIDER_NOT_CONFIGURED,
 * EMAIL_UNVERIFIED, IDENTITY_UNKNOWN, and as cloudep_complete_login().
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_social_login_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in, cloudep_login_result_t *out);

#endif
