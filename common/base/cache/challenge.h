/*
 * challenge.h - short-lived things a client must answer: one-time codes, second factors, social states.
 *
 * A challenge is a record in memcached under a random 128-bit id, with a keyed hash of it all: who can write there
 * cannot make one. Of a code only a keyed hash is kept.
 * memcached's atomic verbs carry the promises: guesses are counted by incr before they are compared, and
 * the one whose delete succeeds has consumed the challenge. Whatever memcached loses costs the user a
 * new code: a record without its counter, its place in the list or its member's stamp is refused as not found.
 *
 * Every function answers CLOUDEP_ECACHE when memcached could not be asked; that is never "not found".
 */
#ifndef CLOUDEP_CHALLENGE_H
#define CLOUDEP_CHALLENGE_H

#include <apr_time.h>

#include "base/cache/cache.h"
#include "base/jose/jwk.h"

#define CLOUDEP_CODE_DIGITS 6
#define CLOUDEP_CHALLENGE_MAX_LIFETIME 3600 /* seconds */
#define CLOUDEP_CHALLENGES_ALIVE 5          /* with a code, of one account and purpose */

/** What challenges are kept with. */
typedef struct cloudep_challenges_t {
    cloudep_cache_t *cache;     /* NULL: every function answers CLOUDEP_EUNSET */
    const cloudep_jwks_t *keys; /* sealing keys; NULL: records are believed as they are, and codes CLOUDEP_EUNSET */
} cloudep_challenges_t;

/** What a new challenge is about. Strings of at most 1 KiB; extra of at most 16 KiB. */
typedef struct cloudep_challenge_spec_t {
    const char *tenant_id;
    const char *purpose;     /* "register", "password-reset", ...: a word of its own for each use */
    const char *uid;         /* the member; NULL when there is none yet (social states) */
    const char *account;     /* whose challenges with a code are counted together; NULL: the member's */
    const char *target;      /* the address or number the code goes to; or NULL */
    const char *extra;       /* anything the caller wants back, in the clear: seal secrets first; or NULL */
    const char *generation;  /* of the member's credentials when it was made; or NULL */
    const char *opened_with; /* what the session that it leads to will have been opened with; or NULL */
} cloudep_challenge_spec_t;

/** Who asks for a code. */
typedef struct cloudep_challenge_asker_t {
    const char *network; /* the client's: an IPv4 address, or an IPv6 /64 */
    const char *wider;   /* the IPv6 /48 that it is of; NULL: IPv4 */
    int known;           /* the account is known there: nobody elsewhere takes its challenges away */
} cloudep_challenge_asker_t;

/** A challenge that exists. Strings are from the pool given to start, open or load. */
typedef struct cloudep_challenge_t {
    const char *id; /* 22 characters of base64url */
    cloudep_challenge_spec_t spec;
    apr_time_t created;
    apr_time_t expires;
    const char *mac;      /* private: keyed hash of the code; NULL without a code */
    const char *stamp;    /* private: the member's stamp when it was made; NULL without a uid */
    apr_uint32_t guesses; /* private: how many were counted, as far as this request knows */
} cloudep_challenge_t;

/**
 * Make a challenge with a code, an id and guesses of its own. At most CLOUDEP_CHALLENGES_ALIVE are alive for an account
 * and purpose: for one more the oldest goes that the same network asked for; else the oldest of the same IPv6 /48, else
 * of any network where the account is not known; and where it is known, the oldest of all. One that was asked for where
 * the account is known never goes for one that was not. Claim the cooldown first.
 * @param code six digits for the caller to deliver; never store or log it
 * @param wait with CLOUDEP_EREFUSED the seconds until one of them expires, otherwise 0
 * @param spec uid must not be NULL
 * @param lifetime seconds, 1 to CLOUDEP_CHALLENGE_MAX_LIFETIME
 * @return APR_SUCCESS; CLOUDEP_EREFUSED: all that are alive were asked for where the account is known, and this one is
 *         not; CLOUDEP_EUNSET; APR_EINVAL; APR_EGENERAL: no randomness; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_start(cloudep_challenge_t **challenge, const char **code, apr_uint32_t *wait,
                                     const cloudep_challenges_t *in, const cloudep_challenge_spec_t *spec,
                                     const cloudep_challenge_asker_t *asker, apr_uint32_t lifetime, apr_pool_t *pool);

/**
 * Put a new code in place of a challenge's. It keeps id and guesses, its old code dies, its lifetime starts again.
 * @param old as cloudep_challenge_load() found it
 * @param attempts guesses it allows
 * @return as cloudep_challenge_start(); CLOUDEP_ELOCKED: its guesses are used up, and it stays as it is; APR_NOTFOUND:
 *         it is over
 */
apr_status_t cloudep_challenge_renew(cloudep_challenge_t **challenge, const char **code, apr_uint32_t *wait,
                                     const cloudep_challenges_t *in, cloudep_challenge_t *old,
                                     const cloudep_challenge_asker_t *asker, apr_uint32_t lifetime,
                                     apr_uint32_t attempts, apr_pool_t *pool);

/**
 * Make a challenge without a code (second factor of a login, social state). It stands alone: others
 * of the same member and purpose stay alive. spec->uid may be NULL. Results as cloudep_challenge_start(),
 * never CLOUDEP_EREFUSED.
 */
apr_status_t cloudep_challenge_open(cloudep_challenge_t **challenge, const cloudep_challenges_t *in,
                                    const cloudep_challenge_spec_t *spec, apr_uint32_t lifetime, apr_pool_t *pool);

/**
 * Look a challenge up. Nothing is counted: compare tenant, purpose and uid before you go on.
 * @param id what the client sent; anything but 22 characters of base64url is not found
 * @return APR_SUCCESS; APR_NOTFOUND: none, expired, consumed, gone for another one or invalidated; CLOUDEP_EDATA: not a
 *         record of ours; CLOUDEP_ECACHE; CLOUDEP_EUNSET
 */
apr_status_t cloudep_challenge_load(cloudep_challenge_t **challenge, const cloudep_challenges_t *in, const char *id,
                                    apr_pool_t *pool);

/**
 * The youngest challenge with a code, of an account and purpose, that a network asked for.
 * @param id set to its id; whether it is still there cloudep_challenge_load() says
 * @param spec tenant_id, purpose, and uid or account
 * @return APR_SUCCESS; APR_NOTFOUND: there is none; CLOUDEP_ECACHE; CLOUDEP_EUNSET
 */
apr_status_t cloudep_challenge_newest(const char **id, const cloudep_challenges_t *in,
                                      const cloudep_challenge_spec_t *spec, const char *network, apr_pool_t *pool);

/** Seconds until it expires, rounded up; 0 when it has. For expires_in and Retry-After. */
apr_uint32_t cloudep_challenge_remaining(const cloudep_challenge_t *challenge);

/**
 * Ask whether the guesses are used up, without counting one.
 * @return APR_SUCCESS: no; CLOUDEP_ELOCKED; APR_NOTFOUND: it is gone; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_locked(cloudep_challenge_t *challenge, const cloudep_challenges_t *in,
                                      apr_uint32_t attempts, apr_pool_t *pool);

/**
 * Count one guess, before it is compared with anything. For what is compared elsewhere (TOTP);
 * cloudep_challenge_check() does it itself. Results as cloudep_challenge_locked().
 */
apr_status_t cloudep_challenge_count(cloudep_challenge_t *challenge, const cloudep_challenges_t *in,
                                     apr_uint32_t attempts);

/**
 * Count a guess, then compare it. Success does not consume the challenge.
 * @param code what the client sent
 * @return APR_SUCCESS: right; CLOUDEP_EFORGED: wrong; CLOUDEP_ELOCKED: guesses used up, right or not;
 *         APR_NOTFOUND: it is gone, or its sealing key is; CLOUDEP_ECACHE; CLOUDEP_EUNSET
 */
apr_status_t cloudep_challenge_check(cloudep_challenge_t *challenge, const cloudep_challenges_t *in, const char *code,
                                     apr_uint32_t attempts, apr_pool_t *pool);

/**
 * Use the challenge up: of all who try, one gets APR_SUCCESS. Do it before what it allows.
 * @return APR_SUCCESS; APR_NOTFOUND: another one was first, or it was invalidated; CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_consume(const cloudep_challenge_t *challenge, const cloudep_challenges_t *in,
                                       apr_pool_t *pool);

/**
 * Put a challenge back, for the one who consumed it, when the step after that failed. It keeps its
 * code, its end and its wrong guesses; the right one is not held against the user.
 * @return APR_SUCCESS (also when it was renewed, or went for another one, meanwhile); APR_NOTFOUND: its time is over;
 *         CLOUDEP_ECACHE
 */
apr_status_t cloudep_challenge_restore(const cloudep_challenge_t *challenge, const cloudep_challenges_t *in,
                                       apr_pool_t *pool);

/**
 * Refuse every open challenge of a member from now on, as not found: after a password reset, a
 * suspension. New ones can be made at once. With several memcached servers, one that is away during the
 * call keeps its own; where that matters compare challenge->created with the time of the event.
 * @return APR_SUCCESS; APR_EGENERAL: no randomness; CLOUDEP_ECACHE: some may still be open
 */
apr_status_t cloudep_challenge_invalidate(const cloudep_challenges_t *in, const char *tenant_id, const char *uid);

/** What a cooldown is for. */
typedef struct cloudep_cooldown_t {
    const char *tenant_id;
    const char *target;
    const char *purpose;
    const char *network; /* of the client that asks: one does not hold up another */
} cloudep_cooldown_t;

/**
 * Claim the right to send something.
 * @param wait with APR_EEXIST the seconds to wait (1 or more, for Retry-After), otherwise 0
 * @param seconds between two messages; 0: always APR_SUCCESS
 * @return APR_SUCCESS; APR_EEXIST: too early; CLOUDEP_ECACHE; CLOUDEP_EUNSET
 */
apr_status_t cloudep_cooldown_claim(apr_uint32_t *wait, const cloudep_challenges_t *in,
                                    const cloudep_cooldown_t *cooldown, apr_uint32_t seconds, apr_pool_t *pool);

/** Give the claim back, for the one who made it, when nothing was sent after all. */
apr_status_t cloudep_cooldown_release(const cloudep_challenges_t *in, const cloudep_cooldown_t *cooldown);

/**
 * Ask whether one of a member's daily uses is left, without taking it. Parameters and results as
 * cloudep_quota_claim().
 */
apr_status_t cloudep_quota_check(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool);

/**
 * Take one of a member's daily uses; days are UTC.
 * @param wait with CLOUDEP_EREFUSED the seconds to the next day, otherwise 0
 * @param limit uses a day
 * @return APR_SUCCESS; CLOUDEP_EREFUSED: used up; CLOUDEP_ECACHE; CLOUDEP_EUNSET
 */
apr_status_t cloudep_quota_claim(apr_uint32_t *wait, const cloudep_challenges_t *in, const char *tenant_id,
                                 const char *uid, const char *purpose, apr_uint32_t limit, apr_pool_t *pool);

#endif
