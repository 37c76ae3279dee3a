/*
 * social_steps.h - what registering, logging in and linking at a social provider have in common.
 */
#ifndef CLOUDEP_SOCIAL_STEPS_H
#define CLOUDEP_SOCIAL_STEPS_H

#include "base/store/tenant_store.h"
#include "oidc/social.h"

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

/* What a provider had the browser post (OAuth 2.0 Form Post Response Mode). */
typedef struct cloudep_social_form_t {
    const char *code; /* NULL: with an error, as the others where there are none */
    const char *error;
    const char *state;
    const char *issuer;
    const char *user; /* what Apple says about the person, the first time only */
} cloudep_social_form_t;

/**
 * Whether the tenant allows this very address; no pattern, no prefix. FIELD_INVALID at field, the offsetof of uri in
 * the flow's input.
 */
cloudep_outcome_t cloudep_social_check_redirect(const cloudep_tenant_t *tenant, apr_size_t field, const char *uri);

/** cloudep_social_begin() for an answer. */
cloudep_outcome_t cloudep_social_depart(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                                        cloudep_social_start_t *out);

/**
 * Uses up the state that a browser brings back. STATE_INVALID and LOGIN_LOST as cloudep_social_return(); with an error
 * in place of a code LOGIN_CANCELLED where the person said no, else PROVIDER_FAILED.
 */
cloudep_outcome_t cloudep_social_arrive(cloudep_context_t *ctx, const char *purpose,
                                        const cloudep_social_callback_t *in, const cloudep_social_login_t **login);

#endif
