/*
 * validate.c - checks of single values.
 *
 * ICU answers what Unicode and ISO 4217 know, libcurl what a URL is.
 */
#include "base/text/validate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <unicode/uchar.h>
#include <unicode/ucurr.h>
#include <unicode/uenum.h>
#include <unicode/utf8.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define SLUG_MAX 63
#define ID_MAX 128
#define URL_MAX 2048

/* Whether all of text is of the given characters and its length within the bounds. */
static bool consists_of(const char *text, const char *characters, apr_size_t min, apr_size_t max)
{
    const apr_size_t length = strlen(text);

    return length >= min && length <= max && strspn(text, characters) == length;
}

/* Take the next character of a NUL-terminated text: at its end 0, at bad UTF-8 a negative value. */
static UChar32 next_character(const char *text, int32_t *at)
{
    UChar32 c;

    U8_NEXT(text, *at, -1, c);
    return c;
}

apr_status_t cloudep_utf8_length(apr_size_t *characters, const char *text)
{
    int32_t at = 0;
    UChar32 c;

    *characters = 0;
    if (strlen(text) >= APR_INT32_MAX) { /* ICU counts in int32_t */
        return CLOUDEP_EMALFORMED;
    }
    while ((c = next_character(text, &at)) > 0) {
        ++*characters;
    }
    if (c < 0) {
        *characters = 0;
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

/* Whether a character can move, hide or break what is shown around it. */
static bool is_disruptive(UChar32 c)
{
    switch (u_charType(c)) {
    case U_CONTROL_CHAR:        /* C0, DEL, C1 */
    case U_LINE_SEPARATOR:      /* U+2028 */
    case U_PARAGRAPH_SEPARATOR: /* U+2029 */
        return true;
    default:
        break;
    }
    return (c >= 0x202a && c <= 0x202e)    /* bidirectional embeddings and overrides */
           || (c >= 0x2066 && c <= 0x2069) /* bidirectional isolates */
           || c == 0xfeff                  /* byte order mark */
           || U_IS_UNICODE_NONCHAR(c);
}

bool cloudep_is_printable(const char *text)
{
    int32_t at = 0;
    UChar32 c;

    if (strlen(text) >= APR_INT32_MAX) {
        return false;
    }
    while ((c = next_character(text, &at)) > 0) {
        if (is_disruptive(c)) {
            return false;
        }
    }
    return c == 0;
}

bool cloudep_is_blank(const char *text)
{
    int32_t at = 0;
    UChar32 c;

    while ((c = next_character(text, &at)) > 0 && u_isUWhiteSpace(c)) {
    }
    return c == 0;
}

bool cloudep_is_ascii(const char *text)
{
    while (*text && !((unsigned char)*text & 0x80)) {
        text++;
    }
    return !*text;
}

bool cloudep_is_slug(const char *text)
{
    return consists_of(text, LOWER DIGITS "-", 1, SLUG_MAX) && text[0] != '-';
}

bool cloudep_is_id(const char *text)
{
    return consists_of(text, LOWER UPPER DIGITS "_-", 1, ID_MAX);
}

bool cloudep_is_token(const char *text)
{
    const char *p = text;

    while (*p > ' ' && *p < 0x7f) {
        p++;
    }
    return *p == '\0' && p > text;
}

bool cloudep_is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (apr_size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == '-' ? text[i] != '-' : !apr_isxdigit(text[i])) {
            return false; /* the end of a shorter text is neither */
        }
    }
    return text[sizeof(form) - 1] == '\0';
}

bool cloudep_is_url(const char *text)
{
    const char *rest;
    CURLU *url;
    char *host = NULL;
    bool good;

    /* libcurl is lenient where browsers once were: one slash or three, and characters that RFC 3986
     * does not know. What is stored and handed out again must mean the same to everybody. */
    if (!cloudep_is_token(text) || strlen(text) > URL_MAX || strpbrk(text, "\"<>\\^`{|}")) {
        return false;
    }
    if (strncasecmp(text, "http://", 7) == 0) {
        rest = text + 7;
    }
    else if (strncasecmp(text, "https://", 8) == 0) {
        rest = text + 8;
    }
    else {
        return false;
    }
    /* The authority: not empty, no user (RFC 3986, 3.2). */
    if (strchr("/?#:", *rest) || memchr(rest, '@', strcspn(rest, "/?#"))) {
        return false;
    }
    if ((url = curl_url()) == NULL) {
        return false;
    }
    good = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '\0';
    curl_free(host);
    curl_url_cleanup(url);
    return good;
}

bool cloudep_is_currency(const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *known;
    const char *code;
    bool found = false;

    /* ICU counts VEF, replaced by VES in 2018, among the current ones. ucurr_isAvailable() is no help:
     * it denies GBP, which some other country gave up. */
    if (!consists_of(text, UPPER, 3, 3) || strcmp(text, "VEF") == 0) {
        return false;
    }
    known = ucurr_openISOCurrencies(UCURR_COMMON | UCURR_NON_DEPRECATED, &status);
    while (!found && (code = uenum_next(known, NULL, &status)) != NULL) {
        found = strcmp(code, text) == 0;
    }
    uenum_close(known);
    return found;
}
