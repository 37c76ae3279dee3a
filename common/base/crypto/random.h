/*
 * random.h - unguessable values from OpenSSL's CSPRNG, which reseeds itself after fork().
 *
 * Every function returns APR_SUCCESS, or APR_EGENERAL when the random source fails; the out
 * parameter is then NULL. There is no fallback: without randomness nothing secret can be made.
 */
#ifndef CLOUDEP_RANDOM_H
#define CLOUDEP_RANDOM_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/export.h"
#include "base/status.h"

/** Fill @a buffer with @a size random bytes. On failure the buffer is all zero. */
apr_status_t cloudep_random_bytes(unsigned char *buffer, apr_size_t size);

/** A version 4 UUID (RFC 4122) in lower case: 36 characters, 122 random bits. */
apr_status_t cloudep_random_uuid(const char **uuid, apr_pool_t *pool);

/** A challenge or session id: 128 random bits as 22 characters of base64url, without padding. */
apr_status_t cloudep_random_id(const char **id, apr_pool_t *pool);

/** A code of @a digits decimal digits (1 to 18, else APR_EINVAL), each as likely as any other. */
apr_status_t cloudep_random_digits(const char **code, unsigned int digits, apr_pool_t *pool);

/**
 * A password that nobody is to know: 128 random bits as base64url, and one of each kind of character that rules for
 * passwords ask for. 26 characters.
 */
apr_status_t cloudep_random_password(const char **password, apr_pool_t *pool);

#endif
