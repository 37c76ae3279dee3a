/*
 * seal.h - secrets at rest: AES-256-GCM under a sealing key of the key file (RFC 5116, RFC 7518 5.3).
 *
 * A record is text: v1.<kid>.<base64url(nonce || ciphertext || tag)>, so a new active key does not make old
 * records unreadable. The nonce is random, 96 bits: rotate the key before 2^32 records.
 */
#ifndef CLOUDEP_SEAL_H
#define CLOUDEP_SEAL_H

#include "base/jose/jwk.h"

/**
 * Seals len bytes (0 is allowed) with the set's active sealing key. aad says what the record belongs to
 * (table, tenant, row): the same text is needed to open it, so records cannot be swapped. *record: from pool.
 * CLOUDEP_EUNSET: no sealing key (set may be NULL). CLOUDEP_EREFUSED: above 64 KiB. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_seal(const char **record, apr_pool_t *pool, const cloudep_jwks_t *set, const void *plain,
                          apr_size_t len, const char *aad);

/**
 * Opens a record with the key it names. *plain: from pool, a zero byte behind it, wiped when pool goes.
 * CLOUDEP_EFORGED: altered, or another aad. APR_NOTFOUND: the set has no such sealing key.
 * CLOUDEP_EMALFORMED: not a record. CLOUDEP_EUNSET: set is NULL.
 */
apr_status_t cloudep_unseal(const unsigned char **plain, apr_size_t *len, apr_pool_t *pool, const cloudep_jwks_t *set,
                            const char *record, const char *aad);

#endif
