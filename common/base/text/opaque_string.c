/*
 * opaque_string.c - the OpaqueString profile (RFC 8265, 4.2) of the FreeformClass (RFC 8264, 4.3).
 *
 * The categories and their order are those of RFC 8264, section 8; exceptions and contextual rules those of RFC 5892,
 * section 2.6 and appendix A.
 */
#include "base/text/opaque_string.h"

#include <stdbool.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#define PASSWORD_MAX 4096 /* bytes, as in base/crypto/password.c */

#define ZWNJ 0x200c
#define ZWJ 0x200d
#define VIRAMA 9 /* canonical combining class */

#define IN(c, first, last) ((c) >= (first) && (c) <= (last))

/* What RFC 8264, section 8, derives. */
typedef enum { VALID, CONTEXT, UNASSIGNED, DISALLOWED } property_e;

/* A text in UTF-16; wiped when done with. */
typedef struct {
    UChar *units;
    int32_t length;
    int32_t size; /* room, in units */
} utf16_t;

/* RFC 5892, 2.6; false: the code point is no exception. */
static bool is_exception(property_e *property, UChar32 c)
{
    if (c == 0xdf || c == 0x3c2 || c == 0x6fd || c == 0x6fe || c == 0xf0b || c == 0x3007) {
        *property = VALID;
    }
    else if (c == 0xb7 || c == 0x375 || c == 0x5f3 || c == 0x5f4 || c == 0x30fb || IN(c, 0x660, 0x669) ||
             IN(c, 0x6f0, 0x6f9)) {
        *property = CONTEXT;
    }
    else if (c == 0x640 || c == 0x7fa || c == 0x302e || c == 0x302f || IN(c, 0x3031, 0x3035) || c == 0x303b) {
        *property = DISALLOWED;
    }
    else {
        return false;
    }
    return true;
}

static bool is_old_jamo(UChar32 c)
{
    switch (u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE)) {
    case U_HST_LEADING_JAMO:
    case U_HST_VOWEL_JAMO:
    case U_HST_TRAILING_JAMO:
        return true;
    default:
        return false;
    }
}

static bool has_compat(UChar32 c)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
    UChar units[U16_MAX_LENGTH];
    int32_t length = 0;

    U16_APPEND_UNSAFE(units, length, c);
    return !unorm2_isNormalized(nfkc, units, length, &status);
}

/* RFC 8264, section 8, for the FreeformClass. */
static property_e property_of(UChar32 c)
{
    const uint32_t refused = U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK;
    property_e property;

    if (is_exception(&property, c)) {
        return property;
    }
    if (u_charType(c) == U_UNASSIGNED && !U_IS_UNICODE_NONCHAR(c)) {
        return UNASSIGNED;
    }
    if (IN(c, 0x21, 0x7e)) {
        return VALID;
    }
    if (c == ZWNJ || c == ZWJ) {
        return CONTEXT;
    }
    if (is_old_jamo(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) || U_IS_UNICODE_NONCHAR(c) ||
        u_charType(c) == U_CONTROL_CHAR) {
        return DISALLOWED;
    }
    /* Letters, marks, digits, numbers, spaces, symbols and punctuation: all categories but those. */
    return has_compat(c) || !(U_MASK(u_charType(c)) & refused) ? VALID : DISALLOWED;
}

static bool has_script(UChar32 c, UScriptCode script)
{
    UErrorCode status = U_ZERO_ERROR;

    return uscript_getScript(c, &status) == script && U_SUCCESS(status);
}

/* Skip characters that join to nothing, forwards or backwards, and tell how the next one joins (RFC 5892, A.1). */
static int joining_type(const utf16_t *text, int32_t at, bool forwards)
{
    int type = U_JT_TRANSPARENT;

    while (type == U_JT_TRANSPARENT && (forwards ? at < text->length : at > 0)) {
        UChar32 c;

        if (forwards) {
            U16_NEXT(text->units, at, text->length, c);
        }
        else {
            U16_PREV(text->units, 0, at, c);
        }
        type = u_getIntPropertyValue(c, UCHAR_JOINING_TYPE);
    }
    return type;
}

static bool joins(const utf16_t *text, int32_t before, int32_t behind)
{
    const int left = joining_type(text, before, false), right = joining_type(text, behind, true);

    return (left == U_JT_LEFT_JOINING || left == U_JT_DUAL_JOINING) &&
           (right == U_JT_RIGHT_JOINING || right == U_JT_DUAL_JOINING);
}

/* Whether some character of the first plane is in the text. */
static bool contains(const utf16_t *text, UChar32 first, UChar32 last)
{
    for (int32_t i = 0; i < text->length; i++) {
        if (IN(text->units[i], first, last)) {
            return true;
        }
    }
    return false;
}

static bool contains_japanese(const utf16_t *text)
{
    for (int32_t at = 0; at < text->length;) {
        UChar32 c;

        U16_NEXT(text->units, at, text->length, c);
        if (has_script(c, USCRIPT_HIRAGANA) || has_script(c, USCRIPT_KATAKANA) || has_script(c, USCRIPT_HAN)) {
            return true;
        }
    }
    return false;
}

/* RFC 5892, appendix A: whether the character between the two places is where it may be. */
static bool fits(const utf16_t *text, UChar32 c, int32_t before, int32_t behind)
{
    UChar32 left = 0, right = 0;
    int32_t at = before;

    if (before > 0) {
        U16_PREV(text->units, 0, at, left);
    }
    if (behind < text->length) {
        U16_GET(text->units, 0, behind, text->length, right);
    }
    switch (c) {
    case ZWNJ:
        return u_getCombiningClass(left) == VIRAMA || joins(text, before, behind);
    case ZWJ:
        return u_getCombiningClass(left) == VIRAMA;
    case 0xb7: /* between two l, as in Catalan */
        return left == 'l' && right == 'l';
    case 0x375: /* Greek keraia */
        return has_script(right, USCRIPT_GREEK);
    case 0x5f3: /* Hebrew geresh and gershayim */
    case 0x5f4:
        return has_script(left, USCRIPT_HEBREW);
    case 0x30fb: /* katakana middle dot */
        return contains_japanese(text);
    default: /* Arabic-Indic digits of one kind are not mixed with those of the other */
        return c <= 0x669 ? !contains(text, 0x6f0, 0x6f9) : !contains(text, 0x660, 0x669);
    }
}

static const char *judge(const utf16_t *text)
{
    for (int32_t at = 0; at < text->length;) {
        const int32_t before = at;
        UChar32 c;

        U16_NEXT(text->units, at, text->length, c);
        switch (property_of(c)) {
        case VALID:
            break;
        case CONTEXT:
            if (!fits(text, c, before, at)) {
                return "must not have a character that is meaningless where it stands, as a joiner between emoji";
            }
            break;
        case UNASSIGNED:
            return "must not have a character that Unicode does not have yet";
        case DISALLOWED:
            return "must not have control characters or invisible ones";
        }
    }
    return text->length ? NULL : "must not be empty";
}

static utf16_t make_utf16(int32_t size, apr_pool_t *pool)
{
    return (utf16_t){apr_palloc(pool, (apr_size_t)size * sizeof(UChar)), 0, size};
}

static void wipe(utf16_t *text)
{
    OPENSSL_cleanse(text->units, (apr_size_t)text->size * sizeof(UChar));
}

/* Prepare and enforce, RFC 8265, 4.2.1 and 4.2.2. */
static const char *enforce(const char **out, utf16_t *typed, utf16_t *composed, const char *text, apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    const char *fault;
    char *prepared;
    int32_t size;

    u_strFromUTF8(typed->units, typed->size, &typed->length, text, -1, &status);
    if (U_FAILURE(status)) {
        return "must be valid UTF-8";
    }
    if ((fault = judge(typed)) != NULL) {
        return fault;
    }
    for (int32_t i = 0; i < typed->length; i++) { /* all spaces are in the first plane */
        if (u_charType(typed->units[i]) == U_SPACE_SEPARATOR) {
            typed->units[i] = ' ';
        }
    }
    composed->length = unorm2_normalize(unorm2_getNFCInstance(&status), typed->units, typed->length, composed->units,
                                        composed->size, &status);
    if (U_FAILURE(status)) {
        return "is too long";
    }
    if ((fault = judge(composed)) != NULL) { /* what it became must be good as well */
        return fault;
    }
    size = composed->length * 3 + 1; /* a unit is at most three bytes of UTF-8 */
    prepared = apr_palloc(pool, (apr_size_t)size);
    u_strToUTF8(prepared, size, NULL, composed->units, composed->length, &status);
    if (U_FAILURE(status)) {
        return "must be valid UTF-8";
    }
    *out = prepared;
    return NULL;
}

apr_status_t cloudep_password_prepare(const char **out, const char **reason, apr_pool_t *pool,
                                      cloudep_password_form_e form, const char *text)
{
    const apr_size_t length = strlen(text);
    const char *fault = NULL;

    *out = NULL;
    if (length > PASSWORD_MAX) {
        fault = "is too long";
    }
    else if (form == CLOUDEP_PASSWORD_RAW) {
        *out = text;
    }
    else {
        /* UTF-16 has at most a unit for each byte of UTF-8, and NFC makes at most three of one. */
        utf16_t typed = make_utf16((int32_t)length + 1, pool), composed = make_utf16((int32_t)length * 3 + 1, pool);

        fault = enforce(out, &typed, &composed, text, pool);
        wipe(&typed);
        wipe(&composed);
    }
    if (reason) {
        *reason = fault;
    }
    return fault ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}
