/*
 * code.c - reads the digits of a code.
 */
#include "base/text/code.h"

#include <string.h>

#include "base/text/typed.h"

apr_status_t cloudep_normalize_digits(const char **digits, const char *text, apr_size_t min, apr_size_t max,
                                      apr_pool_t *pool)
{
    char *plain, *end;
    int32_t at = 0;
    UChar32 c;

    *digits = NULL;
    if (strlen(text) > CLOUDEP_TYPED_MAX) {
        return CLOUDEP_EMALFORMED;
    }
    plain = end = apr_palloc(pool, strlen(text) + 1);
    while ((c = cloudep_typed_next(text, &at)) > 0) {
        const int digit = cloudep_typed_digit(c);

        if (digit >= 0) {
            *end++ = (char)('0' + digit);
        }
        else if (!cloudep_typed_is_separator(c)) {
            return CLOUDEP_EMALFORMED;
        }
    }
    *end = '\0';
    if (c < 0 || (apr_size_t)(end - plain) < min || (apr_size_t)(end - plain) > max) {
        return CLOUDEP_EMALFORMED;
    }
    *digits = plain;
    return APR_SUCCESS;
}
