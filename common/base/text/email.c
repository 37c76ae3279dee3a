/*
 * email.c - reads email addresses; ICU knows IDNA.
 */
#include "base/text/email.h"

#include <stdbool.h>
#include <string.h>

#include <apr_strings.h>
#include <unicode/uidna.h>
#include <unicode/utf8.h>

#include "base/text/typed.h"

#define LETTERS_AND_DIGITS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define EMAIL_MAX 254 /* RFC 5321, 4.5.3.1.3, without the angle brackets */
#define LOCAL_MAX 64  /* RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX 63  /* RFC 1035, 2.3.4 */

/* The full-width forms of ASCII (U+FF01 to U+FF5E) as ASCII. The text is UTF-8; it can only become shorter. */
static void narrow(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        int32_t length = 0;
        const UChar32 c = cloudep_typed_next(from, &length);

        if (c >= 0xff01 && c <= 0xff5e) {
            *to++ = (char)(c - 0xff01 + '!');
        }
        else {
            memmove(to, from, (size_t)length);
            to += length;
        }
        from += length;
    }
    *to = '\0';
}

static void lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z') { /* not tolower(): a Turkish locale would have its own i */
            *text = (char)(*text - 'A' + 'a');
        }
    }
}

static bool is_ascii(const char *text)
{
    while (*text && U8_IS_SINGLE(*text)) {
        text++;
    }
    return !*text;
}

/* Whether a host name's labels are as RFC 1035 wants them and more than one. */
static bool is_domain(const char *domain)
{
    int labels = 0;

    for (;; domain++) {
        const apr_size_t length = strspn(domain, LETTERS_AND_DIGITS "-");

        if (length < 1 || length > LABEL_MAX || domain[0] == '-' || domain[length - 1] == '-') {
            return false;
        }
        labels++;
        domain += length;
        if (*domain != '.') {
            return *domain == '\0' && labels > 1;
        }
    }
}

static const char malformed[] = "must be an email address";
static const char too_long[] = "must be an email address of at most 254 characters";

/* Find the A-labels of a domain in another script. The reason why it has none, or NULL. */
static const char *to_a_labels(const char **labels, const char *domain, apr_pool_t *pool)
{
    const uint32_t options =
        UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ;
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UIDNA *idna = uidna_openUTS46(options, &status);
    char room[EMAIL_MAX + 1];

    (void)uidna_nameToASCII_UTF8(idna, domain, -1, room, sizeof(room), &info, &status);
    uidna_close(idna);
    if (info.errors & ~(uint32_t)UIDNA_ERROR_DOMAIN_NAME_TOO_LONG) {
        return "must be an email address with a valid domain after the @";
    }
    if (status == U_BUFFER_OVERFLOW_ERROR || status == U_STRING_NOT_TERMINATED_WARNING || info.errors) {
        return too_long;
    }
    if (status != U_ZERO_ERROR) {
        return malformed;
    }
    *labels = apr_pstrdup(pool, room);
    return NULL;
}

/* The reason why it is no email address, or NULL. */
static const char *read_email(const char **email, const char *text, apr_pool_t *pool)
{
    char *plain = cloudep_typed_trim(text, pool);
    const char *domain, *fault;
    apr_size_t local;

    if (!plain) {
        return malformed;
    }
    narrow(plain);
    lower(plain);
    local = strspn(plain, LETTERS_AND_DIGITS ".!#$%&'*+/=?^_`{|}~-");
    if (local > LOCAL_MAX) {
        return "must be an email address with at most 64 characters before the @";
    }
    if (plain[local] != '@' || local < 1) {
        return U8_IS_SINGLE(plain[local]) ? malformed : "must be an email address with ASCII characters before the @";
    }
    domain = plain + local + 1;
    if (!is_ascii(domain) && (fault = to_a_labels(&domain, domain, pool)) != NULL) {
        return fault;
    }
    if (!is_domain(domain)) {
        return malformed;
    }
    if (local + 1 + strlen(domain) > EMAIL_MAX) {
        return too_long;
    }
    plain[local] = '\0';
    *email = apr_pstrcat(pool, plain, "@", domain, NULL);
    return NULL;
}

apr_status_t cloudep_normalize_email(const char **email, const char **reason, const char *text, apr_pool_t *pool)
{
    const char *fault;

    *email = NULL;
    fault = read_email(email, text, pool);
    if (reason) {
        *reason = fault;
    }
    return fault ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}
