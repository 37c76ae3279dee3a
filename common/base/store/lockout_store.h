/*
 * lockout_store.h - failures that make the next try wait: passwords, second factors, whatever can be guessed.
 *
 * A failure is counted, or refused because a wait is on, in one atomic statement, so that no number of parallel guesses
 * gets past the limit. Second factors are counted before they are compared (second_factor.c) and passwords, whose
 * comparison is slow, after it (throttle_store.h); a right guess clears the count. The wait grows with every further
 * failure up to the policy's longest and always ends by itself: nobody is locked out for ever. All times are the
 * database's.
 */
#ifndef CLOUDEP_LOCKOUT_STORE_H
#define CLOUDEP_LOCKOUT_STORE_H

#include "base/store/db.h"
#include "base/export.h"

#define CLOUDEP_LOCKOUT_ADDRESS "address" /* kind: whatever one client guesses; subject: its network */

/* What is counted together. */
typedef struct cloudep_lockout_t {
    const char *tenant_id; /* UUID */
    const char *kind;      /* what is guessed: "mfa", "password", "address", ... */
    const char *subject;   /* whose: a uid, or a keyed hash of what was typed */
} cloudep_lockout_t;

/* How long failures make wait. */
typedef struct cloudep_lockout_policy_t {
    int attempts; /* failures that cost nothing but the last one, which begins the first wait; 1 or more */
    int first;    /* seconds of the first wait; doubled with each failure after it */
    int longest;  /* seconds that a wait takes at most */
    int forget;   /* seconds without a failure after which counting starts again */
} cloudep_lockout_policy_t;

/**
 * Asks how long to wait, counting nothing.
 * @param wait  seconds, rounded up; 0: go on
 * @return as cloudep_db_run
 */
apr_status_t cloudep_lockout_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout, int *wait);

/**
 * Counts a failure, or a guess about to be compared: unless a wait is on, in which case nothing is counted.
 * @param wait  seconds to wait from now on: with APR_SUCCESS the wait that this failure began, 0 when it began none;
 *              with CLOUDEP_ELOCKED what is left of the one that is on, 1 or more
 * @return APR_SUCCESS: counted; CLOUDEP_ELOCKED: a wait is on, do not even compare; else as cloudep_db_run
 */
apr_status_t cloudep_lockout_fail(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout,
                                  const cloudep_lockout_policy_t *policy, int *wait);

#endif
