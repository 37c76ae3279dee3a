/*
 * seal.c - secrets at rest: AES-256-GCM under a sealing key of the key file.
 */
#include "base/crypto/seal.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/jose/jwk_private.h"
#include "base/crypto/random.h"

#define VERSION "v1."
#define NONCE_LEN 12
#define TAG_LEN 16
#define PLAIN_MAX (64 * 1024)
/* A record's third part at most, in characters: four for three bytes. */
#define BODY_MAX ((NONCE_LEN + PLAIN_MAX + TAG_LEN + 2) / 3 * 4)

typedef struct wipe_t {
    unsigned char *data;
    apr_size_t len;
} wipe_t;

static apr_status_t wipe(void *data)
{
    const wipe_t *area = data;

    OPENSSL_cleanse(area->data, area->len);
    return APR_SUCCESS;
}

/* Encrypts in place of the three parts of box: the nonce, len bytes, the tag. */
static int encrypt(unsigned char *box, const cloudep_jwk_t *key, const void *plain, int len, const char *aad)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int out_len = 0;
    const int done = ctx && EVP_EncryptInit_ex2(ctx, key->cipher, key->secret, box, NULL) &&
                     EVP_EncryptUpdate(ctx, NULL, &out_len, (const unsigned char *)aad, (int)strlen(aad)) &&
                     (!len || EVP_EncryptUpdate(ctx, box + NONCE_LEN, &out_len, plain, len)) &&
                     EVP_EncryptFinal_ex(ctx, box + NONCE_LEN + len, &out_len) &&
                     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, box + NONCE_LEN + len);

    EVP_CIPHER_CTX_free(ctx);
    return done;
}

/* CLOUDEP_EFORGED: the tag is not that of this text under this key. */
static apr_status_t decrypt(unsigned char *plain, const cloudep_jwk_t *key, unsigned char *box, int len,
                            const char *aad)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int out_len = 0;
    apr_status_t rv = APR_EGENERAL;

    if (ctx && EVP_DecryptInit_ex2(ctx, key->cipher, key->secret, box, NULL) &&
        EVP_DecryptUpdate(ctx, NULL, &out_len, (const unsigned char *)aad, (int)strlen(aad)) &&
        (!len || EVP_DecryptUpdate(ctx, plain, &out_len, box + NONCE_LEN, len)) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, box + NONCE_LEN + len)) {
        rv = EVP_DecryptFinal_ex(ctx, plain + len, &out_len) == 1 ? APR_SUCCESS : CLOUDEP_EFORGED;
    }
    EVP_CIPHER_CTX_free(ctx);
    return rv;
}

apr_status_t cloudep_seal(const char **record, apr_pool_t *pool, const cloudep_jwks_t *set, const void *plain,
                          apr_size_t len, const char *aad)
{
    const cloudep_jwk_t *key = set ? cloudep_jwks_active(set, CLOUDEP_KEY_SEAL) : NULL;
    unsigned char *box;
    apr_status_t rv;
    int done;

    *record = NULL;
    if (!key) {
        return CLOUDEP_EUNSET;
    }
    if (len > PLAIN_MAX) {
        return CLOUDEP_EREFUSED;
    }
    box = apr_palloc(pool, NONCE_LEN + len + TAG_LEN);
    rv = cloudep_random_bytes(box, NONCE_LEN);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ERR_set_mark();
    done = encrypt(box, key, plain, (int)len, aad);
    ERR_pop_to_mark();
    if (!done) {
        return APR_EGENERAL;
    }
    *record = apr_pstrcat(pool, VERSION, key->kid, ".", cloudep_b64_encode(pool, box, NONCE_LEN + len + TAG_LEN), NULL);
    return APR_SUCCESS;
}

/* Takes a record apart. A kid may have dots in it, base64url has none. */
static apr_status_t split(const char **kid, unsigned char **box, apr_size_t *box_len, apr_pool_t *pool,
                          const char *record)
{
    const apr_size_t version_len = strlen(VERSION);
    const char *dot = strrchr(record, '.');

    if (strncmp(record, VERSION, version_len) != 0 || dot <= record + version_len || strlen(dot + 1) > BODY_MAX ||
        cloudep_b64_decode(box, box_len, pool, dot + 1, strlen(dot + 1)) != APR_SUCCESS ||
        *box_len < NONCE_LEN + TAG_LEN) {
        return CLOUDEP_EMALFORMED;
    }
    *kid = apr_pstrmemdup(pool, record + version_len, (apr_size_t)(dot - record) - version_len);
    return APR_SUCCESS;
}

apr_status_t cloudep_unseal(const unsigned char **plain, apr_size_t *len, apr_pool_t *pool, const cloudep_jwks_t *set,
                            const char *record, const char *aad)
{
    const cloudep_jwk_t *key;
    const char *kid;
    unsigned char *box;
    apr_size_t box_len;
    wipe_t *area;
    apr_status_t rv;

    *plain = NULL;
    *len = 0;
    if (!set) {
        return CLOUDEP_EUNSET;
    }
    if ((rv = split(&kid, &box, &box_len, pool, record)) != APR_SUCCESS) {
        return rv;
    }
    key = cloudep_jwks_find(set, kid);
    if (!key || !key->cipher) {
        return APR_NOTFOUND;
    }
    area = apr_palloc(pool, sizeof(*area));
    area->len = box_len - NONCE_LEN - TAG_LEN;
    area->data = apr_pcalloc(pool, area->len + TAG_LEN);
    apr_pool_cleanup_register(pool, area, wipe, apr_pool_cleanup_null);
    ERR_set_mark();
    rv = decrypt(area->data, key, box, (int)area->len, aad);
    ERR_pop_to_mark();
    if (rv != APR_SUCCESS) {
        return rv;
    }
    area->data[area->len] = '\0';
    *plain = area->data;
    *len = area->len;
    return APR_SUCCESS;
}
