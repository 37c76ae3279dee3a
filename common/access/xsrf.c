/*
 * xsrf.c - see xsrf.h.
 */
#include "access/xsrf.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include "access/cookie.h"
#include "access/session_cookie.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/text/b64.h"
#include "base/text/validate.h"
#include "core/config.h"
#include "core/request.h"

#define SESSION "session " /* what the subject of a session begins with */

static apr_status_t make_token(request_rec *r, const cloudep_jwk_t *key, const char *subject, const char **token)
{
    unsigned char mac[CLOUDEP_MAC_LEN];
    apr_size_t length;
    const unsigned char *secret = cloudep_jwk_secret(key, &length);
    const apr_status_t rv = cloudep_hmac_sha256(mac, secret, length, subject, strlen(subject));

    if (rv == APR_SUCCESS) {
        *token = apr_pstrcat(r->pool, CLOUDEP_XSRF_MARK, cloudep_b64_encode(r->pool, mac, sizeof(mac)), NULL);
    }
    return rv;
}

static const char *of_session(apr_pool_t *p, const char *tenant_id, const char *session_id)
{
    return apr_pstrcat(p, SESSION, tenant_id, " ", session_id, NULL);
}

static const char *of_visitor(apr_pool_t *p, const char *visitor)
{
    return apr_pstrcat(p, "visitor ", visitor, NULL);
}

/* The visitor cookie, if it can be one of ours. */
static const char *visitor_of(request_rec *r)
{
    const char *visitor = cloudep_cookie(r, CLOUDEP_COOKIE_VISITOR);

    return visitor && cloudep_is_id(visitor) ? visitor : NULL;
}

/* What the token of a request stands on; NULL: nothing, there is neither cookie. */
static const char *subject_of(request_rec *r)
{
    cloudep_session_cookie_t cookie;
    const char *reason, *visitor;

    /* Also one whose session is over: the browser goes on to have it until the next login. */
    if (cloudep_session_cookie(r, &cookie, &reason) == APR_SUCCESS && cookie.kind == CLOUDEP_COOKIE_OWN) {
        return of_session(r->pool, cookie.tenant_id, cookie.session_id);
    }
    visitor = visitor_of(r);
    return visitor ? of_visitor(r->pool, visitor) : NULL;
}

static const cloudep_config_t *config_of(request_rec *r)
{
    return cloudep_request_context(r)->config;
}

int cloudep_xsrf_holds(request_rec *r)
{
    const cloudep_jwks_t *keys = config_of(r)->run->xsrf_keys;
    const char *given = apr_table_get(r->headers_in, config_of(r)->xsrf_header);
    const char *subject = given ? subject_of(r) : NULL;

    for (int i = 0; subject && i < cloudep_jwks_count(keys); i++) {
        const char *expected;

        if (make_token(r, cloudep_jwks_get(keys, i), subject, &expected) == APR_SUCCESS &&
            strlen(expected) == strlen(given) && !CRYPTO_memcmp(expected, given, strlen(expected))) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t set_token(request_rec *r, const char *subject, int max_age)
{
    const cloudep_jwk_t *key = cloudep_jwks_active(config_of(r)->run->xsrf_keys, CLOUDEP_KEY_SIGN);
    const char *token;
    const apr_status_t rv = key ? make_token(r, key, subject, &token) : CLOUDEP_EUNSET;

    if (rv == APR_SUCCESS) {
        cloudep_cookie_set_readable(r, config_of(r)->xsrf_cookie, token, max_age);
    }
    return rv;
}

apr_status_t cloudep_xsrf_offer(request_rec *r)
{
    const char *subject = subject_of(r);
    const char *visitor;
    apr_status_t rv;

    if (subject) {
        return set_token(r, subject, strncmp(subject, SESSION, strlen(SESSION)) ? 0 : config_of(r)->session_lifetime);
    }
    rv = cloudep_random_id(&visitor, r->pool);
    if (rv == APR_SUCCESS) {
        rv = set_token(r, of_visitor(r->pool, visitor), 0);
    }
    if (rv == APR_SUCCESS) {
        cloudep_cookie_set(r, CLOUDEP_COOKIE_VISITOR, visitor, 0);
    }
    return rv;
}

apr_status_t cloudep_xsrf_set_for_session(request_rec *r, const char *tenant_id, const char *session_id, int max_age)
{
    return set_token(r, of_session(r->pool, tenant_id, session_id), max_age);
}

void cloudep_xsrf_remove(request_rec *r)
{
    cloudep_cookie_set_readable(r, config_of(r)->xsrf_cookie, "", -1);
}
