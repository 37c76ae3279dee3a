/*
 * oidc_request.c - what we send to an OpenID provider.
 */
#include "base/jose/oidc_request.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/text/b64.h"
#include "base/crypto/random.h"

#define VERIFIER_BYTES 32
#define DIGEST_BYTES 32

const char *cloudep_form_encode(apr_pool_t *pool, const apr_table_t *fields)
{
    const apr_array_header_t *list = apr_table_elts(fields);
    apr_array_header_t *pairs = apr_array_make(pool, list->nelts, sizeof(const char *));

    for (int i = 0; i < list->nelts; i++) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(list, i, apr_table_entry_t);

        APR_ARRAY_PUSH(pairs, const char *) = apr_pstrcat(pool, apr_pescape_urlencoded(pool, field->key), "=",
                                                          apr_pescape_urlencoded(pool, field->val), NULL);
    }
    return apr_array_pstrcat(pool, pairs, '&');
}

const char *cloudep_url_with_query(apr_pool_t *pool, const char *url, const apr_table_t *fields)
{
    const char *base = apr_pstrmemdup(pool, url, strcspn(url, "#"));

    return apr_pstrcat(pool, base, strchr(base, '?') ? "&" : "?", cloudep_form_encode(pool, fields), NULL);
}

apr_status_t cloudep_pkce_verifier(const char **verifier, apr_pool_t *pool)
{
    unsigned char bytes[VERIFIER_BYTES];
    apr_status_t rv = cloudep_random_bytes(bytes, sizeof(bytes));

    *verifier = rv == APR_SUCCESS ? cloudep_b64_encode(pool, bytes, sizeof(bytes)) : NULL;
    return rv;
}

apr_status_t cloudep_pkce_challenge(const char **challenge, apr_pool_t *pool, const char *verifier)
{
    unsigned char digest[DIGEST_BYTES];

    *challenge = NULL;
    if (!EVP_Digest(verifier, strlen(verifier), digest, NULL, EVP_sha256(), NULL)) {
        return APR_EGENERAL;
    }
    *challenge = cloudep_b64_encode(pool, digest, sizeof(digest));
    return APR_SUCCESS;
}
