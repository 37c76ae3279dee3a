/*
 * validate.c - checks of single values.
 *
 * ICU answers what Unicode, BCP 47 and ISO 4217 know, libcurl what a URL is; the ITU's country codes
 * are a table here because no C library of Debian's carries them.
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
#include <unicode/uloc.h>
#include <unicode/uregion.h>
#include <unicode/utf8.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define SLUG_MAX 63
#define ID_MAX 128
#define EMAIL_MAX 254      /* RFC 5321, 4.5.3.1.3, without the angle brackets */
#define EMAIL_LOCAL_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX 63       /* RFC 1035, 2.3.4 */
#define URL_MAX 2048
#define LANGUAGE_MAX 35 /* RFC 5646, 4.4.1 */
#define PHONE_MIN 7     /* digits: the shortest that exist, on Niue */
#define PHONE_MAX 15

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

/* The country codes that ITU-T E.164 lists as assigned (also the shared, global and reserved-in-use
 * ones). No code is the beginning of another, so the first three digits decide: 1 is 100-199. */
static const struct {
    short first, last;
} country_codes[] = {
    {100, 199}, {200, 209}, {211, 213}, {216, 216}, {218, 218}, {220, 258}, {260, 269}, {270, 279},
    {290, 291}, {297, 299}, {300, 349}, {350, 359}, {360, 369}, {370, 383}, {385, 387}, {389, 389},
    {390, 419}, {420, 421}, {423, 423}, {430, 499}, {500, 509}, {510, 589}, {590, 599}, {600, 669},
    {670, 670}, {672, 683}, {685, 692}, {700, 799}, {800, 800}, {808, 808}, {810, 829}, {840, 849},
    {850, 850}, {852, 853}, {855, 856}, {860, 869}, {870, 870}, {878, 878}, {880, 883}, {886, 886},
    {888, 888}, {900, 959}, {960, 968}, {970, 977}, {979, 979}, {980, 989}, {992, 996}, {998, 998},
};

bool cloudep_is_phone(const char *text)
{
    int prefix;

    if (text[0] != '+' || !consists_of(text + 1, DIGITS, PHONE_MIN, PHONE_MAX)) {
        return false;
    }
    prefix = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
    for (apr_size_t i = 0; i < sizeof(country_codes) / sizeof(country_codes[0]); i++) {
        if (prefix >= country_codes[i].first && prefix <= country_codes[i].last) {
            return true;
        }
    }
    return false;
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

/* Whether a host name's labels are as RFC 1035 wants them and more than one. */
static bool is_domain(const char *domain)
{
    int labels = 0;

    for (;; domain++) {
        const apr_size_t length = strspn(domain, LOWER UPPER DIGITS "-");

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

apr_status_t cloudep_normalize_email(const char **email, const char *text, apr_pool_t *pool)
{
    const apr_size_t local = strspn(text, LOWER UPPER DIGITS ".!#$%&'*+/=?^_`{|}~-");
    char *lower;

    *email = NULL;
    if (local < 1 || local > EMAIL_LOCAL_MAX || text[local] != '@' || strlen(text) > EMAIL_MAX ||
        !is_domain(text + local + 1)) {
        return CLOUDEP_EMALFORMED;
    }
    lower = apr_pstrdup(pool, text);
    for (char *p = lower; *p; p++) {
        if (*p >= 'A' && *p <= 'Z') { /* not tolower(): a Turkish locale would have its own i */
            *p = (char)(*p - 'A' + 'a');
        }
    }
    *email = lower;
    return APR_SUCCESS;
}

/* Whether a region subtag is a territory of today or an area that the UN numbers (001, 419). */
static bool is_region(const char *code)
{
    UErrorCode status = U_ZERO_ERROR;
    const URegion *region = uregion_getRegionFromCode(code, &status);

    if (U_FAILURE(status) || strcmp(uregion_getRegionCode(region), code) != 0) {
        return false; /* unknown, or another one's alias as UK is */
    }
    switch (uregion_getType(region)) {
    case URGN_TERRITORY:
    case URGN_WORLD:
    case URGN_CONTINENT:
    case URGN_SUBCONTINENT:
    case URGN_GROUPING:
        return true;
    default:
        return false;
    }
}

/* Whether the parts of a locale are known: BCP 47 syntax alone lets "xx-Abcd" and "english" pass. */
static bool is_known_locale(const char *locale)
{
    UErrorCode status = U_ZERO_ERROR;
    char script[ULOC_SCRIPT_CAPACITY], region[ULOC_COUNTRY_CAPACITY];

    if (uloc_getISO3Language(locale)[0] == '\0') {
        return false;
    }
    (void)uloc_getScript(locale, script, sizeof(script), &status);
    (void)uloc_getCountry(locale, region, sizeof(region), &status);
    if (status != U_ZERO_ERROR) { /* a warning says that there is no room for the NUL */
        return false;
    }
    if (script[0] && u_getPropertyValueEnum(UCHAR_SCRIPT, script) == UCHAR_INVALID_CODE) {
        return false;
    }
    return !region[0] || is_region(region);
}

apr_status_t cloudep_normalize_language(const char **tag, const char *text, apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    char locale[ULOC_FULLNAME_CAPACITY], canonical[ULOC_FULLNAME_CAPACITY];
    const apr_size_t length = strlen(text);
    int32_t parsed = 0;

    *tag = NULL;
    if (length < 2 || length > LANGUAGE_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    (void)uloc_forLanguageTag(text, locale, sizeof(locale), &parsed, &status);
    if (status != U_ZERO_ERROR || (apr_size_t)parsed != length || !is_known_locale(locale)) {
        return CLOUDEP_EMALFORMED;
    }
    (void)uloc_toLanguageTag(locale, canonical, sizeof(canonical), true, &status);
    if (status != U_ZERO_ERROR) {
        return CLOUDEP_EMALFORMED;
    }
    *tag = apr_pstrdup(pool, canonical);
    return APR_SUCCESS;
}

apr_status_t cloudep_normalize_digits(const char **digits, const char *text, apr_size_t min, apr_size_t max,
                                      apr_pool_t *pool)
{
    const char *from;
    char *to, *plain;

    *digits = NULL;
    if (strspn(text, DIGITS " ") != strlen(text)) {
        return CLOUDEP_EMALFORMED;
    }
    to = plain = apr_palloc(pool, strlen(text) + 1);
    for (from = text; *from; from++) {
        if (*from != ' ') {
            *to++ = *from;
        }
    }
    *to = '\0';
    if ((apr_size_t)(to - plain) < min || (apr_size_t)(to - plain) > max) {
        return CLOUDEP_EMALFORMED;
    }
    *digits = plain;
    return APR_SUCCESS;
}
