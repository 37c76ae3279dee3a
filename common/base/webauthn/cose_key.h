/*
 * cose_key.h - credential public keys: from COSE (RFC 9052, RFC 9053, RFC 8230) to OpenSSL, and signatures checked
 * with them.
 */
#ifndef CLOUDEP_COSE_KEY_H
#define CLOUDEP_COSE_KEY_H

#include "base/webauthn/cbor.h"
#include "base/webauthn/webauthn.h"

/**
 * Reads the algorithm of a COSE key (a map). CLOUDEP_WEBAUTHN_KEY: it has none.
 */
cloudep_webauthn_reason_t cloudep_cose_algorithm(int *algorithm, const cloudep_cbor_t *key);

/**
 * Makes a SubjectPublicKeyInfo, allocated from pool, of a COSE key with that algorithm. Members that are not needed
 * are not looked at. CLOUDEP_WEBAUTHN_ALGORITHM: not one that we know. CLOUDEP_WEBAUTHN_KEY, _KEY_TYPE, _KEY_SIZE,
 * _KEY_POINT, _KEY_WEAK, CLOUDEP_WEBAUTHN_UNABLE.
 */
cloudep_webauthn_reason_t cloudep_cose_to_spki(cloudep_webauthn_bytes_t *spki, apr_pool_t *pool, int algorithm,
                                               const cloudep_cbor_t *key);

/**
 * Checks a signature over len bytes with a key as cloudep_cose_to_spki made it. CLOUDEP_WEBAUTHN_SIGNATURE: it does
 * not match. CLOUDEP_WEBAUTHN_STORED_KEY: no such key, or it is not the algorithm's. CLOUDEP_WEBAUTHN_UNABLE.
 */
cloudep_webauthn_reason_t cloudep_cose_verify(int algorithm, const cloudep_webauthn_bytes_t *spki,
                                              const unsigned char *data, apr_size_t len,
                                              const cloudep_webauthn_bytes_t *signature);

#endif
