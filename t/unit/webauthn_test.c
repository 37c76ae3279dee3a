/*
 * webauthn_test.c - passkeys: for each step of the two ceremonies a response that is right but for this step.
 */
#include <apr_escape.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/webauthn/webauthn.h"
#include "tap.h"

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define UP 0x01
#define UV 0x04
#define BE 0x08
#define BS 0x10
#define AT 0x40
#define ED 0x80

static apr_pool_t *pool;
static EVP_PKEY *ec, *ed, *rsa;

/* ---- bytes */

typedef struct buffer_t {
    unsigned char data[8192];
    apr_size_t len;
} buffer_t;

static void put(buffer_t *buffer, const void *data, apr_size_t len)
{
    if (buffer->len + len > sizeof(buffer->data)) {
        printf("Bail out! a buffer is too small\n");
        exit(1);
    }
    if (len) {
        memcpy(buffer->data + buffer->len, data, len);
    }
    buffer->len += len;
}

static void put_hex(buffer_t *buffer, const char *hex)
{
    apr_size_t len;
    const void *bytes = apr_punescape_hex(pool, hex, 0, &len);

    put(buffer, bytes, len);
}

/* A head of CBOR; values up to 65535. */
static void put_head(buffer_t *buffer, unsigned int type, unsigned int value)
{
    const unsigned char short_head[] = {(unsigned char)(type << 5 | (value < 24 ? value : 24)), (unsigned char)value};
    const unsigned char long_head[] = {(unsigned char)(type << 5 | 25), (unsigned char)(value >> 8),
                                       (unsigned char)value};

    put(buffer, value < 256 ? short_head : long_head, value < 24 ? 1 : value < 256 ? 2 : 3);
}

static void put_int(buffer_t *buffer, int number)
{
    put_head(buffer, number < 0, (unsigned int)(number < 0 ? -1 - number : number));
}

static void put_bytes(buffer_t *buffer, const void *data, apr_size_t len)
{
    put_head(buffer, 2, (unsigned int)len);
    put(buffer, data, len);
}

static void put_text(buffer_t *buffer, const char *text)
{
    put_head(buffer, 3, (unsigned int)strlen(text));
    put(buffer, text, strlen(text));
}

static cloudep_webauthn_bytes_t bytes_of(const void *data, apr_size_t len)
{
    const cloudep_webauthn_bytes_t bytes = {apr_pmemdup(pool, data, len), len};

    return bytes;
}

/* ---- COSE keys */

static void put_curve_key(buffer_t *key, unsigned int pairs, int kty, int alg, int crv, const unsigned char x[32])
{
    put_head(key, 5, pairs);
    put_int(key, 1);
    put_int(key, kty);
    put_int(key, 3);
    put_int(key, alg);
    put_int(key, -1);
    put_int(key, crv);
    put_int(key, -2);
    put_bytes(key, x, 32);
}

static void put_ec_key(buffer_t *key, const unsigned char x[32], const unsigned char y[32], int alg, int crv)
{
    put_curve_key(key, 5, 2, alg, crv, x);
    put_int(key, -3);
    put_bytes(key, y, 32);
}

static void put_rsa_numbers(buffer_t *key, const BIGNUM *n, const BIGNUM *e)
{
    unsigned char bytes[1024];

    put_head(key, 5, 4);
    put_int(key, 1);
    put_int(key, 3);
    put_int(key, 3);
    put_int(key, CLOUDEP_COSE_RS256);
    put_int(key, -1);
    put_bytes(key, bytes, (apr_size_t)BN_bn2bin(n, bytes));
    put_int(key, -2);
    put_bytes(key, bytes, (apr_size_t)BN_bn2bin(e, bytes));
}

static void ec_point(unsigned char point[65])
{
    size_t len;

    if (EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len) != 1 || len != 65) {
        printf("Bail out! no public key\n");
        exit(1);
    }
}

static void put_own_key(buffer_t *key, int algorithm)
{
    unsigned char bytes[65];
    size_t len = 32;
    BIGNUM *n = NULL, *e = NULL;

    switch (algorithm) {
    case CLOUDEP_COSE_ES256:
        ec_point(bytes);
        put_ec_key(key, bytes + 1, bytes + 33, CLOUDEP_COSE_ES256, 1);
        break;
    case CLOUDEP_COSE_EDDSA:
        EVP_PKEY_get_raw_public_key(ed, bytes, &len);
        put_curve_key(key, 4, 1, CLOUDEP_COSE_EDDSA, 6, bytes);
        break;
    default:
        EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n);
        EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_E, &e);
        put_rsa_numbers(key, n, e);
        BN_free(n);
        BN_free(e);
    }
}

/* ---- a response, and how it differs from a right one */

typedef struct response_t {
    int algorithm;
    const buffer_t *key; /* in place of the algorithm's own */
    /* client data */
    const char *type, *challenge, *origin;
    const char *more;   /* members behind those */
    const char *client; /* all of it */
    /* authenticator data */
    const char *rp_id;
    unsigned int flags;
    apr_uint32_t sign_count;
    unsigned int id_len;
    const char *data_tail; /* hexadecimal, as are all below */
    const char *data;      /* all of it */
    /* attestation object */
    const char *head, *format, *statement, *object_tail;
} response_t;

static const char *const origins[] = {"https://id.example", "https://app.example", NULL};
static const int algorithms[] = {CLOUDEP_COSE_ES256, CLOUDEP_COSE_EDDSA, CLOUDEP_COSE_RS256, 0};
static const cloudep_webauthn_rule_t demanding = {.rp_id = "id.example",
                                                  .origins = origins,
                                                  .challenge = CHALLENGE,
                                                  .algorithms = algorithms,
                                                  .user_verification_required = 1};
static const response_t right = {.algorithm = CLOUDEP_COSE_ES256,
                                 .challenge = CHALLENGE,
                                 .origin = "https://id.example",
                                 .more = ",\"crossOrigin\":false",
                                 .rp_id = "id.example",
                                 .flags = UP | UV,
                                 .sign_count = 7,
                                 .id_len = 32,
                                 .data_tail = "",
                                 .head = "a3",
                                 .format = "none",
                                 .statement = "a0",
                                 .object_tail = ""};

static cloudep_webauthn_bytes_t client_data(const response_t *response, const char *type)
{
    const char *text = response->client;

    if (!text) {
        text = apr_pstrcat(pool, "{\"type\":\"", response->type ? response->type : type, "\",\"challenge\":\"",
                           response->challenge, "\",\"origin\":\"", response->origin, "\"", response->more, "}", NULL);
    }
    return bytes_of(text, strlen(text));
}

static void put_data(buffer_t *data, const response_t *response, int attested)
{
    static const unsigned char id[65536 / 4];
    const unsigned char tail[] = {(unsigned char)(response->flags | (attested ? AT : 0)),
                                  (unsigned char)(response->sign_count >> 24),
                                  (unsigned char)(response->sign_count >> 16),
                                  (unsigned char)(response->sign_count >> 8), (unsigned char)response->sign_count};
    const unsigned char id_len[] = {(unsigned char)(response->id_len >> 8), (unsigned char)response->id_len};
    unsigned char hash[32];

    if (response->data) {
        put_hex(data, response->data);
        return;
    }
    EVP_Digest(response->rp_id, strlen(response->rp_id), hash, NULL, EVP_sha256(), NULL);
    put(data, hash, sizeof(hash));
    put(data, tail, sizeof(tail));
    if (attested) {
        put(data, "sixteen bytes ok", 16);
        put(data, id_len, 2);
        put(data, id, response->id_len);
        if (response->key) {
            put(data, response->key->data, response->key->len);
        }
        else {
            put_own_key(data, response->algorithm);
        }
    }
    put_hex(data, response->data_tail);
}

static cloudep_webauthn_bytes_t attestation_object(const response_t *response)
{
    buffer_t *object = apr_pcalloc(pool, sizeof(*object));
    buffer_t *data = apr_pcalloc(pool, sizeof(*data));

    put_data(data, response, 1);
    put_hex(object, response->head);
    put_text(object, "fmt");
    put_text(object, response->format);
    put_text(object, "attStmt");
    put_hex(object, response->statement);
    put_text(object, "authData");
    put_bytes(object, data->data, data->len);
    put_hex(object, response->object_tail);
    return bytes_of(object->data, object->len);
}

/* ---- registration */

static cloudep_webauthn_reason_t registers(cloudep_webauthn_credential_t *credential, const response_t *response,
                                           const cloudep_webauthn_rule_t *rule)
{
    const cloudep_webauthn_bytes_t object = attestation_object(response);
    const cloudep_webauthn_bytes_t client = client_data(response, "webauthn.create");
    cloudep_webauthn_reason_t reason;
    const apr_status_t rv = cloudep_webauthn_register(credential, &reason, pool, rule, &object, &client);

    if ((rv == APR_SUCCESS) != (reason == CLOUDEP_WEBAUTHN_ACCEPTED) ||
        (rv != APR_SUCCESS && (credential->id.data || credential->spki.data)) || ERR_peek_error()) {
        ok(0, "status, credential, reason and error queue agree");
    }
    return reason;
}

static void registration(const response_t *response, const cloudep_webauthn_rule_t *rule,
                         cloudep_webauthn_reason_t reason, const char *name)
{
    cloudep_webauthn_credential_t credential;

    is_str(cloudep_webauthn_reason_text(registers(&credential, response, rule)), cloudep_webauthn_reason_text(reason),
           name);
}

#define REGISTRATION(field, value, reason, name)                                                                       \
    do {                                                                                                               \
        response_t varied = right;                                                                                     \
        varied.field = (value);                                                                                        \
        registration(&varied, &demanding, CLOUDEP_WEBAUTHN_##reason, name);                                            \
    } while (0)

static void test_right_registrations(void)
{
    static const struct {
        int algorithm;
        const char *type;
    } kinds[] = {{CLOUDEP_COSE_ES256, "EC"}, {CLOUDEP_COSE_EDDSA, "ED25519"}, {CLOUDEP_COSE_RS256, "RSA"}};
    EVP_PKEY *own[] = {ec, ed, rsa};

    for (int i = 0; i < 3; i++) {
        response_t response = right;
        cloudep_webauthn_credential_t credential;
        const unsigned char *der;
        EVP_PKEY *pkey;

        response.algorithm = kinds[i].algorithm;
        response.flags = UP | UV | BE | (i ? BS : 0);
        is_int(registers(&credential, &response, &demanding), CLOUDEP_WEBAUTHN_ACCEPTED, kinds[i].type);
        der = credential.spki.data;
        pkey = d2i_PUBKEY(NULL, &der, (long)credential.spki.len);
        ok(pkey && EVP_PKEY_eq(pkey, own[i]) == 1, "its key is the authenticator's");
        EVP_PKEY_free(pkey);
        is_int(credential.algorithm, kinds[i].algorithm, "its algorithm");
        ok(credential.id.len == 32 && credential.sign_count == 7, "id and count");
        ok(credential.user_verified && credential.backup_eligible && credential.backed_up == (i > 0), "flags");
        ok(!memcmp(credential.aaguid, "sixteen bytes ok", 16), "AAGUID");
    }
}

static void test_client_data(void)
{
    REGISTRATION(more, "", ACCEPTED, "7.1 step 10: crossOrigin may be missing");
    REGISTRATION(more, ",\"crossOrigin\":true", CROSS_ORIGIN, "true is refused");
    REGISTRATION(more, ",\"crossOrigin\":\"false\"", CLIENT_DATA, "it must be a boolean");
    REGISTRATION(more, ",\"topOrigin\":\"https://id.example\"", TOP_ORIGIN, "7.1 step 11: topOrigin is refused");
    REGISTRATION(more, ",\"topOrigin\":null", TOP_ORIGIN, "whatever it is");
    REGISTRATION(more, ",\"crossOrigin\":false,\"other_keys_can_be_added_here\":[{}],\"tokenBinding\":{}", ACCEPTED,
                 "7.1 step 6: unknown members are skipped");
    REGISTRATION(more, ",\"origin\":\"https://id.example\"", CLIENT_DATA, "a member twice is refused");
    REGISTRATION(more, ",\"type\":\"webauthn.get\"", CLIENT_DATA, "also with another value");
    REGISTRATION(more, ",\"x\":1,\"x\":1", CLIENT_DATA, "also an unknown one");
    REGISTRATION(more, "}{", CLIENT_DATA, "something behind the object is refused");
    REGISTRATION(more, ",\"x\":\"\xff\"", CLIENT_DATA, "7.1 step 5: what is not UTF-8 is refused");
    REGISTRATION(client, "", CLIENT_DATA, "nothing is refused");
    REGISTRATION(client, "[]", CLIENT_DATA, "an array is refused");
    REGISTRATION(client, "{}", CLIENT_DATA, "an empty object is refused");
    REGISTRATION(client, "{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE "\"}", CLIENT_DATA,
                 "no origin is refused");
    REGISTRATION(client, "{\"type\":\"webauthn.create\",\"origin\":\"https://id.example\"}", CLIENT_DATA,
                 "no challenge is refused");
    REGISTRATION(client, "{\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://id.example\"}", CLIENT_DATA,
                 "no type is refused");
    REGISTRATION(client,
                 "{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE "\",\"origin\":[\"https://id.example\"]}",
                 CLIENT_DATA, "an origin that is no text is refused");
    REGISTRATION(client,
                 "\xef\xbb\xbf{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE
                 "\",\"origin\":\"https://id.example\"}",
                 ACCEPTED, "7.1 step 5: a byte order mark is skipped");
    REGISTRATION(type, "webauthn.get", TYPE, "7.1 step 7: an assertion's client data is refused");
    REGISTRATION(type, "webauthn.create2", TYPE, "so is a longer type");
    REGISTRATION(type, "WebAuthn.Create", TYPE, "and one in other letters");
    REGISTRATION(challenge, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh4", CHALLENGE,
                 "7.1 step 8: another challenge is refused");
    REGISTRATION(challenge, "", CHALLENGE, "so is an empty one");
    REGISTRATION(challenge, "AAECAwQFBgcICQoL", CHALLENGE, "a part of it is refused");
    REGISTRATION(challenge, CHALLENGE "=", CHALLENGE, "and another spelling of the same bytes");
    REGISTRATION(origin, "https://app.example", ACCEPTED, "7.1 step 9: another origin of the list");
    REGISTRATION(origin, "https://evil.example", ORIGIN, "one that is not in it is refused");
    REGISTRATION(origin, "http://id.example", ORIGIN, "so is another scheme");
    REGISTRATION(origin, "https://id.example:8443", ORIGIN, "another port");
    REGISTRATION(origin, "https://id.example.evil.example", ORIGIN, "a longer name");
    REGISTRATION(origin, "https://id.exampl", ORIGIN, "a shorter one");
    REGISTRATION(origin, "https://sub.id.example", ORIGIN, "a subdomain");
    REGISTRATION(origin, "null", ORIGIN, "and null");
}

static void test_empty_rule(void)
{
    static const char *const none[] = {NULL};
    cloudep_webauthn_rule_t rule = demanding;
    response_t response = right;

    response.challenge = rule.challenge = "";
    registration(&response, &rule, CLOUDEP_WEBAUTHN_CHALLENGE, "an empty challenge is never right");
    rule = demanding;
    rule.origins = none;
    registration(&right, &rule, CLOUDEP_WEBAUTHN_ORIGIN, "without origins none is right");
}

static void test_attestation_object(void)
{
    REGISTRATION(object_tail, "00", ATTESTATION_OBJECT, "7.1 step 13: bytes behind the attestation object");
    REGISTRATION(head, "a4", ATTESTATION_OBJECT, "a member is missing at its end");
    REGISTRATION(head, "a2", ATTESTATION_OBJECT, "the map is one member shorter");
    REGISTRATION(head, "bf", ATTESTATION_OBJECT, "indefinite length, without its end");
    REGISTRATION(head, "b803", ATTESTATION_OBJECT, "a length not in its shortest form");
    REGISTRATION(head, "c1a3", ATTESTATION_OBJECT, "a tag");
    REGISTRATION(head, "86", ATTESTATION_OBJECT, "an array");
    REGISTRATION(statement, "8102", ATTESTATION_STATEMENT, "7.1 step 22: none with an array as statement");
    REGISTRATION(statement, "a1616100", ATTESTATION_STATEMENT, "none with a statement");
    REGISTRATION(statement, "80", ATTESTATION_STATEMENT, "none with an empty array");
    REGISTRATION(statement, "f6", ATTESTATION_STATEMENT, "none with null");
    REGISTRATION(statement, "bfff", ATTESTATION_OBJECT, "a statement of indefinite length");
    REGISTRATION(statement, "a2616100616101", ATTESTATION_OBJECT, "a statement with a key twice");
    REGISTRATION(statement, "a16161818180", ATTESTATION_OBJECT, "five levels");
    REGISTRATION(format, "None", ACCEPTED, "7.1 step 21: case matters: a format that nobody knows, skipped");
    for (int i = 0; i < 2; i++) {
        response_t response = right;
        cloudep_webauthn_credential_t credential;

        response.head = i ? "bf" : "a4";
        response.object_tail = i ? "ff" : "6568656c6c6ff5";
        is_str(cloudep_webauthn_reason_text(registers(&credential, &response, &demanding)),
               cloudep_webauthn_reason_text(i ? CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT : CLOUDEP_WEBAUTHN_ACCEPTED),
               i ? "indefinite length, with its end" : "a member more is skipped");
        response = right;
        response.format = i ? "packed" : "compound";
        response.statement = i ? "a263616c672663736967420102" : "81a1636d6d6d00";
        is_int(registers(&credential, &response, &demanding), CLOUDEP_WEBAUTHN_ACCEPTED,
               "statements of other formats are not looked at");
        response.statement = "00";
        registration(&response, &demanding, CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT, "but must be a map or an array");
    }
}

/* Objects that lack a member or have one of another type. */
static void test_members(void)
{
    static const char *const objects[][2] = {
        {"", "nothing"},
        {"a0", "an empty map"},
        {"a263666d74646e6f6e656761747453746d74a0", "no authData"},
        {"a263666d74646e6f6e6568617574684461746140", "no attStmt"},
        {"a26761747453746d74a068617574684461746140", "no fmt"},
        {"a363666d74446e6f6e656761747453746d74a068617574684461746140", "fmt as bytes"},
        {"a363666d74646e6f6e656761747453746d74a068617574684461746160", "authData as text"},
        {"a443666d740063666d74646e6f6e656761747453746d74a068617574684461746140", "a key of bytes"},
        {"a463666d740063666d74646e6f6e656761747453746d74a068617574684461746140", "fmt twice"},
    };

    for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
        buffer_t *object = apr_pcalloc(pool, sizeof(*object));
        const cloudep_webauthn_bytes_t client = client_data(&right, "webauthn.create");
        cloudep_webauthn_bytes_t bytes;
        cloudep_webauthn_credential_t credential;
        cloudep_webauthn_reason_t reason;

        put_hex(object, objects[i][0]);
        bytes = bytes_of(object->data, object->len);
        is_int(cloudep_webauthn_register(&credential, &reason, pool, &demanding, &bytes, &client), CLOUDEP_EMALFORMED,
               objects[i][1]);
        is_int(reason, CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT, "is no attestation object");
    }
}

static void test_authenticator_data(void)
{
    static const char zeros[] = "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                                "00000000000000000000";
    response_t response = right;

    REGISTRATION(data_tail, "00", AUTHENTICATOR_DATA, "7.1 step 13: bytes behind the key");
    REGISTRATION(data_tail, "a0", AUTHENTICATOR_DATA, "extensions without their flag");
    REGISTRATION(flags, UP | UV | ED, AUTHENTICATOR_DATA, "the flag without extensions");
    response.flags |= ED;
    response.data_tail = "a16b6372656450726f7465637402";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_ACCEPTED,
                 "7.1 step 28: credProtect, not asked for, is ignored");
    response.data_tail = "a26b6372656450726f74656374026b686d61632d736563726574f5";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_ACCEPTED, "so are two extensions");
    response.data_tail = "a0";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_ACCEPTED, "and none of them");
    response.data_tail = "80";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "extensions must be a map");
    response.data_tail = "a16b6372656450726f746563740200";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "bytes behind the extensions");
    response.data_tail = "bfff";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "extensions of indefinite length");
    response.data_tail = "a2616100616100";
    registration(&response, &demanding, CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "an extension twice");
    REGISTRATION(data, "", AUTHENTICATOR_DATA, "no authenticator data");
    REGISTRATION(data, apr_pstrndup(pool, zeros, 72), AUTHENTICATOR_DATA, "36 bytes");
    REGISTRATION(data, apr_pstrndup(pool, zeros, 74), NO_CREDENTIAL, "37 bytes are no registration");
    for (apr_size_t len = 38; len < 56; len++) {
        char *text = apr_pstrndup(pool, zeros, 2 * len);

        text[64] = '4'; /* AT */
        REGISTRATION(data, text, AUTHENTICATOR_DATA, "credential data cut off");
    }
    REGISTRATION(
        data, apr_pstrcat(pool, apr_pstrndup(pool, zeros, 64), "41", apr_pstrndup(pool, zeros, 40), "0003aaaa", NULL),
        AUTHENTICATOR_DATA, "an id of three bytes, of which there are two");
    REGISTRATION(rp_id, "evil.example", RP_ID, "7.1 step 14: another relying party");
    REGISTRATION(rp_id, "ID.example", RP_ID, "in other letters");
}

static void test_flags(void)
{
    cloudep_webauthn_rule_t rule = demanding;
    response_t response = right;

    REGISTRATION(flags, UV, USER_PRESENCE, "7.1 step 15: nobody there");
    REGISTRATION(flags, UP, USER_VERIFICATION, "7.1 step 16: not verified");
    REGISTRATION(flags, 0, USER_PRESENCE, "neither");
    REGISTRATION(flags, UP | UV | BS, BACKUP_STATE, "7.1 step 17: backed up, not eligible");
    REGISTRATION(flags, UP | UV | BE, ACCEPTED, "eligible, not backed up");
    REGISTRATION(flags, UP | UV | BE | BS, ACCEPTED, "both");
    REGISTRATION(flags, UP | UV | 0x22, ACCEPTED, "reserved flags are not looked at");
    rule.user_verification_required = 0;
    response.flags = UP;
    registration(&response, &rule, CLOUDEP_WEBAUTHN_ACCEPTED, "not verified, where it need not be");
    response.flags = 0;
    registration(&response, &rule, CLOUDEP_WEBAUTHN_USER_PRESENCE, "presence is needed all the same");
    rule.user_presence_optional = 1;
    registration(&response, &rule, CLOUDEP_WEBAUTHN_ACCEPTED, "but by mediation conditional");
}

static void test_credential_id(void)
{
    REGISTRATION(id_len, 0, CREDENTIAL_ID, "7.1 step 25: an empty id");
    REGISTRATION(id_len, 1, ACCEPTED, "one byte");
    REGISTRATION(id_len, 1023, ACCEPTED, "1023 bytes");
    REGISTRATION(id_len, 1024, CREDENTIAL_ID, "1024 bytes");
}

/* ---- keys */

static void key_is(const buffer_t *key, cloudep_webauthn_reason_t reason, const char *name)
{
    response_t response = right;

    response.key = key;
    registration(&response, &demanding, reason, name);
}

/* A key in hexadecimal, with {x} and {y} in place of the EC key's coordinates. */
static void hex_key_is(const char *hex, cloudep_webauthn_reason_t reason, const char *name)
{
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));
    unsigned char point[65];
    const char *brace;

    ec_point(point);
    while ((brace = strchr(hex, '{'))) {
        put_hex(key, apr_pstrndup(pool, hex, (apr_size_t)(brace - hex)));
        put(key, point + (brace[1] == 'x' ? 1 : 33), 32);
        hex = brace + 3;
    }
    put_hex(key, hex);
    key_is(key, reason, name);
}

static void test_ec_keys(void)
{
    cloudep_webauthn_rule_t rule = demanding;
    static const int only_rsa[] = {CLOUDEP_COSE_RS256, 0}, es384[] = {-35, 0}, nothing[] = {0};
    buffer_t *p384 = apr_pcalloc(pool, sizeof(*p384));
    response_t response = right;
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));
    unsigned char point[65];

    hex_key_is("a5010203262001215820{x}225820{y}", CLOUDEP_WEBAUTHN_ACCEPTED, "an ES256 key");
    hex_key_is("a6010203262001215820{x}225820{y}042a", CLOUDEP_WEBAUTHN_ACCEPTED, "with a member more");
    hex_key_is("a5225820{y}215820{x}200103260102", CLOUDEP_WEBAUTHN_ACCEPTED, "in another order");
    rule.algorithms = only_rsa;
    registration(&right, &rule, CLOUDEP_WEBAUTHN_ALGORITHM, "7.1 step 20: ES256 was not offered");
    rule.algorithms = nothing;
    registration(&right, &rule, CLOUDEP_WEBAUTHN_ALGORITHM, "nothing was");
    hex_key_is("a501020338222002215820{x}225820{y}", CLOUDEP_WEBAUTHN_ALGORITHM, "ES384 is not offered");
    ec_point(point);
    put_ec_key(p384, point + 1, point + 33, -35, 2);
    response.key = p384;
    rule.algorithms = es384;
    registration(&response, &rule, CLOUDEP_WEBAUTHN_ALGORITHM, "offered by mistake it is refused all the same");
    hex_key_is("a5010203002001215820{x}225820{y}", CLOUDEP_WEBAUTHN_ALGORITHM, "nor is 0");
    hex_key_is("a401022001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY, "no algorithm");
    hex_key_is("a501020363616c672001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY, "an algorithm that is a text");
    hex_key_is("a50102031b00000000fffffff92001215820{x}225820{y}", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA,
               "not in its shortest form");
    hex_key_is("a50102031b80000000fffffff92001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY, "beyond an int");
    hex_key_is("a5010303262001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "key type RSA");
    hex_key_is("a5010103262001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "key type OKP");
    hex_key_is("a403262001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "no key type");
    hex_key_is("a5010203262002215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "curve P-384");
    hex_key_is("a5010203262006215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "curve Ed25519");
    hex_key_is("a401020326215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "no curve");
    hex_key_is("a5010203272001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "algorithm EdDSA");
    hex_key_is("a50102033901002001215820{x}225820{y}", CLOUDEP_WEBAUTHN_KEY_TYPE, "algorithm RS256");
    hex_key_is("a5010203262001215820{x}22f5", CLOUDEP_WEBAUTHN_KEY, "the compressed form");
    hex_key_is("a4010203262001215820{x}", CLOUDEP_WEBAUTHN_KEY, "no y");
    hex_key_is("a4010203262001225820{y}", CLOUDEP_WEBAUTHN_KEY, "no x");
    hex_key_is("a501020326200121582100{x}225820{y}", CLOUDEP_WEBAUTHN_KEY, "an x of 33 bytes");
    hex_key_is("a501020326200121420102225820{y}", CLOUDEP_WEBAUTHN_KEY, "of two");
    hex_key_is("a5010203262001217820"
               "4142434445464748494a4b4c4d4e4f50515253545556575859303132333435"
               "36225820{y}",
               CLOUDEP_WEBAUTHN_KEY, "an x that is a text");
    hex_key_is("a5010203262001215820{y}225820{x}", CLOUDEP_WEBAUTHN_KEY_POINT, "x and y exchanged: off the curve");
    hex_key_is("a5010203262001215820{x}225820{x}", CLOUDEP_WEBAUTHN_KEY_POINT, "x twice");
    ec_point(point);
    point[64] ^= 1;
    put_ec_key(key, point + 1, point + 33, CLOUDEP_COSE_ES256, 1);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_POINT, "one bit beside the curve");
    memset(point, 0, sizeof(point));
    key->len = 0;
    put_ec_key(key, point + 1, point + 33, CLOUDEP_COSE_ES256, 1);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_POINT, "x and y 0");
    memset(point, 0xff, sizeof(point));
    key->len = 0;
    put_ec_key(key, point + 1, point + 33, CLOUDEP_COSE_ES256, 1);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_POINT, "x and y above the prime");
    hex_key_is("a6010203262001215820{x}225820{y}0326", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "a member twice");
    hex_key_is("bf010203262001215820{x}225820{y}ff", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "indefinite length");
    hex_key_is("b805010203262001215820{x}225820{y}", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "length not shortest");
    hex_key_is("8501020326", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "an array");
    hex_key_is("", CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA, "nothing");
    hex_key_is("a0", CLOUDEP_WEBAUTHN_KEY, "an empty map");
}

static void test_ed_keys(void)
{
    /* Encodings of y; the first two are not on the curve, the others no numbers below the prime or have x = 0. */
    static const struct {
        const char *y;
        const char *name;
    } bad[] = {
        {"0200000000000000000000000000000000000000000000000000000000000000", "y = 2: off the curve"},
        {"0700000000000000000000000000000000000000000000000000000000000080", "y = 7: off the curve"},
        {"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p"},
        {"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 3"},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "y = 2^255 - 1"},
        {"0100000000000000000000000000000000000000000000000000000000000000", "y = 1, the neutral element"},
        {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = -1, the point of order 2"},
    };
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));
    unsigned char x[32];
    size_t len = sizeof(x);

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        key->len = 0;
        put_hex(key, apr_pstrcat(pool, "a401010327200621", "5820", bad[i].y, NULL));
        key_is(key, CLOUDEP_WEBAUTHN_KEY_POINT, bad[i].name);
    }
    EVP_PKEY_get_raw_public_key(ed, x, &len);
    key->len = 0;
    put_curve_key(key, 4, 1, CLOUDEP_COSE_EDDSA, 7, x);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_TYPE, "curve Ed448");
    key->len = 0;
    put_curve_key(key, 4, 2, CLOUDEP_COSE_EDDSA, 6, x);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_TYPE, "key type EC2");
    key->len = 0;
    put_curve_key(key, 4, 1, CLOUDEP_COSE_ES256, 6, x);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_TYPE, "algorithm ES256");
    key->len = 0;
    put_hex(key, "a3010103272006");
    key_is(key, CLOUDEP_WEBAUTHN_KEY, "no x");
    key->len = 0;
    put_hex(key, "a40101032720062141aa");
    key_is(key, CLOUDEP_WEBAUTHN_KEY, "an x of one byte");
}

/* RFC 8032 section 7.1: what real keys look like is on the curve. */
static void test_rfc8032(void)
{
    static const char *const keys[] = {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                                       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                                       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                                       "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"};
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));

    for (int i = 0; i < 4; i++) {
        key->len = 0;
        put_hex(key, apr_pstrcat(pool, "a4010103272006215820", keys[i], NULL));
        key_is(key, CLOUDEP_WEBAUTHN_ACCEPTED, "a key of RFC 8032");
    }
}

/* A key with an odd random modulus of that size. */
static void rsa_key_is(int bits, unsigned long exponent, int even, cloudep_webauthn_reason_t reason, const char *name)
{
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));
    BIGNUM *n = BN_new(), *e = BN_new();

    BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BN_set_word(e, exponent);
    if (even) {
        BN_clear_bit(n, 0);
    }
    put_rsa_numbers(key, n, e);
    key_is(key, reason, name);
    BN_free(n);
    BN_free(e);
}

static void test_rsa_keys(void)
{
    buffer_t *key = apr_pcalloc(pool, sizeof(*key));
    BIGNUM *n = NULL, *e = NULL;

    rsa_key_is(1024, 65537, 0, CLOUDEP_WEBAUTHN_KEY_SIZE, "RSA with 1024 bits");
    rsa_key_is(2047, 65537, 0, CLOUDEP_WEBAUTHN_KEY_SIZE, "2047 bits");
    rsa_key_is(2048, 65537, 0, CLOUDEP_WEBAUTHN_ACCEPTED, "2048 bits");
    rsa_key_is(4096, 3, 0, CLOUDEP_WEBAUTHN_ACCEPTED, "4096 bits");
    rsa_key_is(4097, 65537, 0, CLOUDEP_WEBAUTHN_KEY_SIZE, "4097 bits");
    rsa_key_is(4104, 65537, 0, CLOUDEP_WEBAUTHN_KEY_SIZE, "4104 bits");
    rsa_key_is(2048, 1, 0, CLOUDEP_WEBAUTHN_KEY, "exponent 1");
    rsa_key_is(2048, 65536, 0, CLOUDEP_WEBAUTHN_KEY, "an even exponent");
    rsa_key_is(2048, 65537, 1, CLOUDEP_WEBAUTHN_KEY, "an even modulus");
    EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n);
    e = BN_new();
    BN_set_bit(e, 64);
    BN_set_bit(e, 0);
    put_rsa_numbers(key, n, e);
    key_is(key, CLOUDEP_WEBAUTHN_KEY, "an exponent of 65 bits");
    /* 65537 itself is a power of 65537 modulo everything. */
    BN_set_word(e, 65537);
    BN_one(n);
    for (int i = 0; i < 128; i++) {
        BN_mul_word(n, 65537);
    }
    key->len = 0;
    put_rsa_numbers(key, n, e);
    key_is(key, CLOUDEP_WEBAUTHN_KEY_WEAK, "a key that the generator of CVE-2017-15361 could have made");
    BN_free(n);
    BN_free(e);
    key->len = 0;
    put_hex(key, "a40103033901002041012143010001");
    key_is(key, CLOUDEP_WEBAUTHN_KEY_SIZE, "a modulus of 1");
}

static void test_rsa_members(void)
{
    static const struct {
        const char *before, *after;
        cloudep_webauthn_reason_t reason;
        const char *name;
    } cases[] = {
        {"a401030339010020590100", "2143010001", CLOUDEP_WEBAUTHN_ACCEPTED, "RS256 as it is to be"},
        {"a40103033901002059010100", "2143010001", CLOUDEP_WEBAUTHN_KEY, "a modulus with a leading zero"},
        {"a401030339010020590100", "214400010001", CLOUDEP_WEBAUTHN_KEY, "an exponent with one"},
        {"a401030339010020590100", "2140", CLOUDEP_WEBAUTHN_KEY, "an empty exponent"},
        {"a301030339010020590100", "", CLOUDEP_WEBAUTHN_KEY, "no exponent"},
        {"a401020339010020590100", "2143010001", CLOUDEP_WEBAUTHN_KEY_TYPE, "key type EC2"},
        {"a40103032620590100", "2143010001", CLOUDEP_WEBAUTHN_KEY_TYPE, "algorithm ES256"},
    };
    unsigned char bytes[512];
    BIGNUM *n = NULL;
    int len;

    EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n);
    len = BN_bn2bin(n, bytes);
    BN_free(n);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buffer_t *key = apr_pcalloc(pool, sizeof(*key));

        put_hex(key, cases[i].before);
        put(key, bytes, (apr_size_t)len);
        put_hex(key, cases[i].after);
        key_is(key, cases[i].reason, cases[i].name);
    }
}

/* ---- assertion */

/* What the assertion differs in beyond the response: each NULL or 0 for what is right. */
typedef struct extra_t {
    EVP_PKEY *signer;         /* another key than the algorithm's */
    const char *signature;    /* hexadecimal, in place of one */
    const char *signed_extra; /* hexadecimal, signed behind what is sent */
    const cloudep_webauthn_credential_t *stored;
    int attested;
    int cut; /* bytes off the signature's end */
} extra_t;

static EVP_PKEY *key_of(int algorithm)
{
    return algorithm == CLOUDEP_COSE_ES256 ? ec : algorithm == CLOUDEP_COSE_EDDSA ? ed : rsa;
}

static cloudep_webauthn_bytes_t sign(EVP_PKEY *signer, const buffer_t *data)
{
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (EVP_DigestSignInit(ctx, NULL, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256(), NULL, signer) != 1 ||
        EVP_DigestSign(ctx, signature, &len, data->data, data->len) != 1) {
        printf("Bail out! cannot sign\n");
        exit(1);
    }
    EVP_MD_CTX_free(ctx);
    return bytes_of(signature, len);
}

static cloudep_webauthn_credential_t stored_key(int algorithm)
{
    cloudep_webauthn_credential_t credential;
    response_t response = right;

    response.algorithm = algorithm;
    (void)registers(&credential, &response, &demanding);
    return credential;
}

static cloudep_webauthn_reason_t asserts(cloudep_webauthn_assertion_t *assertion, const response_t *response,
                                         const cloudep_webauthn_rule_t *rule, const extra_t *extra)
{
    const cloudep_webauthn_credential_t own = stored_key(response->algorithm);
    const cloudep_webauthn_bytes_t client = client_data(response, "webauthn.get");
    cloudep_webauthn_bytes_t data, signature;
    buffer_t *buffer = apr_pcalloc(pool, sizeof(*buffer));
    cloudep_webauthn_reason_t reason;
    unsigned char hash[32];
    apr_status_t rv;

    put_data(buffer, response, extra->attested);
    data = bytes_of(buffer->data, buffer->len);
    EVP_Digest(client.data, client.len, hash, NULL, EVP_sha256(), NULL);
    put(buffer, hash, sizeof(hash));
    put_hex(buffer, extra->signed_extra ? extra->signed_extra : "");
    signature = sign(extra->signer ? extra->signer : key_of(response->algorithm), buffer);
    if (extra->signature) {
        buffer->len = 0;
        put_hex(buffer, extra->signature);
        signature = bytes_of(buffer->data, buffer->len);
    }
    signature.len -= (apr_size_t)extra->cut;
    rv = cloudep_webauthn_assert(assertion, &reason, pool, rule, extra->stored ? extra->stored : &own, &data, &client,
                                 &signature);
    if ((rv == APR_SUCCESS) != (reason == CLOUDEP_WEBAUTHN_ACCEPTED) || ERR_peek_error()) {
        ok(0, "status, reason and error queue agree");
    }
    return reason;
}

static void assertion(const response_t *response, const extra_t *extra, cloudep_webauthn_reason_t reason,
                      const char *name)
{
    cloudep_webauthn_assertion_t answer;

    is_str(cloudep_webauthn_reason_text(asserts(&answer, response, &demanding, extra)),
           cloudep_webauthn_reason_text(reason), name);
}

#define ASSERTION(field, value, reason, name)                                                                          \
    do {                                                                                                               \
        static const extra_t alone = {0};                                                                              \
        response_t varied = right;                                                                                     \
        varied.field = (value);                                                                                        \
        assertion(&varied, &alone, CLOUDEP_WEBAUTHN_##reason, name);                                                   \
    } while (0)

#define EXTRA(algorithm_, field, value, reason, name)                                                                  \
    do {                                                                                                               \
        response_t varied = right;                                                                                     \
        extra_t beside = {0};                                                                                          \
        varied.algorithm = (algorithm_);                                                                               \
        beside.field = (value);                                                                                        \
        assertion(&varied, &beside, CLOUDEP_WEBAUTHN_##reason, name);                                                  \
    } while (0)

static void test_assertion_steps(void)
{
    cloudep_webauthn_rule_t rule = demanding;
    cloudep_webauthn_assertion_t answer;
    const extra_t nothing = {0};
    response_t response = right;

    ASSERTION(algorithm, CLOUDEP_COSE_ES256, ACCEPTED, "an assertion by ES256");
    ASSERTION(algorithm, CLOUDEP_COSE_EDDSA, ACCEPTED, "by EdDSA");
    ASSERTION(algorithm, CLOUDEP_COSE_RS256, ACCEPTED, "by RS256");
    ASSERTION(client, "{", CLIENT_DATA, "7.2 step 9: client data must be JSON");
    ASSERTION(type, "webauthn.create", TYPE, "7.2 step 10: a registration's client data is refused");
    ASSERTION(challenge, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh4", CHALLENGE, "7.2 step 11: another challenge");
    ASSERTION(origin, "https://app.example", ACCEPTED, "7.2 step 12: another origin of the list");
    ASSERTION(origin, "https://evil.example", ORIGIN, "one that is not in it");
    ASSERTION(more, ",\"crossOrigin\":true", CROSS_ORIGIN, "7.2 step 13: a frame of another origin");
    ASSERTION(more, ",\"topOrigin\":\"https://id.example\"", TOP_ORIGIN, "7.2 step 14: a top origin");
    ASSERTION(rp_id, "evil.example", RP_ID, "7.2 step 15: another relying party");
    ASSERTION(flags, UV, USER_PRESENCE, "7.2 step 16: nobody there");
    ASSERTION(flags, UP, USER_VERIFICATION, "7.2 step 17: not verified");
    ASSERTION(flags, UP | UV | BS, BACKUP_STATE, "7.2 step 18: backed up, not eligible");
    ASSERTION(flags, UP | UV | BE, BACKUP_ELIGIBILITY, "7.2 step 19: eligible now, not at registration");
    ASSERTION(data_tail, "00", AUTHENTICATOR_DATA, "bytes behind the authenticator data");
    ASSERTION(data, "", AUTHENTICATOR_DATA, "no authenticator data");
    ASSERTION(flags, UP | UV | ED, AUTHENTICATOR_DATA, "extensions missing");
    response.flags |= ED;
    response.data_tail = "a16b686d61632d736563726574f5";
    assertion(&response, &nothing, CLOUDEP_WEBAUTHN_ACCEPTED, "7.2 step 23: an extension, not asked for, is ignored");
    rule.user_verification_required = 0;
    rule.user_presence_optional = 1;
    response = right;
    response.flags = UP;
    is_int(asserts(&answer, &response, &rule, &nothing), CLOUDEP_WEBAUTHN_ACCEPTED,
           "not verified, where it need not be");
    ok(!answer.user_verified, "and said so");
    response.flags = 0;
    is_int(asserts(&answer, &response, &rule, &nothing), CLOUDEP_WEBAUTHN_USER_PRESENCE,
           "an assertion is never without presence");
    rule = demanding;
    rule.algorithms = NULL;
    is_int(asserts(&answer, &right, &rule, &nothing), CLOUDEP_WEBAUTHN_ACCEPTED, "what is offered now does not matter");
}

static void test_backup(void)
{
    cloudep_webauthn_credential_t stored = stored_key(CLOUDEP_COSE_ES256);
    const extra_t extra = {.stored = &stored};
    cloudep_webauthn_assertion_t answer;
    response_t response = right;

    stored.backup_eligible = 1;
    assertion(&response, &extra, CLOUDEP_WEBAUTHN_BACKUP_ELIGIBILITY, "7.2 step 19: eligible once, not now");
    response.flags |= BE;
    is_int(asserts(&answer, &response, &demanding, &extra), CLOUDEP_WEBAUTHN_ACCEPTED, "eligible as before");
    ok(!answer.backed_up, "not backed up");
    response.flags |= BS;
    is_int(asserts(&answer, &response, &demanding, &extra), CLOUDEP_WEBAUTHN_ACCEPTED, "backed up by now");
    ok(answer.backed_up, "and said so");
}

static void test_counter(void)
{
    static const struct {
        apr_uint32_t before, now;
        int back;
    } cases[] = {
        {0, 0, 0},           {0, 1, 0},           {1, 2, 0}, {7, 4294967295U, 0}, {4294967294U, 4294967295U, 0},
        {2147483648U, 1, 1}, {1, 2147483648U, 0}, {1, 1, 1}, {2, 1, 1},           {1, 0, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cloudep_webauthn_credential_t stored = stored_key(CLOUDEP_COSE_ES256);
        const extra_t extra = {.stored = &stored};
        cloudep_webauthn_assertion_t answer;
        response_t response = right;

        stored.sign_count = cases[i].before;
        response.sign_count = cases[i].now;
        is_int(asserts(&answer, &response, &demanding, &extra), CLOUDEP_WEBAUTHN_ACCEPTED,
               "7.2 step 22: the counter refuses nothing");
        ok(answer.counter_went_back == cases[i].back && answer.sign_count == cases[i].now, "from %u to %u it went %s",
           cases[i].before, cases[i].now, cases[i].back ? "back" : "on");
    }
}

static void test_signatures(void)
{
    static const int kinds[] = {CLOUDEP_COSE_ES256, CLOUDEP_COSE_EDDSA, CLOUDEP_COSE_RS256};
    EVP_PKEY *stranger = EVP_EC_gen("P-256"), *stranger_ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    EXTRA(CLOUDEP_COSE_ES256, signer, stranger, SIGNATURE, "7.2 step 21: another key's signature");
    EXTRA(CLOUDEP_COSE_EDDSA, signer, stranger_ed, SIGNATURE, "of EdDSA too");
    EXTRA(CLOUDEP_COSE_ES256, signer, ed, SIGNATURE, "a signature by another algorithm");
    EXTRA(CLOUDEP_COSE_EDDSA, signer, ec, SIGNATURE, "and the other way");
    for (int i = 0; i < 3; i++) {
        EXTRA(kinds[i], signature, "", SIGNATURE, "no signature");
        EXTRA(kinds[i], signature, "00", SIGNATURE, "one byte");
        EXTRA(kinds[i], cut, 1, SIGNATURE, "a byte short");
        EXTRA(kinds[i], signed_extra, "00", SIGNATURE, "over something else");
    }
    EXTRA(CLOUDEP_COSE_ES256, signature, "3006020100020100", SIGNATURE, "r and s 0");
    EXTRA(CLOUDEP_COSE_ES256, signature, "3006020101020101", SIGNATURE, "r and s 1");
    EXTRA(
        CLOUDEP_COSE_EDDSA, signature,
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000",
        SIGNATURE, "64 zero bytes");
    EXTRA(CLOUDEP_COSE_ES256, attested, 1, CREDENTIAL_GIVEN, "attested credential data in an assertion");
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(stranger_ed);
}

/* What comes out of the database need not be what went in. */
static void test_stored(void)
{
    cloudep_webauthn_credential_t stored = stored_key(CLOUDEP_COSE_ES256);
    EVP_PKEY *other_curve = EVP_EC_gen("P-384");
    unsigned char *der = NULL;

    stored.algorithm = CLOUDEP_COSE_RS256;
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "an EC key stored as RS256");
    stored.algorithm = -48;
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "an algorithm that is not known");
    stored = stored_key(CLOUDEP_COSE_ES256);
    stored.spki.len--;
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "a key cut off");
    stored.spki.len = 0;
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "no key");
    stored = stored_key(CLOUDEP_COSE_ES256);
    stored.spki.data = apr_pcalloc(pool, stored.spki.len + 1);
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "zero bytes");
    stored = stored_key(CLOUDEP_COSE_ES256);
    stored.spki = bytes_of(stored.spki.data, stored.spki.len + 1);
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "a byte behind the key");
    stored.spki.len = (apr_size_t)i2d_PUBKEY(other_curve, &der);
    stored.spki.data = der;
    EXTRA(CLOUDEP_COSE_ES256, stored, &stored, STORED_KEY, "a key of P-384");
    OPENSSL_free(der);
    EVP_PKEY_free(other_curve);
}

static void test_reasons(void)
{
    for (int i = 0; i < CLOUDEP_WEBAUTHN_REASONS; i++) {
        const char *text = cloudep_webauthn_reason_text((cloudep_webauthn_reason_t)i);
        int same = 0;

        for (int j = 0; j < i; j++) {
            same += !strcmp(text, cloudep_webauthn_reason_text((cloudep_webauthn_reason_t)j));
        }
        ok(*text && !same, "reason %d has words of its own: %s", i, text);
    }
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    ec = EVP_EC_gen("P-256");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    rsa = EVP_RSA_gen(2048);
    if (!ec || !ed || !rsa) {
        printf("Bail out! no keys\n");
        return 1;
    }
    test_right_registrations();
    test_client_data();
    test_empty_rule();
    test_attestation_object();
    test_members();
    test_authenticator_data();
    test_flags();
    test_credential_id();
    test_ec_keys();
    test_ed_keys();
    test_rfc8032();
    test_rsa_keys();
    test_rsa_members();
    test_assertion_steps();
    test_backup();
    test_counter();
    test_signatures();
    test_stored();
    test_reasons();
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(rsa);
    apr_terminate();
    return done_testing();
}
