/*
 * language.c - reads and compares language tags; ICU knows BCP 47 and ISO's codes.
 */
#include "base/text/language.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/uregion.h>

#include "base/text/accept.h"
#include "base/text/typed.h"

#define LANGUAGE_MAX 35 /* RFC 5646, 4.4.1 */

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
    char *typed = cloudep_typed_trim(text, pool);
    apr_size_t length;
    int32_t parsed = 0;

    *tag = NULL;
    if (!typed || (length = strlen(typed)) < 2 || length > LANGUAGE_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    for (char *p = typed; (p = strchr(p, '_')) != NULL;) {
        *p = '-';
    }
    (void)uloc_forLanguageTag(typed, locale, sizeof(locale), &parsed, &status);
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

static const char *find(const char *const available[], const char *tag)
{
    while (*available && strcasecmp(*available, tag) != 0) {
        available++;
    }
    return *available;
}

const char *cloudep_language_nearest(const char *tag, const char *const available[], apr_pool_t *pool)
{
    const char *found = cloudep_accept_language(tag, available); /* one tag is a list of one */
    char *shorter = apr_pstrdup(pool, tag);

    while (!found) {
        char *last = strrchr(shorter, '-');

        found = find(available, shorter);
        if (!last) {
            break;
        }
        *last = '\0';
    }
    return found;
}
