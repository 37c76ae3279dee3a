/*
 * totp.h - time-based one-time passwords as the authenticator apps do them.
 *
 * RFC 6238 on RFC 4226 with the only parameters that all apps read: SHA-1, 6 digits, 30 seconds.
 * Maths and text only: sealing, storing and burning of steps is the service's work.
 */
#ifndef CLOUDEP_TOTP_H
#define CLOUDEP_TOTP_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

#include "base/export.h"
#include "base/status.h"

#define CLOUDEP_TOTP_DIGITS 6
#define CLOUDEP_TOTP_PERIOD 30      /* seconds */
#define CLOUDEP_TOTP_WINDOW 1       /* steps accepted on either side of now (RFC 6238, 5.2) */
#define CLOUDEP_TOTP_SECRET_SIZE 20 /* bytes: 160 bits, as RFC 4226 recommends */

/** The step that @a now (microseconds since 1970, not before) lies in. */
apr_int64_t cloudep_totp_step(apr_time_t now);

/**
 * Compute the code of one step.
 * @param code room for CLOUDEP_TOTP_DIGITS + 1 characters; "" on failure
 * @param secret the shared secret
 * @param size its size in bytes
 * @param step the moving factor, see cloudep_totp_step()
 * @return APR_SUCCESS, or APR_EGENERAL when the crypto library fails
 */
apr_status_t cloudep_totp_code(char code[CLOUDEP_TOTP_DIGITS + 1], const unsigned char *secret, apr_size_t size,
                               apr_int64_t step);

/**
 * Check a code against now and CLOUDEP_TOTP_WINDOW steps on either side, in constant time. The
 * caller must burn the step: accept it only when it is later than the last one accepted.
 * @param step the step that the code belongs to (the latest, should it belong to two); -1 on
 * failure
 * @param secret the shared secret
 * @param size its size in bytes
 * @param code CLOUDEP_TOTP_DIGITS digits, spaces already removed
 * @param now the server's time
 * @return APR_SUCCESS, CLOUDEP_EFORGED when it is the code of none of them, CLOUDEP_EMALFORMED when
 * it cannot be a code, APR_EGENERAL when the crypto library fails
 */
apr_status_t cloudep_totp_verify(apr_int64_t *step, const unsigned char *secret, apr_size_t size, const char *code,
                                 apr_time_t now);

/** The secret as people type it into an app: base32 (RFC 4648), upper case, without padding. */
const char *cloudep_totp_secret_text(const unsigned char *secret, apr_size_t size, apr_pool_t *pool);

/**
 * Build the otpauth:// URL of an enrolment, the text behind its QR code.
 * @param url the URL, in @a pool; it holds the secret: never log it
 * @param secret the shared secret
 * @param size its size in bytes
 * @param issuer name of the tenant or service, UTF-8, not empty; a colon in it becomes a space, as
 *               the apps split the label at the first one, escaped or not
 * @param account what the member is called there, usually the email address; treated alike
 * @return APR_SUCCESS, or APR_ENOMEM
 */
apr_status_t cloudep_totp_url(const char **url, const unsigned char *secret, apr_size_t size, const char *issuer,
                              const char *account, apr_pool_t *pool);

#endif
