/*
 * status.h - the failures of CloudEP that APR has no name for.
 *
 * Every fallible function returns apr_status_t. APR_SUCCESS and APR_NOTFOUND (looked, and there is
 * none) keep APR's meaning; the values below never mean "none": they mean "could not" or "must not".
 */
#ifndef CLOUDEP_STATUS_H
#define CLOUDEP_STATUS_H

#include <apr_errno.h>

#define CLOUDEP_STATUS(n) (APR_OS_START_USERERR + 0x6500 + (n))

#define CLOUDEP_EMALFORMED CLOUDEP_STATUS(1) /* input is not of its format */
#define CLOUDEP_EFORGED CLOUDEP_STATUS(2)    /* signature, MAC or seal does not match */
#define CLOUDEP_EEXPIRED CLOUDEP_STATUS(3)   /* was right once, its time is over (or not yet come) */
#define CLOUDEP_EREFUSED CLOUDEP_STATUS(4)   /* well formed and true, but not allowed */
#define CLOUDEP_ECONFLICT CLOUDEP_STATUS(5)  /* exists already (unique violation) */
#define CLOUDEP_ELOCKED CLOUDEP_STATUS(6)    /* a lock was not given in time */
#define CLOUDEP_EDATABASE CLOUDEP_STATUS(7)  /* the database failed or could not be asked */
#define CLOUDEP_ECACHE CLOUDEP_STATUS(8)     /* memcached failed or could not be asked */
#define CLOUDEP_EPROVIDER CLOUDEP_STATUS(9)  /* the identity provider failed */
#define CLOUDEP_EOVERLOAD CLOUDEP_STATUS(10) /* no capacity within the wait; retry later */
#define CLOUDEP_EDATA CLOUDEP_STATUS(11)     /* stored data that cannot be */
#define CLOUDEP_EUNSET CLOUDEP_STATUS(12)    /* the part is not configured */
#define CLOUDEP_ECHANGED CLOUDEP_STATUS(13)  /* is not any more what it was when it was read */

/** A status in a few words for a log; constant text, also for APR's own values. */
const char *cloudep_status_name(apr_status_t status);

#endif
