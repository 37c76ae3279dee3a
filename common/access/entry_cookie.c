/*
 * entry_cookie.c - see entry_cookie.h.
 */
#include "access/entry_cookie.h"

#include <string.h>
#include <openssl/sha.h>
#include "access/cookie.h"
#include "base/crypto/random.h"
#include "base/text/b64.h"
#include "base/text/validate.h"

#define ID 22     /* characters */
#define RECENT 10 /* seconds: a few redirects take no longer */

/* The cookie; NULL: there is none of ours. */
static const char *id_of(request_rec *r)
{
    const char *id = cloudep_cookie(r, CLOUDEP_COOKIE_ENTER);

    return id && strlen(id) == ID && cloudep_is_id(id) ? id : NULL;
}

static const char *digest_of(apr_pool_t *p, const char *id)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    return SHA256((const unsigned char *)id, strlen(id), hash) ? cloudep_b64_encode(p, hash, sizeof(hash)) : NULL;
}

apr_status_t cloudep_entry_begin(request_rec *r, const char **digest)
{
    const char *id = id_of(r);

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
    const char *id = id_of(r);

    return id ? digest_of(r->pool, id) : NULL;
}

void cloudep_entry_note(request_rec *r)
{
    cloudep_cookie_set(r, CLOUDEP_COOKIE_ENTERED, "1", RECENT);
}

int cloudep_entry_is_recent(request_rec *r)
{
    return cloudep_cookie(r, CLOUDEP_COOKIE_ENTERED) != NULL;
}
