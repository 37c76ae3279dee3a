/*
 * b64.c - strict base64url on top of APR's coder.
 */
#include "base/text/b64.h"

#include <apr_encode.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char *cloudep_b64_encode(apr_pool_t *pool, const void *data, apr_size_t len)
{
    if (!len) {
        return "";
    }
    return apr_pencode_base64_binary(pool, data, (apr_ssize_t)len, APR_ENCODE_BASE64URL, NULL);
}

/*
 * Whether the last character has its unused low bits zero. They are the low four of it when two
 * characters make the last byte, the low two when three make the last two.
 */
static int last_bits_zero(const char *text, apr_size_t text_len)
{
    const apr_size_t rest = text_len % 4;
    const char *at;

    if (!rest) {
        return 1;
    }
    at = memchr(alphabet, text[text_len - 1], sizeof(alphabet) - 1);
    return at && !((at - alphabet) & (rest == 2 ? 0x0f : 0x03));
}

apr_status_t cloudep_b64_decode(unsigned char **data, apr_size_t *len, apr_pool_t *pool, const char *text,
                                apr_size_t text_len)
{
    const apr_size_t room = text_len / 4 * 3 + 3;
    unsigned char *bytes;
    apr_size_t i;

    if (text_len % 4 == 1 || text_len > APR_INT32_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    for (i = 0; i < text_len; i++) {
        const char c = text[i];

        /* APR refuses the rest, but takes these of the other alphabet and padding at the end. */
        if (c == '+' || c == '/' || c == '=') {
            return CLOUDEP_EMALFORMED;
        }
    }
    bytes = apr_pcalloc(pool, room);
    *len = 0;
    if (text_len && apr_decode_base64_binary(bytes, text, (apr_ssize_t)text_len, APR_ENCODE_NONE, len) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    if (!last_bits_zero(text, text_len)) {
        return CLOUDEP_EMALFORMED;
    }
    bytes[*len] = '\0';
    *data = bytes;
    return APR_SUCCESS;
}
