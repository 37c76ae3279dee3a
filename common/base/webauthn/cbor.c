/*
 * cbor.c - bytes of CBOR into items, whole or not at all.
 *
 * Reading an item reads all that is in it, so the look-ups in a map walk over what was found right before.
 */
#include "base/webauthn/cbor.h"

#include <limits.h>
#include <string.h>
#include <unicode/utf8.h>

/* The additional information of a head (RFC 8949 section 3). */
#define FOLLOWS_1 24
#define FOLLOWS_8 27
#define TAG 6
#define SIMPLE_FALSE 20
#define SIMPLE_UNDEFINED 23

/* The bytes of a key as it is encoded: as every head has its shortest form, equal keys are equal bytes. */
typedef struct span_t {
    const unsigned char *start;
    apr_size_t len;
} span_t;

/* The head of an item: its type, and the number in it or behind it. */
static apr_status_t read_head(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end)
{
    unsigned int info, size, i;

    if (*at == end) {
        return CLOUDEP_EMALFORMED;
    }
    item->type = (cloudep_cbor_type_t)(**at >> 5);
    info = *(*at)++ & 0x1f;
    if (info > FOLLOWS_8 || item->type == (cloudep_cbor_type_t)TAG) {
        return CLOUDEP_EMALFORMED; /* an indefinite length, a reserved value, a tag */
    }
    item->value = info;
    if (info < FOLLOWS_1) {
        return APR_SUCCESS;
    }
    size = 1U << (info - FOLLOWS_1);
    if ((apr_size_t)(end - *at) < size) {
        return CLOUDEP_EMALFORMED;
    }
    item->value = 0;
    for (i = 0; i < size; i++) {
        item->value = item->value << 8 | *(*at)++;
    }
    if (item->type == CLOUDEP_CBOR_SIMPLE) {
        return APR_SUCCESS;
    }
    /* Shortest form: what fits into half the bytes, or into the head itself, must be there. */
    return item->value < (size == 1 ? FOLLOWS_1 : 1ULL << (4 * size)) ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

/* Simple values other than these are not assigned; the numbers are not looked at, so any will do. */
static apr_status_t check_simple(const unsigned char *head)
{
    const unsigned int info = *head & 0x1f;

    return (info >= SIMPLE_FALSE && info <= SIMPLE_UNDEFINED) || info > FOLLOWS_1 ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}

static int is_utf8(const unsigned char *text, apr_size_t len)
{
    apr_size_t i = 0;
    UChar32 c = 0;

    while (i < len && c >= 0) {
        U8_NEXT(text, i, len, c);
    }
    return c >= 0;
}

static apr_status_t read_string(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end)
{
    if (item->value > (apr_uint64_t)(end - *at)) {
        return CLOUDEP_EMALFORMED;
    }
    item->data = *at;
    item->len = (apr_size_t)item->value;
    *at += item->len;
    return item->type == CLOUDEP_CBOR_BYTES || is_utf8(item->data, item->len) ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}

static apr_status_t read_item(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end, int depth);

/* A key that is none of the count that came before it. */
static apr_status_t read_key(span_t *keys, apr_size_t count, const unsigned char **at, const unsigned char *end)
{
    const unsigned char *start = *at;
    cloudep_cbor_t key;
    apr_size_t i;

    if (read_item(&key, at, end, CLOUDEP_CBOR_DEPTH) != APR_SUCCESS || key.type == CLOUDEP_CBOR_BYTES ||
        key.type == CLOUDEP_CBOR_SIMPLE) {
        return CLOUDEP_EMALFORMED;
    }
    keys[count].start = start;
    keys[count].len = (apr_size_t)(*at - start);
    for (i = 0; i < count; i++) {
        if (keys[i].len == keys[count].len && !memcmp(keys[i].start, start, keys[i].len)) {
            return CLOUDEP_EMALFORMED;
        }
    }
    return APR_SUCCESS;
}

/* The items of an array or the pairs of a map, which lies at that depth. */
static apr_status_t read_content(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end, int depth)
{
    span_t keys[CLOUDEP_CBOR_PAIRS];
    cloudep_cbor_t inner;
    apr_uint64_t i;
    apr_status_t rv;

    if (depth > CLOUDEP_CBOR_DEPTH || (item->type == CLOUDEP_CBOR_MAP && item->value > CLOUDEP_CBOR_PAIRS)) {
        return CLOUDEP_EMALFORMED;
    }
    item->data = *at;
    for (i = 0; i < item->value; i++) {
        if (item->type == CLOUDEP_CBOR_MAP && (rv = read_key(keys, (apr_size_t)i, at, end)) != APR_SUCCESS) {
            return rv;
        }
        if ((rv = read_item(&inner, at, end, depth)) != APR_SUCCESS) {
            return rv;
        }
    }
    item->len = (apr_size_t)(*at - item->data);
    return APR_SUCCESS;
}

/* depth: levels of maps and arrays around the item. */
static apr_status_t read_item(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end, int depth)
{
    const unsigned char *head = *at;
    const apr_status_t rv = read_head(item, at, end);

    item->data = NULL;
    item->len = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (item->type) {
    case CLOUDEP_CBOR_BYTES:
    case CLOUDEP_CBOR_TEXT:
        return read_string(item, at, end);
    case CLOUDEP_CBOR_ARRAY:
    case CLOUDEP_CBOR_MAP:
        return read_content(item, at, end, depth + 1);
    case CLOUDEP_CBOR_SIMPLE:
        return check_simple(head);
    default:
        return APR_SUCCESS;
    }
}

apr_status_t cloudep_cbor_read(cloudep_cbor_t *item, const unsigned char **at, const unsigned char *end)
{
    return read_item(item, at, end, 0);
}

apr_status_t cloudep_cbor_read_all(cloudep_cbor_t *item, const unsigned char *data, apr_size_t len)
{
    const unsigned char *at = data;
    const apr_status_t rv = cloudep_cbor_read(item, &at, data + len);

    return rv == APR_SUCCESS && at != data + len ? CLOUDEP_EMALFORMED : rv;
}

/* Walks over a map's pairs to the one whose key is the integer key, or where name is given the text. */
static apr_status_t find(cloudep_cbor_t *value, const cloudep_cbor_t *map, int key, const char *name)
{
    const unsigned char *at = map->data;
    apr_uint64_t i;

    for (i = 0; map->type == CLOUDEP_CBOR_MAP && i < map->value; i++) {
        cloudep_cbor_t found;

        if (cloudep_cbor_read(&found, &at, map->data + map->len) != APR_SUCCESS ||
            cloudep_cbor_read(value, &at, map->data + map->len) != APR_SUCCESS) {
            break;
        }
        if (name ? found.type == CLOUDEP_CBOR_TEXT && found.len == strlen(name) && !memcmp(found.data, name, found.len)
                 : cloudep_cbor_is_int(&found, key)) {
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}

apr_status_t cloudep_cbor_get(cloudep_cbor_t *value, const cloudep_cbor_t *map, int key)
{
    return find(value, map, key, NULL);
}

apr_status_t cloudep_cbor_get_named(cloudep_cbor_t *value, const cloudep_cbor_t *map, const char *key)
{
    return find(value, map, 0, key);
}

apr_status_t cloudep_cbor_int(int *number, const cloudep_cbor_t *item)
{
    if ((item->type != CLOUDEP_CBOR_UNSIGNED && item->type != CLOUDEP_CBOR_NEGATIVE) || item->value > INT_MAX) {
        return APR_NOTFOUND;
    }
    *number = item->type == CLOUDEP_CBOR_UNSIGNED ? (int)item->value : -1 - (int)item->value;
    return APR_SUCCESS;
}

int cloudep_cbor_is_int(const cloudep_cbor_t *item, int number)
{
    int value;

    return cloudep_cbor_int(&value, item) == APR_SUCCESS && value == number;
}
