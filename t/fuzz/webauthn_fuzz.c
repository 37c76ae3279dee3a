/*
 * webauthn_fuzz.c - what a browser sends for a passkey, all of it made by whoever sits there.
 *
 * The first byte says what follows: 'b' any CBOR, 'o' an attestation object, 'd' authenticator data, 'k' a COSE key,
 * 'c' client data, 's' a signature. A capital letter: the same in hexadecimal digits, as the corpus has it.
 */
#include <apr_escape.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/webauthn/cbor.h"
#include "base/webauthn/webauthn.h"
#include "fuzz.h"

#define CHALLENGE "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
#define CLIENT_DATA(type) "{\"type\":\"" type "\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"http://localhost:8911\"}"

/* SHA-256 of "localhost" */
static const unsigned char rp_id_hash[] = {0x49, 0x96, 0x0d, 0xe5, 0x88, 0x0e, 0x8c, 0x68, 0x74, 0x34, 0x17,
                                           0x0f, 0x64, 0x76, 0x60, 0x5b, 0x8f, 0xe4, 0xae, 0xb9, 0xa2, 0x86,
                                           0x32, 0xc7, 0x99, 0x5c, 0xf3, 0xba, 0x83, 0x1d, 0x97, 0x63};
/* The public key of RFC 7515 A.3. */
static const unsigned char spki[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x7f, 0xcd, 0xce, 0x27, 0x70, 0xf6, 0xc4, 0x5d, 0x41, 0x83, 0xcb,
    0xee, 0x6f, 0xdb, 0x4b, 0x7b, 0x58, 0x07, 0x33, 0x35, 0x7b, 0xe9, 0xef, 0x13, 0xba, 0xcf, 0x6e, 0x3c, 0x7b, 0xd1,
    0x54, 0x45, 0xc7, 0xf1, 0x44, 0xcd, 0x1b, 0xbd, 0x9b, 0x7e, 0x87, 0x2c, 0xdf, 0xed, 0xb9, 0xee, 0xb9, 0xf4, 0xb3,
    0x69, 0x5d, 0x6e, 0xa9, 0x0b, 0x24, 0xad, 0x8a, 0x46, 0x23, 0x28, 0x85, 0x88, 0xe5, 0xad};

static const char *const origins[] = {"http://localhost:8911", NULL};
static const int algorithms[] = {CLOUDEP_COSE_ES256, CLOUDEP_COSE_EDDSA, CLOUDEP_COSE_RS256, 0};
static const cloudep_webauthn_rule_t rule = {
    .rp_id = "localhost", .origins = origins, .challenge = CHALLENGE, .algorithms = algorithms};

static cloudep_webauthn_bytes_t bytes_of(const void *data, apr_size_t len)
{
    const cloudep_webauthn_bytes_t bytes = {.data = data, .len = len};

    return bytes;
}

/* Memory of that size and no more, so that a sanitizer sees what is read beyond it. */
static unsigned char *exactly(size_t size)
{
    unsigned char *bytes = malloc(size ? size : 1);

    FUZZ_CHECK(bytes);
    return bytes;
}

/* A head in its shortest form. */
static apr_size_t write_head(unsigned char *out, unsigned int type, apr_uint64_t value)
{
    const unsigned int bits = value < 24 ? 0 : value < 1U << 8 ? 8 : value < 1U << 16 ? 16 : value >> 32 ? 64 : 32;

    out[0] = (unsigned char)(type << 5 | (bits ? bits == 8 ? 24U : bits == 16 ? 25U : bits == 32 ? 26U : 27U : value));
    for (unsigned int i = 0; i < bits / 8; i++) {
        out[1 + i] = (unsigned char)(value >> (bits - 8 * (i + 1)));
    }
    return 1 + bits / 8;
}

/* What was read, written again, is what was there: so it was in its only form. */
static void check_item(const cloudep_cbor_t *item, const unsigned char *start, const unsigned char *end, int depth)
{
    unsigned char head[9];
    const unsigned char *at;
    apr_uint64_t items = item->type == CLOUDEP_CBOR_ARRAY ? item->value
                         : item->type == CLOUDEP_CBOR_MAP ? 2 * item->value
                                                          : 0;

    FUZZ_CHECK(depth <= CLOUDEP_CBOR_DEPTH + (items == 0));
    if (item->type == CLOUDEP_CBOR_SIMPLE) {
        return;
    }
    at = start + write_head(head, item->type, item->value);
    FUZZ_CHECK(!memcmp(start, head, (size_t)(at - start)) && (size_t)(end - at) == item->len);
    FUZZ_CHECK(!item->data || item->data == at);
    while (items--) {
        const unsigned char *inner_start = at;
        cloudep_cbor_t inner;

        FUZZ_CHECK(cloudep_cbor_read(&inner, &at, end) == APR_SUCCESS);
        check_item(&inner, inner_start, at, depth + 1);
    }
}

static void read_cbor(const unsigned char *data, apr_size_t len)
{
    const unsigned char *at = data;
    cloudep_cbor_t item, value;

    if (cloudep_cbor_read(&item, &at, data + len) != APR_SUCCESS) {
        FUZZ_CHECK(cloudep_cbor_read_all(&item, data, len) != APR_SUCCESS);
        return;
    }
    FUZZ_CHECK((cloudep_cbor_read_all(&value, data, len) == APR_SUCCESS) == (at == data + len));
    check_item(&item, data, at, 1);
    (void)cloudep_cbor_get(&value, &item, -3);
    (void)cloudep_cbor_get_named(&value, &item, "fmt");
}

/* What was registered can be stored and used; nothing is signed by chance. */
static void check_credential(apr_pool_t *pool, const cloudep_webauthn_credential_t *credential)
{
    const cloudep_webauthn_bytes_t client = bytes_of(CLIENT_DATA("webauthn.get"), strlen(CLIENT_DATA("webauthn.get")));
    unsigned char data[37];
    const cloudep_webauthn_bytes_t authenticator_data = bytes_of(data, sizeof(data));
    const cloudep_webauthn_bytes_t signature = bytes_of(data, 64);
    const unsigned char *der = credential->spki.data;
    cloudep_webauthn_assertion_t assertion;
    cloudep_webauthn_reason_t reason;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &der, (long)credential->spki.len);

    FUZZ_CHECK(pkey && der == credential->spki.data + credential->spki.len);
    FUZZ_CHECK(credential->algorithm != CLOUDEP_COSE_RS256 || EVP_PKEY_get_bits(pkey) >= 2048);
    EVP_PKEY_free(pkey);
    FUZZ_CHECK(credential->id.len >= 1 && credential->id.len <= CLOUDEP_WEBAUTHN_ID_MAX);
    FUZZ_CHECK(credential->backup_eligible || !credential->backed_up);
    memset(data, 0, sizeof(data));
    memcpy(data, rp_id_hash, sizeof(rp_id_hash));
    data[32] = credential->backup_eligible ? 0x09 : 0x01;
    FUZZ_CHECK(cloudep_webauthn_assert(&assertion, &reason, pool, &rule, credential, &authenticator_data, &client,
                                       &signature) == CLOUDEP_EFORGED);
}

static cloudep_webauthn_reason_t attest(apr_pool_t *pool, const void *data, apr_size_t len, const char *client_data,
                                        apr_size_t client_len)
{
    const cloudep_webauthn_bytes_t object = bytes_of(data, len);
    const cloudep_webauthn_bytes_t client = bytes_of(client_data, client_len);
    cloudep_webauthn_credential_t credential;
    cloudep_webauthn_reason_t reason;
    const apr_status_t rv = cloudep_webauthn_register(&credential, &reason, pool, &rule, &object, &client);

    FUZZ_CHECK(reason < CLOUDEP_WEBAUTHN_UNABLE && (rv == APR_SUCCESS) == (reason == CLOUDEP_WEBAUTHN_ACCEPTED));
    FUZZ_CHECK(!ERR_peek_error());
    if (rv == APR_SUCCESS) {
        check_credential(pool, &credential);
    }
    else {
        FUZZ_CHECK(!credential.spki.data && !credential.id.data);
    }
    return reason;
}

/* Authenticator data in an attestation object without a statement, and as an assertion's. */
static void with_data(apr_pool_t *pool, const unsigned char *data, apr_size_t len)
{
    static const char before[] = "\xa3\x63"
                                 "fmt\x64none\x67"
                                 "attStmt\xa0\x68"
                                 "authData";
    const char *client = CLIENT_DATA("webauthn.create");
    unsigned char head[9];
    const apr_size_t head_len = write_head(head, CLOUDEP_CBOR_BYTES, len);
    unsigned char *object = exactly(sizeof(before) - 1 + head_len + len);
    apr_size_t at = sizeof(before) - 1;
    const cloudep_webauthn_credential_t stored = {.spki = {spki, sizeof(spki)}, .algorithm = CLOUDEP_COSE_ES256};
    const cloudep_webauthn_bytes_t authenticator_data = bytes_of(data, len);
    const cloudep_webauthn_bytes_t get = bytes_of(CLIENT_DATA("webauthn.get"), strlen(CLIENT_DATA("webauthn.get")));
    cloudep_webauthn_assertion_t assertion;
    cloudep_webauthn_reason_t reason;

    memcpy(object, before, at);
    memcpy(object + at, head, head_len);
    at += head_len;
    if (len) {
        memcpy(object + at, data, len);
    }
    reason = attest(pool, object, at + len, client, strlen(client));
    free(object);
    FUZZ_CHECK(reason != CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT && reason != CLOUDEP_WEBAUTHN_CLIENT_DATA);
    FUZZ_CHECK(cloudep_webauthn_assert(&assertion, &reason, pool, &rule, &stored, &authenticator_data, &get, &get) !=
               APR_SUCCESS);
    FUZZ_CHECK(reason < CLOUDEP_WEBAUTHN_STORED_KEY && reason != CLOUDEP_WEBAUTHN_CLIENT_DATA);
}

/* A key in authenticator data that is right. */
static void with_key(apr_pool_t *pool, const unsigned char *key, apr_size_t len)
{
    static const unsigned char middle[] = {0x45, 0, 0, 0, 1, 0, 0, 0, 0, 0,   0,   0,   0,  0,
                                           0,    0, 0, 0, 0, 0, 0, 0, 4, 'p', 'a', 's', 's'};
    unsigned char *data = exactly(sizeof(rp_id_hash) + sizeof(middle) + len);

    memcpy(data, rp_id_hash, sizeof(rp_id_hash));
    memcpy(data + sizeof(rp_id_hash), middle, sizeof(middle));
    if (len) {
        memcpy(data + sizeof(rp_id_hash) + sizeof(middle), key, len);
    }
    with_data(pool, data, sizeof(rp_id_hash) + sizeof(middle) + len);
    free(data);
}

static void with_signature(apr_pool_t *pool, const unsigned char *data, apr_size_t len)
{
    static const unsigned char tail[] = {0x05, 0, 0, 0, 2};
    const cloudep_webauthn_credential_t stored = {.spki = {spki, sizeof(spki)}, .algorithm = CLOUDEP_COSE_ES256};
    const cloudep_webauthn_bytes_t signature = bytes_of(data, len);
    const cloudep_webauthn_bytes_t get = bytes_of(CLIENT_DATA("webauthn.get"), strlen(CLIENT_DATA("webauthn.get")));
    unsigned char right[sizeof(rp_id_hash) + sizeof(tail)];
    const cloudep_webauthn_bytes_t authenticator_data = bytes_of(right, sizeof(right));
    cloudep_webauthn_assertion_t assertion;
    cloudep_webauthn_reason_t reason;

    memcpy(right, rp_id_hash, sizeof(rp_id_hash));
    memcpy(right + sizeof(rp_id_hash), tail, sizeof(tail));
    FUZZ_CHECK(cloudep_webauthn_assert(&assertion, &reason, pool, &rule, &stored, &authenticator_data, &get,
                                       &signature) == CLOUDEP_EFORGED);
}

static void run(apr_pool_t *pool, char kind, const unsigned char *data, apr_size_t len)
{
    switch (kind) {
    case 'b':
        read_cbor(data, len);
        break;
    case 'o':
        (void)attest(pool, data, len, CLIENT_DATA("webauthn.create"), strlen(CLIENT_DATA("webauthn.create")));
        break;
    case 'd':
        with_data(pool, data, len);
        break;
    case 'k':
        with_key(pool, data, len);
        break;
    case 'c':
        (void)attest(pool, "", 0, (const char *)data, len);
        break;
    case 's':
        with_signature(pool, data, len);
        break;
    default:
        break;
    }
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    const int hexadecimal = *text >= 'A' && *text <= 'Z';
    const apr_size_t digits = hexadecimal ? strcspn(text + 1, "\n") : 0;
    apr_size_t len = hexadecimal ? digits / 2 : size - (size != 0);
    unsigned char *data = exactly(len);

    if (!hexadecimal) {
        memcpy(data, text + (size != 0), len);
        run(pool, *text, data, len);
    }
    /* of an odd number of digits APR would write half a byte more */
    else if (digits % 2 == 0 && apr_unescape_hex(data, text + 1, (apr_ssize_t)digits, 0, &len) == APR_SUCCESS) {
        run(pool, (char)(*text - 'A' + 'a'), data, len);
    }
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
