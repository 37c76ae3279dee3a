/*
 * cbor.h - a strict reader of CBOR (RFC 8949) for what authenticators send.
 *
 * What it takes is the CTAP2 canonical form without its order of keys: definite lengths, every head in its shortest
 * form, no tags, text in UTF-8, map keys that are integers or texts and occur once, at most four levels of maps and
 * arrays. Nothing is copied: items point into the input, which must live as long as they are used.
 */
#ifndef CLOUDEP_CBOR_H
#define CLOUDEP_CBOR_H

#include <apr.h>
#include "base/status.h"

#define CLOUDEP_CBOR_DEPTH 4  /* levels of maps and arrays in one another (CTAP 2.1 section 8) */
#define CLOUDEP_CBOR_PAIRS 64 /* of one map: comparing keys with one another must stay cheap */

/* Major types as in RFC 8949 section 3.1; 6, tags, is not read. */
typedef enum {
    CLOUDEP_CBOR_UNSIGNED = 0,
    CLOUDEP_CBOR_NEGATIVE = 1,
    CLOUDEP_CBOR_BYTES = 2,
    CLOUDEP_CBOR_TEXT = 3,
    CLOUDEP_CBOR_ARRAY = 4,
    CLOUDEP_CBOR_MAP = 5,
    CLOUDEP_CBOR_SIMPLE = 7 /* false, true, null, undefined, or a floating-point number */
} cloudep_cbor_type_t;

typedef struct cloudep_cbor_t {
    cloudep_cbor_type_t type;
    apr_uint64_t value;        /* UNSIGNED: n; NEGATIVE: n of -1 - n; ARRAY: items; MAP: pairs; else undefined */
    const unsigned char *data; /* BYTES, TEXT: the content; ARRAY, MAP: the first item in it */
    apr_size_t len;            /* of data, in bytes */
} cloudep_cbor_t;

/**
 * Reads the data item at *at with all that is in it, and moves *at behind it. end: the first byte behind the input.
 * CLOUDEP_EMALFORMED: the input ends too early or is not of the form above; *item and *at are then undefined.
 */
apr_status_t cloudep_cbor_read(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end);

/**
 * Reads a data item that must be all of the len bytes at data. CLOUDEP_EMALFORMED: as above, or bytes are left.
 */
apr_status_t cloudep_cbor_read_all(cloudep_cbor_t *item, const unsigned char *data, apr_size_t len);

/** The value of an integer key in map, an item that was read. APR_NOTFOUND: no such key, or map is no map. */
apr_status_t cloudep_cbor_get(cloudep_cbor_t *value, const cloudep_cbor_t *map, int key);

/** The same for a text key. */
apr_status_t cloudep_cbor_get_named(cloudep_cbor_t *value, const cloudep_cbor_t *map, const char *key);

/** Whether item is that integer. */
int cloudep_cbor_is_int(const cloudep_cbor_t *item, int number);

/** An integer item. APR_NOTFOUND: item is none, or it does not fit an int. */
apr_status_t cloudep_cbor_int(int *number, const cloudep_cbor_t *item);

#endif
