/*
 * b64.h - base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strictly.
 *
 * APR's decoder also takes the other alphabet, padding and stray low bits, which would let one token or
 * key be written in several ways. Here every value has exactly one spelling.
 */
#ifndef CLOUDEP_B64_H
#define CLOUDEP_B64_H

#include <apr_pools.h>
#include "base/status.h"

/**
 * Encodes len bytes; the text is allocated from pool. len may be 0 (data then may be NULL): gives "".
 * NULL only when len is too big to encode.
 */
const char *cloudep_b64_encode(apr_pool_t *pool, const void *data, apr_size_t len);

/**
 * Decodes text_len characters. The bytes are allocated from pool, with a zero byte after them which *len
 * does not count.
 * CLOUDEP_EMALFORMED: a character outside the alphabet, padding, whitespace, an impossible length, or low
 * bits that the encoder would have left zero.
 */
apr_status_t cloudep_b64_decode(unsigned char **data, apr_size_t *len, apr_pool_t *pool, const char *text,
                                apr_size_t text_len);

#endif
