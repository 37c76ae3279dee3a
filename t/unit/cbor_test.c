/*
 * cbor_test.c - the strict reader: what RFC 8949's appendix A encodes is read or refused as cbor.h says, and what its
 * appendix F calls ill-formed is refused.
 */
#include <stdlib.h>

#include <apr_escape.h>
#include <apr_general.h>
#include <apr_strings.h>

#include "base/webauthn/cbor.h"
#include "tap.h"

static apr_status_t read_hex(cloudep_cbor_t *item, apr_pool_t *pool, const char *hex)
{
    apr_size_t len;
    const unsigned char *bytes = apr_punescape_hex(pool, hex, 0, &len);
    /* of their own size, so that a sanitizer sees what is read beyond */
    unsigned char *exact = malloc(len ? len : 1);
    apr_status_t rv;

    memcpy(exact, bytes, len);
    rv = cloudep_cbor_read_all(item, exact, len);
    free(exact);
    return rv;
}

static void test_accepted(apr_pool_t *pool)
{
    static const struct {
        const char *hex;
        cloudep_cbor_type_t type;
        apr_uint64_t value;
        apr_size_t len;
    } cases[] = {
        {"00", CLOUDEP_CBOR_UNSIGNED, 0, 0},
        {"17", CLOUDEP_CBOR_UNSIGNED, 23, 0},
        {"1818", CLOUDEP_CBOR_UNSIGNED, 24, 0},
        {"18ff", CLOUDEP_CBOR_UNSIGNED, 255, 0},
        {"190100", CLOUDEP_CBOR_UNSIGNED, 256, 0},
        {"19ffff", CLOUDEP_CBOR_UNSIGNED, 65535, 0},
        {"1a00010000", CLOUDEP_CBOR_UNSIGNED, 65536, 0},
        {"1affffffff", CLOUDEP_CBOR_UNSIGNED, 4294967295U, 0},
        {"1b0000000100000000", CLOUDEP_CBOR_UNSIGNED, 4294967296U, 0},
        {"1bffffffffffffffff", CLOUDEP_CBOR_UNSIGNED, UINT64_MAX, 0},
        {"20", CLOUDEP_CBOR_NEGATIVE, 0, 0},
        {"3903e7", CLOUDEP_CBOR_NEGATIVE, 999, 0},
        {"3bffffffffffffffff", CLOUDEP_CBOR_NEGATIVE, UINT64_MAX, 0},
        {"40", CLOUDEP_CBOR_BYTES, 0, 0},
        {"4401020304", CLOUDEP_CBOR_BYTES, 4, 4},
        {"41ff", CLOUDEP_CBOR_BYTES, 1, 1},
        {"60", CLOUDEP_CBOR_TEXT, 0, 0},
        {"6449455446", CLOUDEP_CBOR_TEXT, 4, 4},
        {"62c3bc", CLOUDEP_CBOR_TEXT, 2, 2},
        {"64f0908591", CLOUDEP_CBOR_TEXT, 4, 4},
        {"80", CLOUDEP_CBOR_ARRAY, 0, 0},
        {"83010203", CLOUDEP_CBOR_ARRAY, 3, 3},
        {"8301820203820405", CLOUDEP_CBOR_ARRAY, 3, 7},
        {"a0", CLOUDEP_CBOR_MAP, 0, 0},
        {"a201020304", CLOUDEP_CBOR_MAP, 2, 4},
        {"a26161016162820203", CLOUDEP_CBOR_MAP, 2, 8},
        {"a203040102", CLOUDEP_CBOR_MAP, 2, 4},     /* keys in another order */
        {"a2000020f6", CLOUDEP_CBOR_MAP, 2, 4},     /* 0 and -1 are two keys */
        {"a20000613000", CLOUDEP_CBOR_MAP, 2, 5},   /* 0 and "0" too */
        {"8181818100", CLOUDEP_CBOR_ARRAY, 1, 4},   /* four levels */
        {"a100a100a100a0", CLOUDEP_CBOR_MAP, 1, 6}, /* of maps */
        {"81818180", CLOUDEP_CBOR_ARRAY, 1, 3},
        {"f4", CLOUDEP_CBOR_SIMPLE, 20, 0},
        {"f5", CLOUDEP_CBOR_SIMPLE, 21, 0},
        {"f6", CLOUDEP_CBOR_SIMPLE, 22, 0},
        {"f7", CLOUDEP_CBOR_SIMPLE, 23, 0},
        {"f93c00", CLOUDEP_CBOR_SIMPLE, 0x3c00, 0},
        {"fa47c35000", CLOUDEP_CBOR_SIMPLE, 0x47c35000, 0},
        {"fb3ff199999999999a", CLOUDEP_CBOR_SIMPLE, 0x3ff199999999999aULL, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cloudep_cbor_t item;

        ok(read_hex(&item, pool, cases[i].hex) == APR_SUCCESS && item.type == cases[i].type &&
               item.value == cases[i].value && item.len == cases[i].len,
           "accepted: %s", cases[i].hex);
    }
}

static void test_refused(apr_pool_t *pool)
{
    static const char *const cases[][2] = {
        {"", "nothing"},
        {"1817", "23 in two bytes"},
        {"1900ff", "255 in three bytes"},
        {"1a0000ffff", "65535 in five bytes"},
        {"1b00000000ffffffff", "2^32 - 1 in nine bytes"},
        {"3800", "-1 in two bytes"},
        {"5801aa", "the length of a byte string in two bytes"},
        {"780161", "of a text"},
        {"980100", "of an array"},
        {"b8010000", "of a map"},
        {"a1180001", "a key in two bytes"},
        {"18", "a number cut off"},
        {"1901", "after one of two bytes"},
        {"1a010203", "after three of four"},
        {"1b01020304050607", "after seven of eight"},
        {"41", "a byte string without its byte"},
        {"440102", "with half of them"},
        {"5bffffffffffffffff00", "with 2^64 - 1 promised"},
        {"7bffffffffffffffff61", "a text with as many promised"},
        {"61", "a text without its byte"},
        {"81", "an array without its item"},
        {"820001818301", "an item of it cut off"},
        {"9bffffffffffffffff", "an array with 2^64 - 1 items promised"},
        {"bbffffffffffffffff", "a map with as many"},
        {"a1", "a map without its pair"},
        {"a100", "without the value"},
        {"a2000102", "without the second value"},
        {"1c", "reserved additional information 28"},
        {"3d", "29"},
        {"5e", "30"},
        {"1f", "31 for a number"},
        {"5f42010243030405ff", "a byte string of indefinite length"},
        {"7f657374726561646d696e67ff", "a text"},
        {"9fff", "an array"},
        {"bf00f5ff", "a map"},
        {"ff", "a break"},
        {"81ff", "a break as an item"},
        {"1cffffffffffffffffffffffffffffffff", "28 with as many bytes as it would be"},
        {"9f0000ff", "an array of indefinite length with items"},
        {"c11a514b67b0", "a tag"},
        {"c1", "a tag of nothing"},
        {"81c1", "in an array"},
        {"82c100", "a tag and its item as two items"},
        {"d9d9f700", "the tag of CBOR itself"},
        {"e0", "simple value 0"},
        {"f3", "simple value 19"},
        {"f814", "false in two bytes"},
        {"f8ff", "simple value 255"},
        {"f9", "a half float without its bytes"},
        {"fa000000", "a float cut off"},
        {"fb00000000000000", "a double cut off"},
        {"0000", "a second item"},
        {"a000", "a byte behind a map"},
        {"a201010102", "a key twice"},
        {"a2616101616102", "a text key twice"},
        {"a3200000012000", "a key twice with another between"},
        {"a100a201010102", "a key twice in an inner map"},
        {"8181818180", "five levels of arrays"},
        {"a100a100a100a100a0", "of maps"},
        {"a1810000", "an array as key"},
        {"a1a00000", "a map as key"},
        {"a1410000", "a byte string as key"},
        {"a1f500", "a boolean as key"},
        {"a1f93c0000", "a float as key"},
        {"61ff", "a text that is not UTF-8"},
        {"62c328", "with half a character"},
        {"61c3", "with a character cut off by its end"},
        {"63eda080", "with a surrogate"},
        {"62c080", "with an overlong NUL"},
        {"a161ff00", "such a text as key"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *hex = cases[i][0];
        cloudep_cbor_t item;

        ok(read_hex(&item, pool, hex) == CLOUDEP_EMALFORMED, "refused: %s (%s)", cases[i][1], hex);
    }
}

/* A map of that many pairs, 0: 0, 1: 0, ... */
static apr_status_t read_wide(int pairs)
{
    unsigned char bytes[2 + 3 * 256] = {0xb8, (unsigned char)pairs};
    apr_size_t len = 2;
    cloudep_cbor_t item;

    for (int i = 0; i < pairs; i++) {
        if (i > 23) {
            bytes[len++] = 0x18;
        }
        bytes[len++] = (unsigned char)i;
        bytes[len++] = 0;
    }
    return cloudep_cbor_read_all(&item, bytes, len);
}

static void test_get(apr_pool_t *pool)
{
    cloudep_cbor_t map, value;
    apr_size_t len;
    /* {3: -7, -1: {3: 9}, "fmt": "none", "3": 4, 1: 2} */
    const unsigned char *bytes = apr_punescape_hex(pool, "a5032620a1030963666d74646e6f6e656133040102", 0, &len);
    const unsigned char *at = bytes;
    int number = 0;

    is_int(cloudep_cbor_read(&map, &at, bytes + len), APR_SUCCESS, "a map with keys of both kinds");
    ok(at == bytes + len, "is read to its end");
    ok(cloudep_cbor_get(&value, &map, 3) == APR_SUCCESS && cloudep_cbor_is_int(&value, -7), "by a number");
    ok(cloudep_cbor_get(&value, &map, 1) == APR_SUCCESS && cloudep_cbor_is_int(&value, 2), "the last one");
    ok(cloudep_cbor_get(&value, &map, -1) == APR_SUCCESS && value.type == CLOUDEP_CBOR_MAP, "by a negative number");
    ok(cloudep_cbor_get(&value, &value, 3) == APR_SUCCESS && cloudep_cbor_is_int(&value, 9), "in the inner map");
    ok(cloudep_cbor_get_named(&value, &map, "fmt") == APR_SUCCESS && value.len == 4 && !memcmp(value.data, "none", 4),
       "by a text");
    ok(cloudep_cbor_get_named(&value, &map, "3") == APR_SUCCESS && cloudep_cbor_is_int(&value, 4),
       "a text of digits is no number");
    is_int(cloudep_cbor_get(&value, &map, 9), APR_NOTFOUND, "a value is no key");
    is_int(cloudep_cbor_get_named(&value, &map, "fm"), APR_NOTFOUND, "the start of a key is none");
    is_int(cloudep_cbor_get_named(&value, &map, "fmtd"), APR_NOTFOUND, "nor is more than a key");
    bytes = apr_punescape_hex(pool, "820304", 0, &len);
    is_int(cloudep_cbor_read_all(&map, bytes, len), APR_SUCCESS, "an array");
    is_int(cloudep_cbor_get(&value, &map, 3), APR_NOTFOUND, "has no keys");
    is_int(read_hex(&value, pool, "1a7fffffff"), APR_SUCCESS, "2^31 - 1");
    ok(cloudep_cbor_int(&number, &value) == APR_SUCCESS && number == INT32_MAX, "is an int");
    is_int(read_hex(&value, pool, "3a7fffffff"), APR_SUCCESS, "-2^31");
    ok(cloudep_cbor_int(&number, &value) == APR_SUCCESS && number == INT32_MIN, "too");
    is_int(read_hex(&value, pool, "1a80000000"), APR_SUCCESS, "2^31");
    is_int(cloudep_cbor_int(&number, &value), APR_NOTFOUND, "is none");
    is_int(read_hex(&value, pool, "3a80000000"), APR_SUCCESS, "-2^31 - 1");
    is_int(cloudep_cbor_int(&number, &value), APR_NOTFOUND, "neither");
    is_int(read_hex(&value, pool, "f4"), APR_SUCCESS, "false");
    is_int(cloudep_cbor_int(&number, &value), APR_NOTFOUND, "is no number");
    is_int(read_wide(CLOUDEP_CBOR_PAIRS), APR_SUCCESS, "a map of 64 pairs");
    is_int(read_wide(CLOUDEP_CBOR_PAIRS + 1), CLOUDEP_EMALFORMED, "one of 65 is too wide");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_accepted(pool);
    test_refused(pool);
    test_get(pool);
    apr_terminate();
    return done_testing();
}
