/*
 * typed.c - the characters that people type or paste around what they mean.
 */
#include "base/text/typed.h"

#include <string.h>

#include <apr_strings.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

UChar32 cloudep_typed_next(const char *text, int32_t *at)
{
    UChar32 c;

    U8_NEXT(text, *at, -1, c);
    return c;
}

bool cloudep_typed_is_blank(UChar32 c)
{
    return u_isUWhiteSpace(c) || u_charType(c) == U_FORMAT_CHAR;
}

static bool is_dash(UChar32 c)
{
    return u_hasBinaryProperty(c, UCHAR_DASH) || c == 0x30fc || c == 0xff70; /* a Japanese keyboard's long vowel */
}

static bool is_dot(UChar32 c)
{
    switch (c) {
    case '.':
    case 0x00b7: /* middle dot */
    case 0x2022: /* bullet */
    case 0x2024: /* one dot leader */
    case 0x2027: /* hyphenation point */
    case 0x3002: /* ideographic full stop */
    case 0x30fb: /* katakana middle dot */
    case 0xff0e: /* full-width full stop */
    case 0xff61: /* half-width ideographic full stop */
    case 0xff65: /* half-width katakana middle dot */
        return true;
    default:
        return false;
    }
}

bool cloudep_typed_is_separator(UChar32 c)
{
    return cloudep_typed_is_blank(c) || is_dash(c) || is_dot(c);
}

int cloudep_typed_digit(UChar32 c)
{
    return u_charType(c) == U_DECIMAL_DIGIT_NUMBER ? u_charDigitValue(c) : -1;
}

char *cloudep_typed_trim(const char *text, apr_pool_t *pool)
{
    int32_t at = 0, first = -1, last = 0;
    UChar32 c;

    if (strlen(text) > CLOUDEP_TYPED_MAX) {
        return NULL;
    }
    for (int32_t before = 0; (c = cloudep_typed_next(text, &at)) > 0; before = at) {
        if (!cloudep_typed_is_blank(c)) {
            first = first < 0 ? before : first;
            last = at;
        }
    }
    if (c < 0) {
        return NULL;
    }
    return first < 0 ? apr_pstrdup(pool, "") : apr_pstrmemdup(pool, text + first, (apr_size_t)(last - first));
}
