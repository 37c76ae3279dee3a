/*
 * jws.h - signatures over bytes with the algorithm that belongs to the key (RFC 7518 section 3, RFC 8037).
 *
 * Safe for any number of threads with the same key. Leaves nothing in OpenSSL's error queue.
 */
#ifndef CLOUDEP_JWS_H
#define CLOUDEP_JWS_H

#include "base/jose/jwk.h"

/**
 * Signs len bytes. *signature (ECDSA: r || s) is allocated from pool.
 * CLOUDEP_EUNSET: the key cannot sign. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_jws_sign(unsigned char **signature, apr_size_t *signature_len, apr_pool_t *pool,
                              const cloudep_jwk_t *key, const void *data, apr_size_t len);

/**
 * Verifies a signature. CLOUDEP_EFORGED: it does not match, or key is no signing key. APR_EGENERAL: OpenSSL could
 * not be asked.
 */
apr_status_t cloudep_jws_verify(const cloudep_jwk_t *key, const void *data, apr_size_t len,
                                const unsigned char *signature, apr_size_t signature_len);

#endif
