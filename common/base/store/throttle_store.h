/*
 * throttle_store.h - the two lockouts that a password stands under, account and address, asked in one statement each
 * time. Their failures are counted by lockout_store.h.
 */
#ifndef CLOUDEP_THROTTLE_STORE_H
#define CLOUDEP_THROTTLE_STORE_H

#include "base/store/lockout_store.h"

/**
 * Before the comparison: how long either of two lockouts of one tenant makes wait.
 * @param wait  seconds, rounded up; 0: go on
 * @return as cloudep_db_run
 */
apr_status_t cloudep_throttle_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account,
                                    const cloudep_lockout_t *address, int *wait);

/**
 * After a comparison that succeeded: forgets the account's failures, unless parallel ones have begun a wait. Their
 * order is the order in which they lock the row.
 * @param wait  with CLOUDEP_ELOCKED the seconds that are left of it
 * @return APR_SUCCESS: it counts; CLOUDEP_ELOCKED: it came too late; else as cloudep_db_run
 */
apr_status_t cloudep_throttle_pass(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account, int *wait);

#endif
