/*
 * budget_store.h - failures that make the next try wait: passwords, second factors, codes, whatever can be guessed; and
 * the networks that an account is known at.
 *
 * A failure is counted, or refused because a wait is on, in one atomic statement, so that no number of parallel guesses
 * gets past the budget. The wait grows with every further failure up to the policy's longest and always ends by itself:
 * nobody is locked out for ever. All times are the database's.
 *
 * A guess at an account is judged by one row: that of the network if the account is known there, else the one that all
 * other networks share. Of unknown networks the network's own rows are asked and counted as well.
 */
#ifndef CLOUDEP_BUDGET_STORE_H
#define CLOUDEP_BUDGET_STORE_H

#include "base/export.h"
#include "base/store/member_store.h"

/* Kinds of rows. */
#define CLOUDEP_BUDGET_PASSWORD "password"
#define CLOUDEP_BUDGET_FACTOR "factor" /* second factors */
#define CLOUDEP_BUDGET_CODES "codes"   /* codes that were sent, of all challenges together */
#define CLOUDEP_BUDGET_NETWORK "network"

#define CLOUDEP_BUDGET_GUESSES "guesses" /* the subject of a network's rows that guesses at accounts count in */

/* What is counted together. */
typedef struct cloudep_budget_t {
    const char *tenant_id; /* UUID */
    const char *kind;      /* CLOUDEP_BUDGET_... */
    const char *subject;   /* whose: a uid, or a keyed hash of what was typed; of networks: what failed */
    const char *network;   /* where the account is known; "": everywhere else together */
} cloudep_budget_t;

/* How a client is counted. */
typedef struct cloudep_client_t {
    const char *network;   /* IPv4 whole, IPv6 by its /64 */
    const char *network56; /* NULL: IPv4 */
    const char *network48;
} cloudep_client_t;

/* How long failures make wait. */
typedef struct cloudep_budget_policy_t {
    int attempts; /* failures that cost nothing but the last one, which begins the first wait; 0: nothing is counted */
    int first;    /* seconds of the first wait; doubled with each failure after it */
    int longest;  /* seconds that a wait takes at most */
    int forget;   /* seconds without a failure after which counting starts again */
} cloudep_budget_policy_t;

/** Whether the account has had a session at the network that counts still. @return as cloudep_db_run */
apr_status_t cloudep_budget_known(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                  const char *network, int *known);

/**
 * Before a guess, counting nothing: which row judges it, and how long to wait.
 * @param budget tenant_id, kind and subject are given; network is set
 * @param uid    the account; NULL: nobody's, which is known nowhere
 * @param wait   seconds, rounded up; 0: go on
 * @return as cloudep_db_run
 */
apr_status_t cloudep_budget_check(cloudep_db_t *db, apr_pool_t *p, cloudep_budget_t *budget, const char *uid,
                                  const cloudep_client_t *client, int *wait);

/* A failure to be counted: of an account, of a network, or of both. */
typedef struct cloudep_budget_failure_t {
    const char *tenant_id;
    const cloudep_budget_t *account; /* NULL: none */
    cloudep_budget_policy_t policy;  /* the account's */
    const char *outbox;              /* whose mail tells the owner that a wait of strangers has begun */
    const char *failed;              /* what failed, for the network's rows; NULL: those count nothing */
    cloudep_client_t client;
    cloudep_budget_policy_t of_network; /* a /56 may fail four times as often, a /48 sixteen times */
} cloudep_budget_failure_t;

/**
 * Counts a failure, or a guess about to be compared, in each of those rows that no wait is on for.
 * @param wait with CLOUDEP_ELOCKED the seconds that are left of the longest wait that is on, 1 or more
 * @return APR_SUCCESS: counted everywhere; CLOUDEP_ELOCKED: a wait is on, nobody may learn whether the guess was right;
 *         else as cloudep_db_run
 */
apr_status_t cloudep_budget_fail(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_failure_t *failure, int *wait);

/**
 * After a comparison that succeeded: forgets the failures of that row, unless parallel ones have begun a wait. Their
 * order is the order in which they lock the row.
 * @param wait  with CLOUDEP_ELOCKED the seconds that are left of it
 * @return APR_SUCCESS: it counts; CLOUDEP_ELOCKED: it came too late; else as cloudep_db_run
 */
apr_status_t cloudep_budget_pass(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_t *budget, int *wait);

/* An owner who is to be told that strangers have used a budget up. */
typedef struct cloudep_budget_notice_t {
    cloudep_budget_t budget;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
} cloudep_budget_notice_t;

/**
 * Active members who are to be told, at most limit; what is due of nobody, or of others, is settled.
 * @param outbox whose mails; NULL: the main server's
 * @param notices set to an array of cloudep_budget_notice_t
 * @return as cloudep_db_run, or CLOUDEP_EDATA
 */
apr_status_t cloudep_budget_due(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **notices, const char *outbox,
                                int limit);

/** Enqueues that mail, once. @return as cloudep_db_run */
apr_status_t cloudep_budget_tell(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_t *budget,
                                 const cloudep_message_t *message);

/**
 * Removes rows without a failure for so many seconds, and networks that are known no more; a thousand of each at most.
 * @param account seconds, of accounts' rows; network: of networks'
 * @param more    set to whether some are left
 * @return as cloudep_db_run
 */
apr_status_t cloudep_budget_forget(cloudep_db_t *db, apr_pool_t *p, int account, int network, int *more);

#endif
