/*
 * password.h - password hashes (argon2id in PHC strings) and the rule against guessable passwords.
 *
 * Hashing takes tens of milliseconds and params.memory KiB: the caller bounds how many run at once.
 * Nothing here logs or keeps a password.
 */
#ifndef CLOUDEP_PASSWORD_H
#define CLOUDEP_PASSWORD_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/export.h"
#include "base/status.h"

/* The fewest characters of a password that is set, in the form that is hashed. */
#define CLOUDEP_PASSWORD_LEAST 8

typedef struct cloudep_password_params_t {
    apr_uint32_t memory; /* KiB */
    apr_uint32_t passes;
    apr_uint32_t lanes;
} cloudep_password_params_t;

/* A block that hashes use one after the other, so that each finds it mapped; at least params.memory KiB, else they take
 * memory of their own. One hash at a time. */
typedef struct cloudep_password_memory_t {
    void *block;
    apr_size_t size; /* bytes */
} cloudep_password_memory_t;

/* OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane. */
#define CLOUDEP_PASSWORD_MEMORY 19456
#define CLOUDEP_PASSWORD_PASSES 2
#define CLOUDEP_PASSWORD_LANES 1

/**
 * Check parameters that an administrator chose: memory 7168 KiB (OWASP's least) to 1 GiB, passes 1
 * to 64, lanes 1 to 16, memory * passes at most 4 GiB.
 * @return NULL when they are usable, else a sentence for the configuration error
 */
const char *cloudep_password_params_fault(const cloudep_password_params_t *params);

/**
 * Hash a password with a fresh 16-byte salt.
 * @param phc the PHC string ($argon2id$v=19$m=...$salt$tag, 32-byte tag), in @a pool; NULL on
 * failure
 * @param password at most 4096 bytes; every byte counts
 * @param params the cost; must have no cloudep_password_params_fault()
 * @param memory to work in, wiped afterwards; NULL: none is lent
 * @return APR_SUCCESS; APR_ENOMEM when the hash's memory cannot be had; APR_EINVAL for unusable
 *         parameters or a longer password; APR_EGENERAL when the random source fails
 */
apr_status_t cloudep_password_hash(const char **phc, const char *password, const cloudep_password_params_t *params,
                                   const cloudep_password_memory_t *memory, apr_pool_t *pool);

/**
 * Check a password against a stored hash, in time that depends on the hash's parameters only.
 * @param memory as for cloudep_password_hash()
 * @param pool scratch
 * @return APR_SUCCESS when it is the password, CLOUDEP_EFORGED when it is not, CLOUDEP_EDATA when
 *         @a phc is not an argon2id PHC string within the bounds of cloudep_password_params_fault()
 *         (memory from 8 KiB up is taken here, so that imported hashes work), APR_ENOMEM
 */
apr_status_t cloudep_password_verify(const char *password, const char *phc, const cloudep_password_memory_t *memory,
                                     apr_pool_t *pool);

/** Whether a stored hash was made with other parameters, so that it is due for a new one. A string
 *  that is no argon2id hash needs one as well. */
int cloudep_password_needs_rehash(const char *phc, const cloudep_password_params_t *params);

/**
 * Make the hash of a random password that nobody knows. Verified in place of the hash of an unknown
 * account, it costs the same time. Make it once per process, with the parameters in force.
 * @return as cloudep_password_hash()
 */
apr_status_t cloudep_password_decoy(const char **phc, const cloudep_password_params_t *params, apr_pool_t *pool);

/**
 * Refuse a new password that a guesser tries early: one that is, as a whole, a common password, a
 * word, a text of the user's own (also in leet spelling), a repetition, a keyboard pattern, a sequence
 * or a date, or so little more than that ("Password123") that fewer than 2^20 guesses find it. Length
 * is checked with the field, not here. Takes microseconds, with hostile input up to 30 ms.
 * @param reason on refusal a text for the client that goes on from the field's name ("must not ...");
 *               else NULL
 * @param password the new password
 * @param words what belongs to the user: email, tenant slug, display name, ended by NULL; may be NULL.
 *              They count whole and in parts
 * @param pool scratch
 * @return APR_SUCCESS, or CLOUDEP_EREFUSED
 */
apr_status_t cloudep_password_acceptable(const char **reason, const char *password, const char *const words[],
                                         apr_pool_t *pool);

#endif
