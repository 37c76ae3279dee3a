/*
 * keyfile.h - our own key set in a file: loading it at start, and the operator's changes to it.
 *
 * The file is a JWK Set with the private parts inside. The order says what is in use: the first key of each use
 * ("sig", "enc") signs or seals, those after it are only published and accepted. So a rotation is: add,
 * wait until every node has loaded it, activate, wait until old tokens are over, retire.
 *
 * Every function: *error is, on failure, one sentence for the operator that names the file, allocated from
 * pool, without key material.
 */
#ifndef CLOUDEP_KEYFILE_H
#define CLOUDEP_KEYFILE_H

#include "base/jose/jwk.h"

/* A key set larger than this is refused, in bytes. */
#define CLOUDEP_KEYFILE_MAX (256 * 1024)

/**
 * Loads the set (read as CLOUDEP_JWKS_OWN; at least one key). Keys live as long as pool.
 * CLOUDEP_EREFUSED: not a regular file, too large, others may write it, others may read it while it holds
 * private or secret keys, or a key is not allowed. CLOUDEP_EMALFORMED: not a key set. Else the error of
 * opening or reading (APR_STATUS_IS_ENOENT, ...).
 */
apr_status_t cloudep_keyfile_load(const cloudep_jwks_t **set, apr_pool_t *pool, const char *path, const char **error);

/** The same, and the bytes of the file (secret: the caller's to wipe), also where they are no key set; or NULL. */
apr_status_t cloudep_keyfile_load_text(const cloudep_jwks_t **set, char **text, apr_size_t *len, apr_pool_t *pool,
                                       const char *path, const char **error);

/** The set in the bytes of a file that was read before; path is for *error. As cloudep_keyfile_load. */
apr_status_t cloudep_keyfile_parse(const cloudep_jwks_t **set, apr_pool_t *pool, const char *path, const char *text,
                                   apr_size_t len, const char **error);

/**
 * Adds a new key for alg at the end: it is published but not in use (unless it is the first of its use). Creates
 * the file, mode 0600, when there is none. *kid: the new key's.
 * CLOUDEP_EREFUSED: no such algorithm; else as cloudep_keyfile_load.
 */
apr_status_t cloudep_keyfile_add(const char **kid, apr_pool_t *pool, const char *path, const char *alg,
                                 const char **error);

/**
 * Puts a key in use (moves it to the front). APR_NOTFOUND: no such kid. CLOUDEP_EREFUSED: the key has no private
 * part. Else as cloudep_keyfile_load.
 */
apr_status_t cloudep_keyfile_activate(apr_pool_t *pool, const char *path, const char *kid, const char **error);

/**
 * Removes a key: what it signed or sealed is no longer accepted. APR_NOTFOUND: no such kid. CLOUDEP_EREFUSED: it
 * is the one in use (activate another first). Else as cloudep_keyfile_load.
 */
apr_status_t cloudep_keyfile_retire(apr_pool_t *pool, const char *path, const char *kid, const char **error);

/**
 * To list: load the set and walk it with cloudep_jwks_get; a key is in use when it is
 * cloudep_jwks_active(set, cloudep_jwk_use(key)).
 */

#endif
