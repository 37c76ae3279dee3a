/*
 * authenticator_data.h - the bytes that an authenticator signs (WebAuthn Level 3 section 6.1), taken apart.
 */
#ifndef CLOUDEP_AUTHENTICATOR_DATA_H
#define CLOUDEP_AUTHENTICATOR_DATA_H

#include "base/webauthn/cbor.h"

#define CLOUDEP_RP_ID_HASH_LEN 32
#define CLOUDEP_AAGUID_LEN 16

/* The flags; the two bits that are reserved are not looked at. */
#define CLOUDEP_FLAG_UP 0x01 /* somebody was there */
#define CLOUDEP_FLAG_UV 0x04 /* it was the user: PIN, fingerprint, face */
#define CLOUDEP_FLAG_BE 0x08 /* the key may be copied to other devices */
#define CLOUDEP_FLAG_BS 0x10 /* it has been */
#define CLOUDEP_FLAG_AT 0x40 /* attested credential data follows */
#define CLOUDEP_FLAG_ED 0x80 /* extensions follow */

/* All pointers are into the bytes that were read. */
typedef struct cloudep_authenticator_data_t {
    const unsigned char *rp_id_hash; /* CLOUDEP_RP_ID_HASH_LEN bytes */
    unsigned int flags;
    apr_uint32_t sign_count;
    /* Only with CLOUDEP_FLAG_AT. */
    const unsigned char *aaguid; /* CLOUDEP_AAGUID_LEN bytes */
    const unsigned char *id;
    apr_size_t id_len;
    cloudep_cbor_t key; /* a map, not looked into */
} cloudep_authenticator_data_t;

/**
 * Takes authenticator data apart. Extensions must be a map and are not looked into otherwise.
 * CLOUDEP_EMALFORMED: too short, bytes are left, or what should be CBOR is not (cbor.h).
 */
apr_status_t cloudep_authenticator_data_read(cloudep_authenticator_data_t *data, const unsigned char *bytes,
                                             apr_size_t len);

#endif
