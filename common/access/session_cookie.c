/*
 * session_cookie.c - see session_cookie.h.
 */
#include "access/session_cookie.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "access/asked.h"
#include "access/cookie.h"
#include "base/crypto/mac.h"
#include "base/text/b64.h"
#include "base/text/validate.h"
#include "core/config.h"
#include "core/request.h"

#define LONGEST 1024 /* characters of a value; ours have about 300 */

static const char *const kinds[] = {[CLOUDEP_COOKIE_OWN] = "own", [CLOUDEP_COOKIE_GUARD] = "guard"};

static const cloudep_jwks_t *keys_of(request_rec *r)
{
    return cloudep_request_context(r)->config->run->cookie_keys;
}

static apr_status_t mac(unsigned char out[CLOUDEP_MAC_LEN], const cloudep_jwk_t *key, const char *text)
{
    apr_size_t length;
    const unsigned char *secret = cloudep_jwk_secret(key, &length);

    return cloudep_hmac_sha256(out, secret, length, text, strlen(text));
}

/* ---- read ---- */

/* Takes a value apart: the text and its HMAC. */
static int open_value(apr_pool_t *p, const char *value, char **text, const unsigned char **given)
{
    const char *dot = ap_strchr_c(value, '.');
    unsigned char *bytes, *hmac;
    apr_size_t length, hmac_length;

    if (!dot || strlen(value) > LONGEST ||
        cloudep_b64_decode(&bytes, &length, p, value, (apr_size_t)(dot - value)) != APR_SUCCESS ||
        cloudep_b64_decode(&hmac, &hmac_length, p, dot + 1, strlen(dot + 1)) != APR_SUCCESS ||
        hmac_length != CLOUDEP_MAC_LEN || memchr(bytes, 0, length)) {
        return 0;
    }
    *text = apr_pstrmemdup(p, (const char *)bytes, length);
    *given = hmac;
    return 1;
}

/* Whether the text was made with a key of ours: the one that it names last. */
static int is_genuine(request_rec *r, const char *text, const char *kid, const unsigned char *given)
{
    const cloudep_jwk_t *key = cloudep_jwks_find(keys_of(r), kid);
    unsigned char expected[CLOUDEP_MAC_LEN];

    return key && mac(expected, key, text) == APR_SUCCESS && !CRYPTO_memcmp(expected, given, sizeof(expected));
}

/* What a genuine text says. */
static const char *read_text(request_rec *r, cloudep_session_cookie_t *cookie, const char *text)
{
    const char *kind = ap_getword_white(r->pool, &text);
    const char *host = ap_getword_white(r->pool, &text);

    cookie->tenant_id = ap_getword_white(r->pool, &text);
    cookie->session_id = ap_getword_white(r->pool, &text);
    cookie->uid = ap_getword_white(r->pool, &text);
    cookie->seq = (int)apr_atoi64(ap_getword_white(r->pool, &text));
    cookie->kind = strcmp(kind, kinds[CLOUDEP_COOKIE_OWN]) ? CLOUDEP_COOKIE_GUARD : CLOUDEP_COOKIE_OWN;
    return strcmp(host, cloudep_asked_hostname(r)) ? "it is of another host" : NULL;
}

/* The seventh word and all that is behind it: a kid may have spaces in it. */
static const char *kid_of(const char *text)
{
    for (int i = 0; text && i < 6; i++) {
        text = ap_strchr_c(text, ' ');
        text = text ? text + 1 : NULL;
    }
    return text;
}

apr_status_t cloudep_session_cookie(request_rec *r, cloudep_session_cookie_t *cookie, const char **reason)
{
    const char *value = cloudep_cookie(r, CLOUDEP_COOKIE_SESSION);
    const unsigned char *given;
    const char *kid;
    char *text;

    if (!value) {
        *reason = "there is none";
        return APR_NOTFOUND;
    }
    *reason = "it is none, or there twice";
    if (!open_value(r->pool, value, &text, &given) || !(kid = kid_of(text))) {
        return CLOUDEP_EFORGED;
    }
    *reason = "no key of ours made it";
    if (!is_genuine(r, text, kid, given)) {
        return CLOUDEP_EFORGED;
    }
    *reason = read_text(r, cookie, text);
    return *reason ? CLOUDEP_EFORGED : APR_SUCCESS;
}

/* ---- write ---- */

static apr_status_t make_value(request_rec *r, const cloudep_session_cookie_t *cookie, const char **value)
{
    const cloudep_jwk_t *key = cloudep_jwks_active(keys_of(r), CLOUDEP_KEY_SIGN);
    unsigned char hmac[CLOUDEP_MAC_LEN];
    const char *text;
    apr_status_t rv;

    if (!key || !*cloudep_asked_hostname(r)) {
        return CLOUDEP_EUNSET;
    }
    text = apr_psprintf(r->pool, "%s %s %s %s %s %d %s", kinds[cookie->kind], cloudep_asked_hostname(r),
                        cookie->tenant_id, cookie->session_id, cookie->uid, cookie->seq, cloudep_jwk_kid(key));
    rv = mac(hmac, key, text);
    if (rv == APR_SUCCESS) {
        *value = apr_pstrcat(r->pool, cloudep_b64_encode(r->pool, text, strlen(text)), ".",
                             cloudep_b64_encode(r->pool, hmac, sizeof(hmac)), NULL);
    }
    return rv;
}

apr_status_t cloudep_session_cookie_set(request_rec *r, const cloudep_session_cookie_t *cookie)
{
    const char *value;
    const apr_status_t rv = make_value(r, cookie, &value);

    /* The session ends by itself before its cookie does. */
    if (rv == APR_SUCCESS) {
        cloudep_cookie_set(r, CLOUDEP_COOKIE_SESSION, value, cloudep_request_context(r)->config->session_lifetime);
    }
    return rv;
}
