/*
 * authenticator_data.c - WebAuthn Level 3 sections 6.1 (authenticator data) and 6.5.1 (attested credential data).
 */
#include "base/webauthn/authenticator_data.h"

#include <string.h>

#define FIXED_LEN (CLOUDEP_RP_ID_HASH_LEN + 1 + 4)
#define ID_LENGTH_LEN 2

static apr_uint32_t big_endian(const unsigned char *bytes, int count)
{
    apr_uint32_t number = 0;

    while (count--) {
        number = number << 8 | *bytes++;
    }
    return number;
}

static apr_status_t read_map(cloudep_cbor_t *map, const unsigned char **at, const unsigned char *end)
{
    const apr_status_t rv = cloudep_cbor_read(map, at, end);

    return rv == APR_SUCCESS && map->type != CLOUDEP_CBOR_MAP ? CLOUDEP_EMALFORMED : rv;
}

static apr_status_t read_credential(cloudep_authenticator_data_t *data, const unsigned char **at,
                                    const unsigned char *end)
{
    if (end - *at < CLOUDEP_AAGUID_LEN + ID_LENGTH_LEN) {
        return CLOUDEP_EMALFORMED;
    }
    data->aaguid = *at;
    data->id_len = big_endian(*at + CLOUDEP_AAGUID_LEN, ID_LENGTH_LEN);
    data->id = *at + CLOUDEP_AAGUID_LEN + ID_LENGTH_LEN;
    if ((apr_size_t)(end - data->id) < data->id_len) {
        return CLOUDEP_EMALFORMED;
    }
    *at = data->id + data->id_len;
    return read_map(&data->key, at, end);
}

apr_status_t cloudep_authenticator_data_read(cloudep_authenticator_data_t *data, const unsigned char *bytes,
                                             apr_size_t len)
{
    const unsigned char *end = bytes + len;
    const unsigned char *at;
    cloudep_cbor_t extensions;
    apr_status_t rv;

    memset(data, 0, sizeof(*data));
    if (len < FIXED_LEN) {
        return CLOUDEP_EMALFORMED;
    }
    at = bytes + FIXED_LEN;
    data->rp_id_hash = bytes;
    data->flags = bytes[CLOUDEP_RP_ID_HASH_LEN];
    data->sign_count = big_endian(bytes + CLOUDEP_RP_ID_HASH_LEN + 1, 4);
    if (data->flags & CLOUDEP_FLAG_AT && (rv = read_credential(data, &at, end)) != APR_SUCCESS) {
        return rv;
    }
    if (data->flags & CLOUDEP_FLAG_ED && (rv = read_map(&extensions, &at, end)) != APR_SUCCESS) {
        return rv;
    }
    return at == end ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}
