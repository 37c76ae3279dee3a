/*
 * random.c - unguessable values: thin, checked wrappers around RAND_bytes().
 */
#include "base/crypto/random.h"

#include <string.h>

#include <apr_encode.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#define UUID_SIZE 16
#define ID_SIZE 16
#define MAX_DIGITS 18 /* the largest power of ten that 64 bits hold with room to reject in */

apr_status_t cloudep_random_bytes(unsigned char *buffer, apr_size_t size)
{
    if (size > APR_INT32_MAX || RAND_bytes(buffer, (int)size) != 1) {
        OPENSSL_cleanse(buffer, size);
        ERR_clear_error(); /* else mod_ssl reports our failure as its own */
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_random_uuid(const char **uuid, apr_pool_t *pool)
{
    unsigned char bytes[UUID_SIZE];
    const char *hex;
    apr_status_t rv;

    *uuid = NULL;
    if ((rv = cloudep_random_bytes(bytes, sizeof(bytes))) != APR_SUCCESS) {
        return rv;
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* variant 1 */
    hex = apr_pencode_base16_binary(pool, bytes, sizeof(bytes), APR_ENCODE_LOWER, NULL);
    *uuid = apr_psprintf(pool, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return APR_SUCCESS;
}

apr_status_t cloudep_random_id(const char **id, apr_pool_t *pool)
{
    unsigned char bytes[ID_SIZE];
    apr_status_t rv;

    *id = NULL;
    if ((rv = cloudep_random_bytes(bytes, sizeof(bytes))) != APR_SUCCESS) {
        return rv;
    }
    *id = apr_pencode_base64_binary(pool, bytes, sizeof(bytes), APR_ENCODE_BASE64URL, NULL);
    return APR_SUCCESS;
}

apr_status_t cloudep_random_password(const char **password, apr_pool_t *pool)
{
    const char *id;
    apr_status_t rv = cloudep_random_id(&id, pool);

    *password = rv == APR_SUCCESS ? apr_pstrcat(pool, id, "aA1-", NULL) : NULL;
    return rv;
}

apr_status_t cloudep_random_digits(const char **code, unsigned int digits, apr_pool_t *pool)
{
    apr_uint64_t limit = 1, ceiling, number;
    char *text;
    apr_status_t rv;

    *code = NULL;
    if (digits < 1 || digits > MAX_DIGITS) {
        return APR_EINVAL;
    }
    for (unsigned int i = 0; i < digits; i++) {
        limit *= 10;
    }
    /* Draw again above the last whole multiple: taking the remainder of it would favour low codes. */
    ceiling = UINT64_MAX - UINT64_MAX % limit;
    do {
        if ((rv = cloudep_random_bytes((unsigned char *)&number, sizeof(number))) != APR_SUCCESS) {
            return rv;
        }
    } while (number >= ceiling);
    number %= limit;

    text = apr_palloc(pool, digits + 1);
    text[digits] = '\0';
    for (unsigned int i = digits; i > 0; i--, number /= 10) {
        text[i - 1] = (char)('0' + number % 10);
    }
    *code = text;
    return APR_SUCCESS;
}
