/*
 * mac.h - keyed hashes of short secrets (one-time codes, backup codes), and keys derived from sealing keys.
 *
 * A code of six digits cannot be kept as a plain hash: anyone with the table would try all of them. It is
 * kept as <kid>.<base64url(HMAC-SHA256)>; the HMAC key is derived from the sealing key named kid, so
 * what is stored stays valid when another sealing key becomes the active one.
 */
#ifndef CLOUDEP_MAC_H
#define CLOUDEP_MAC_H

#include "base/jose/jwk.h"

#define CLOUDEP_MAC_LEN 32

/* HMAC-SHA256 (RFC 2104). APR_EGENERAL: OpenSSL failed. */
apr_status_t cloudep_hmac_sha256(unsigned char out[CLOUDEP_MAC_LEN], const void *key, apr_size_t key_len,
                                 const void *data, apr_size_t len);

/* HKDF-SHA256 (RFC 5869), salt and info may be empty (NULL, 0). out_len: 1 to 8160. */
apr_status_t cloudep_hkdf_sha256(unsigned char *out, apr_size_t out_len, const void *ikm, apr_size_t ikm_len,
                                 const void *salt, apr_size_t salt_len, const void *info, apr_size_t info_len);

/**
 * A 32-byte key for one purpose (label) out of the sealing key kid; kid NULL: the active one. Wipe it with
 * OPENSSL_cleanse after use.
 * CLOUDEP_EUNSET: no sealing key (set may be NULL). APR_NOTFOUND: no sealing key of that kid.
 */
apr_status_t cloudep_derive_key(unsigned char out[CLOUDEP_MAC_LEN], const cloudep_jwks_t *set, const char *kid,
                                const char *label);

/**
 * For each secret key of set that is for use, in their order, an HS256 signing key of that kid, derived from it for one
 * purpose (label); other keys are left out. The result lives as long as pool. set may be NULL: no keys.
 */
apr_status_t cloudep_derive_jwks(const cloudep_jwks_t **derived, apr_pool_t *pool, const cloudep_jwks_t *set,
                                 cloudep_key_use_t use, const char *label);

/**
 * The text to store for a secret. label: the purpose, e.g. "otp" (a secret stored for one purpose does
 * not match for another). kid: NULL for the active key; or, to look a secret up by its stored text,
 * each kid in turn that texts may have been made with. Put what the secret belongs to (challenge, member)
 * into the data. Errors as cloudep_derive_key.
 */
apr_status_t cloudep_mac(const char **stored, apr_pool_t *pool, const cloudep_jwks_t *set, const char *kid,
                         const char *label, const void *data, apr_size_t len);

/**
 * Compares a secret with a stored text, in constant time. APR_SUCCESS: matches. CLOUDEP_EFORGED: does not.
 * APR_NOTFOUND: made with a key that the set no longer has. CLOUDEP_EMALFORMED: not such a text.
 * CLOUDEP_EUNSET: set is NULL.
 */
apr_status_t cloudep_mac_check(apr_pool_t *pool, const cloudep_jwks_t *set, const char *label, const void *data,
                               apr_size_t len, const char *stored);

#endif
