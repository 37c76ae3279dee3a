/*
 * link_token.c - see link_token.h.
 */
#include "base/crypto/link_token.h"

#include <apr_strings.h>
#include <apr_uuid.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include "base/crypto/random.h"
#include "base/text/b64.h"

#define RANDOM 32 /* bytes */

typedef struct parts_t {
    unsigned char tenant[sizeof(apr_uuid_t)];
    unsigned char random[RANDOM];
} parts_t;

_Static_assert(sizeof(parts_t) * 4 == CLOUDEP_LINK_TOKEN_SIZE * 3, "no characters of a token are padding");

/* Of the whole text, so that a token under another tenant's id is another one. */
static apr_status_t digest_of(const char **digest, apr_pool_t *p, const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    if (!SHA256((const unsigned char *)text, strlen(text), hash)) {
        return APR_EGENERAL;
    }
    *digest = cloudep_b64_encode(p, hash, sizeof(hash));
    return APR_SUCCESS;
}

apr_status_t cloudep_link_token_make(cloudep_link_token_t *token, apr_pool_t *p, const char *tenant_id)
{
    parts_t parts;
    apr_uuid_t id;
    apr_status_t rv;

    if (apr_uuid_parse(&id, tenant_id) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    memcpy(parts.tenant, id.data, sizeof(parts.tenant));
    rv = cloudep_random_bytes(parts.random, sizeof(parts.random));
    if (rv == APR_SUCCESS) {
        token->tenant_id = tenant_id;
        token->text = cloudep_b64_encode(p, &parts, sizeof(parts));
        rv = digest_of(&token->digest, p, token->text);
    }
    OPENSSL_cleanse(&parts, sizeof(parts));
    return rv;
}

apr_status_t cloudep_link_token_read(cloudep_link_token_t *token, apr_pool_t *p, const char *text)
{
    char *tenant_id = apr_palloc(p, APR_UUID_FORMATTED_LENGTH + 1);
    unsigned char *bytes;
    apr_uuid_t id;
    apr_size_t length;

    if (strlen(text) != CLOUDEP_LINK_TOKEN_SIZE ||
        cloudep_b64_decode(&bytes, &length, p, text, CLOUDEP_LINK_TOKEN_SIZE) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    memcpy(id.data, bytes, sizeof(id.data));
    apr_uuid_format(tenant_id, &id);
    token->text = text;
    token->tenant_id = tenant_id;
    return digest_of(&token->digest, p, text);
}
