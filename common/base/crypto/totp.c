/*
 * totp.c - RFC 6238 over RFC 4226 and the otpauth:// URL that authenticator apps read.
 */
#include "base/crypto/totp.h"

#include <stdio.h>
#include <string.h>

#include <apr_encode.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SHA1_SIZE 20
#define MODULUS 1000000 /* 10 to the power of CLOUDEP_TOTP_DIGITS */

apr_int64_t cloudep_totp_step(apr_time_t now)
{
    return apr_time_sec(now) / CLOUDEP_TOTP_PERIOD;
}

apr_status_t cloudep_totp_code(char code[CLOUDEP_TOTP_DIGITS + 1], const unsigned char *secret, apr_size_t size,
                               apr_int64_t step)
{
    unsigned char counter[8], mac[SHA1_SIZE];
    unsigned int length = 0, offset, number;

    code[0] = '\0';
    for (int i = 7; i >= 0; i--, step >>= 8) {
        counter[i] = (unsigned char)(step & 0xff);
    }
    if (size > APR_INT32_MAX || !HMAC(EVP_sha1(), secret, (int)size, counter, sizeof(counter), mac, &length) ||
        length != sizeof(mac)) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    /* RFC 4226, 5.3: the last four bits say where the 31 bits are taken from. */
    offset = mac[SHA1_SIZE - 1] & 0x0f;
    number = ((unsigned int)(mac[offset] & 0x7f) << 24) | ((unsigned int)mac[offset + 1] << 16) |
             ((unsigned int)mac[offset + 2] << 8) | mac[offset + 3];
    (void)snprintf(code, CLOUDEP_TOTP_DIGITS + 1, "%0*u", CLOUDEP_TOTP_DIGITS, number % MODULUS);
    OPENSSL_cleanse(mac, sizeof(mac));
    return APR_SUCCESS;
}

apr_status_t cloudep_totp_verify(apr_int64_t *step, const unsigned char *secret, apr_size_t size, const char *code,
                                 apr_time_t now)
{
    const apr_int64_t middle = cloudep_totp_step(now);
    char candidate[CLOUDEP_TOTP_DIGITS + 1];
    apr_status_t rv = APR_SUCCESS;

    *step = -1;
    if (strlen(code) != CLOUDEP_TOTP_DIGITS || strspn(code, "0123456789") != CLOUDEP_TOTP_DIGITS) {
        return CLOUDEP_EMALFORMED;
    }
    /* No early end: which of the steps it was must not be told by the time taken. */
    for (apr_int64_t i = middle - CLOUDEP_TOTP_WINDOW; i <= middle + CLOUDEP_TOTP_WINDOW; i++) {
        if (i < 0) {
            continue;
        }
        if ((rv = cloudep_totp_code(candidate, secret, size, i)) != APR_SUCCESS) {
            *step = -1;
            return rv;
        }
        *step = CRYPTO_memcmp(candidate, code, CLOUDEP_TOTP_DIGITS) == 0 ? i : *step;
    }
    OPENSSL_cleanse(candidate, sizeof(candidate));
    return *step < 0 ? CLOUDEP_EFORGED : APR_SUCCESS;
}

const char *cloudep_totp_secret_text(const unsigned char *secret, apr_size_t size, apr_pool_t *pool)
{
    return apr_pencode_base32_binary(pool, secret, (apr_ssize_t)size, APR_ENCODE_NOPADDING, NULL);
}

/* Percent-escape all but RFC 3986's unreserved characters. Google Authenticator shows a '+' as it is,
 * so that the form encoding will not do. NULL when there is no memory. */
static const char *escape(const char *text, apr_pool_t *pool)
{
    char *plain = apr_pstrdup(pool, text), *escaped;
    const char *copy = NULL;

    for (char *colon = plain; (colon = strchr(colon, ':')) != NULL;) {
        *colon = ' ';
    }
    if ((escaped = curl_easy_escape(NULL, plain, (int)strlen(plain))) != NULL) {
        copy = apr_pstrdup(pool, escaped);
        curl_free(escaped);
    }
    return copy;
}

apr_status_t cloudep_totp_url(const char **url, const unsigned char *secret, apr_size_t size, const char *issuer,
                              const char *account, apr_pool_t *pool)
{
    const char *from = escape(issuer, pool), *to = escape(account, pool);

    *url = NULL;
    if (!from || !to) {
        return APR_ENOMEM;
    }
    *url = apr_psprintf(pool,
                        "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d"
                        "&period=%d",
                        from, to, cloudep_totp_secret_text(secret, size, pool), from, CLOUDEP_TOTP_DIGITS,
                        CLOUDEP_TOTP_PERIOD);
    return APR_SUCCESS;
}
