/*
 * entry_cookie.c - see entry_cookie.h.
 *
 * The value is 22 characters and, once the browser was let in, "." and the Unix time of that.
 */
#include "access/entry_cookie.h"

#include <apr_strings.h>
#include <openssl/sha.h>
#include "access/cookie.h"
#include "base/crypto/random.h"
#include "base/text/b64.h"
#include "base/text/validate.h"
#include "core/request.h"

#define ID 22     /* characters */
#define RECENT 10 /* seconds: a few redirects take no longer */

/* The random part of the cookie; NULL: there is none of ours. */
static const char *id_of(request_rec *r, const char **rest)
{
    const char *value = cloudep_cookie(r, CLOUDEP_COOKIE_ENTER);
    const char *id = value ? apr_pstrmemdup(r->pool, value, strcspn(value, ".")) : NULL;

    if (!id || strlen(id) != ID || !cloudep_is_id(id)) {
        return NULL;
    }
    *rest = value + ID;
    return id;
}

static const char *digest_of(apr_pool_t *p, const char *id)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    return SHA256((const unsigned char *)id, strlen(id), hash) ? cloudep_b64_encode(p, hash, sizeof(hash)) : NULL;
}

apr_status_t cloudep_entry_begin(request_rec *r, const char **digest)
{
    const char *rest;
    const char *id = id_of(r, &rest);

    if (!id && cloudep_random_id(&id, r->pool) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    *digest = digest_of(r->pool, id);
    if (!*digest) {
        return APR_EGENERAL;
    }
    cloudep_cookie_set(r, CLOUDEP_COOKIE_ENTER, id, CLOUDEP_ENTRY_LIFETIME);
    return APR_SUCCESS;
}

const char *cloudep_entry_digest(request_rec *r)
{
    const char *rest;
    const char *id = id_of(r, &rest);

    return id ? digest_of(r->pool, id) : NULL;
}

void cloudep_entry_note(request_rec *r)
{
    const char *rest;
    const char *id = id_of(r, &rest);

    if (id) {
        cloudep_cookie_set(r, CLOUDEP_COOKIE_ENTER,
                           apr_psprintf(r->pool, "%s.%" APR_INT64_T_FMT, id, cloudep_now(cloudep_request_context(r))),
                           CLOUDEP_ENTRY_LIFETIME);
    }
}

int cloudep_entry_is_recent(request_rec *r)
{
    const char *rest;
    const apr_int64_t now = cloudep_now(cloudep_request_context(r));
    apr_int64_t at;

    if (!id_of(r, &rest) || *rest != '.') {
        return 0;
    }
    at = apr_atoi64(rest + 1);
    /* Of nodes whose clocks differ either may have written it. */
    return at > now - RECENT && at < now + RECENT;
}
