/*
 * zitadel.h - what the files of the identity provider "zitadel" share.
 *
 * zitadel.c   the provider, what is read at start and what is made in a child
 * call.c      one call: token, bound, breaker, timeouts, and what the answer says
 * token.c     the service account's access token
 * users.c     User API v2: create, set password, confirm, remove
 * sessions.c  Session API v2: the password check, in equal time for all who are refused
 * deferred.c  the thread that makes the calls that no request waits for
 *
 * Answers are told apart by HTTP status, gRPC code and error id, never by their text, which is localised.
 */
#ifndef CLOUDEP_IDP_ZITADEL_H
#define CLOUDEP_IDP_ZITADEL_H

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include "base/breaker.h"
#include "core/http.h"
#include "core/module.h"
#include "core/settings.h"
#include "idp/idp.h"

/* gRPC codes in error bodies. */
enum {
    ZITADEL_INVALID = 3,
    ZITADEL_NOT_FOUND = 5,
    ZITADEL_PRECONDITION = 9,
};

/* Calls that hash a password take about a second, the others milliseconds: neither waits for the other. */
typedef enum { ZITADEL_PASSWORDS, ZITADEL_OTHERS, ZITADEL_KINDS } zitadel_kind_e;

/* How long ZITADEL takes to refuse a password; shared by all children of a generation. */
#define ZITADEL_TIMES 64
typedef struct zitadel_times_t {
    apr_uint32_t count;               /* recorded ever */
    apr_uint32_t took[ZITADEL_TIMES]; /* microseconds */
} zitadel_times_t;

/* The cached access token of a service account with a key; everything under mutex. */
typedef struct zitadel_token_t {
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *done; /* a fetch has ended */
    int fetching;
    apr_uint32_t fetches; /* that have ended */
    char *text;           /* malloc'ed; NULL: none */
    apr_time_t renew;     /* when to fetch the next one */
    apr_time_t expires;
} zitadel_token_t;

typedef struct zitadel_deferred_t zitadel_deferred_t;

typedef struct cloudep_zitadel_t {
    /* made at start */
    const char *url;          /* without a slash at the end */
    const char *pat;          /* personal access token; or NULL and: */
    const char *user_id;      /* the service account's */
    const cloudep_jwk_t *key; /* its private key */
    zitadel_times_t *times;
    /* made in the child */
    cloudep_http_t *http;
    cloudep_breaker_t *breakers[ZITADEL_KINDS];
    zitadel_token_t token;
    zitadel_deferred_t *deferred;
} cloudep_zitadel_t;

typedef struct zitadel_request_t {
    const char *method;
    const char *path;   /* behind the URL */
    const json_t *body; /* or NULL */
    int hashes;         /* a password is hashed for it: it may take longer */
    int once;           /* never sent twice */
    int last;           /* the child ends: it may take a second, and is not ended by that */
} zitadel_request_t;

typedef struct zitadel_answer_t {
    int status;         /* HTTP; 0: there was no answer */
    int code;           /* gRPC code of an error; 0: none */
    const char *id;     /* of an error; "": none, so it does not come from ZITADEL's own logic */
    const json_t *body; /* an object; NULL: none */
    int in_doubt;       /* the request went out, and it may be done yet */
    int lost;           /* the connection broke: to ask again may help */
} zitadel_answer_t;

/* Leave to make calls of one kind, until it is given back. */
typedef struct zitadel_permit_t {
    zitadel_kind_e kind;
    int probe;
} zitadel_permit_t;

/* ---- zitadel.c: as the members of cloudep_part_t that they are; nothing is done where "zitadel" is not the provider
 */

apr_status_t cloudep_zitadel_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);
/** After run->http. */
apr_status_t cloudep_zitadel_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

/** Whether ZITADEL is left alone for a while, as calls have failed: for any kind of call. 0 where it is not in use. */
int cloudep_zitadel_is_left_alone(const cloudep_config_t *config);

/* ---- call.c */

/** The ZITADEL of a server. */
static inline cloudep_zitadel_t *zitadel_of(const cloudep_idp_context_t *ctx)
{
    return ctx->config->run->zitadel;
}

/** Asks for a permit, and waits for one. @return CLOUDEP_EOVERLOAD, CLOUDEP_EPROVIDER (the breaker is open) */
apr_status_t zitadel_enter(zitadel_permit_t *permit, const cloudep_idp_context_t *ctx, zitadel_kind_e kind);

/**
 * One request and its answer, with a permit; a token that is refused is replaced once. *answer is always set.
 * @return APR_SUCCESS: ZITADEL answered to what was asked, 2xx with an object or an error of its own;
 *         CLOUDEP_EPROVIDER: anything else, which is logged
 */
apr_status_t zitadel_exchange(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx,
                              const zitadel_request_t *request);

/** Gives the permit back. */
void zitadel_leave(const cloudep_idp_context_t *ctx, const zitadel_permit_t *permit, cloudep_breaker_end_e end);

/** All three; the kind is that of request->hashes. *answer is always set. */
apr_status_t zitadel_call(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx, const zitadel_request_t *request);

/** What an exchange says about ZITADEL's health. */
cloudep_breaker_end_e zitadel_health(apr_status_t rv, const zitadel_answer_t *answer);

int zitadel_is_2xx(const zitadel_answer_t *answer);
/** Whether it is the error of that id. */
int zitadel_is(const zitadel_answer_t *answer, const char *id);
/** One that a call has no meaning for: logs it. @return CLOUDEP_EPROVIDER */
apr_status_t zitadel_unexpected(const cloudep_idp_context_t *ctx, const zitadel_answer_t *answer, const char *what);

/* ---- token.c */

/** Reads the key file of a service account. *error: a sentence for the operator. */
apr_status_t zitadel_key_load(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const char *path, const char **error);

apr_status_t zitadel_token_init(zitadel_token_t *token, apr_pool_t *pchild);

/**
 * An access token, from pool. One thread fetches, the others wait for it, or use the old one while it is good.
 * @param refused  the token that was refused; NULL: none
 * @return CLOUDEP_EPROVIDER: none can be had
 */
apr_status_t zitadel_token(const char **token, const cloudep_idp_context_t *ctx, const char *refused);

/* ---- users.c */

/** Seals a password for an attempt of that uid. @return CLOUDEP_EREFUSED: too long (*reason); CLOUDEP_EUNSET: no key */
apr_status_t zitadel_keep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                          const char **kept, const char **reason);
/** Opens it again. @return CLOUDEP_EDATA: it is not one of that uid, or its key is gone */
apr_status_t zitadel_unkeep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                            const char **password);

apr_status_t zitadel_create(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                            const char **reason);
apr_status_t zitadel_set_password(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user,
                                  const char *password, const char **phc, const char **reason);
apr_status_t zitadel_remove(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);
/**
 * Marks the address of a user as verified, now.
 * @param last  the child ends: it may take a second
 * @return APR_NOTFOUND: there is no such user; CLOUDEP_EOVERLOAD, CLOUDEP_EPROVIDER
 */
apr_status_t zitadel_mark_verified(const cloudep_idp_context_t *ctx, const char *uid, const char *email, int last);

/** Gives a user another email and user name; see idp.h. @return CLOUDEP_EOVERLOAD, CLOUDEP_EPROVIDER */
apr_status_t zitadel_change_email(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);

/* bcrypt takes no more; ZITADEL answers 500 for a longer one. */
#define ZITADEL_PASSWORD_BYTES 72

/* ---- sessions.c */

apr_status_t zitadel_verify(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password);
/** Ends a session, now. */
apr_status_t zitadel_end_session(const cloudep_idp_context_t *ctx, const char *session_id);

/* ---- deferred.c */

/** Starts the thread; deferred lives as long as pchild. */
apr_status_t zitadel_deferred_start(zitadel_deferred_t **deferred, server_rec *s, const cloudep_config_t *config,
                                    apr_pool_t *pchild);
/** What becomes non-zero when the child ends; see cloudep_background_stop(). */
apr_uint32_t *zitadel_deferred_stop(zitadel_deferred_t *deferred);
/** Has a session ended soon; forgotten when there is too much to do: it ends by itself. */
void zitadel_defer_end_session(zitadel_deferred_t *deferred, const char *session_id);
/** Has an address marked as verified soon. @return CLOUDEP_EOVERLOAD: too much to do */
apr_status_t zitadel_defer_mark_verified(zitadel_deferred_t *deferred, const char *uid, const char *email);

#endif
