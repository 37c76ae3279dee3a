/*
 * social.h - a login at a social provider: sending the browser there, and whom the provider means when it comes back.
 */
#ifndef CLOUDEP_SOCIAL_H
#define CLOUDEP_SOCIAL_H

#include "base/store/identity_store.h"
#include "core/context.h"

/* What has to be remembered while somebody is at a social provider. */
typedef struct cloudep_social_t {
    const char *purpose; /* a word of its own for each flow */
    const char *tenant_id;
    const char *provider;     /* its name in the configuration */
    const char *redirect_uri; /* where the provider sends the browser */
    const char *live_session; /* for linking: the session that has to end it, else NULL */
    const char *invite_code;  /* this and the rest: for a registration, else NULL */
    const char *terms_version;
    const char *language;
    int marketing_opt_in;
} cloudep_social_t;

/* What the browser and the client are told of it. */
typedef struct cloudep_social_redirect_t {
    const char *url;
    const char *session_id; /* for clients without cookies */
    const char *browser;    /* the id that the browser is to have in its cookie */
    apr_int64_t expires_in; /* seconds */
} cloudep_social_redirect_t;

/* A login that came back; opaque, with what was remembered in social. */
typedef struct cloudep_social_login_t cloudep_social_login_t;
const cloudep_social_t *cloudep_social_remembered(const cloudep_social_login_t *login);

/* Whom a provider means. The email is believed. */
typedef struct cloudep_social_account_t {
    cloudep_identity_t identity;
    const char *email;
    const char *name; /* NULL: unknown */
} cloudep_social_account_t;

/**
 * Whether there is such a provider. FIELD_INVALID at the member field (an offsetof) of the flow's input, or
 * PROVIDER_NOT_CONFIGURED for one that is known but not configured.
 */
cloudep_outcome_t cloudep_social_find(cloudep_context_t *ctx, apr_size_t field, const char *provider);

/**
 * Remembers what is given and makes the address to log in at. May ask the provider; hold no database connection. Where
 * the redirect_uri leads has been checked. TOO_MANY_STARTS.
 * @param browser the id that the browser has already, or NULL
 */
cloudep_outcome_t cloudep_social_begin(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                                       cloudep_social_redirect_t *out);

/**
 * What was remembered under a state, which is used up by this. STATE_INVALID: it is not genuine, has expired, was used
 * before, was started by somebody else, or another provider answers; LOGIN_LOST: it is genuine, but what was
 * remembered is lost.
 * @param browser    the id that the browser's cookie has; NULL: it has no such cookie. A cookie that is there has to
 *                   be the one that started, whatever session_id says
 * @param session_id as the start answered it, from a client without cookies; or NULL. For linking, the live session
 * @param issuer     who says to have answered (RFC 9207); NULL: nobody says
 */
cloudep_outcome_t cloudep_social_return(cloudep_context_t *ctx, const char *purpose, const char *state,
                                        const char *browser, const char *session_id, const char *issuer,
                                        const cloudep_social_login_t **login);

/**
 * Redeems the code at the provider for who it is: issuer and subject of identity. What else the provider says is not
 * looked at. AUTHORIZATION_INVALID: the code is not one for this login; PROVIDER_NOT_CONFIGURED: not any more.
 */
cloudep_outcome_t cloudep_social_identify(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                          cloudep_identity_t *identity);

/** The same with email and name. Also EMAIL_UNVERIFIED: the provider sends none, or none that is to be believed. */
cloudep_outcome_t cloudep_social_redeem(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *code,
                                        cloudep_social_account_t *account);

/**
 * Where the front end takes over what a provider posted (response_mode=form_post). A cookie of SameSite=Lax does not
 * come with such a post, so nothing is spent: the page calls the callback as if the provider had sent the browser
 * there. STATE_INVALID, LOGIN_LOST, PROVIDER_NOT_CONFIGURED (not any more).
 * @param user what Apple says about the person, the first time only (JSON); or NULL. The name in it is kept for the end
 * @param page set to the page of the provider's row
 */
cloudep_outcome_t cloudep_social_find_page(cloudep_context_t *ctx, const char *purpose, const char *state,
                                           const char *user, const char **page);

#endif
