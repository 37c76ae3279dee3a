/*
 * cursor.c - see cursor.h.
 */
#include "base/text/cursor.h"

#include <string.h>
#include <apr_strings.h>
#include "base/text/b64.h"
#include "base/text/validate.h"

#define LONGEST_TIME 17   /* digits: until the year 5138 */
#define LONGEST_NUMBER 18 /* digits that a bigint has in any case */

const char *cloudep_cursor_text(apr_pool_t *p, const cloudep_cursor_t *cursor)
{
    const char *text = apr_pstrcat(p, cursor->at, ".", cursor->id, NULL);

    return cloudep_b64_encode(p, text, strlen(text));
}

static int is_digits(const char *text, apr_size_t most)
{
    const apr_size_t length = strlen(text);

    return length && length <= most && strspn(text, "0123456789") == length;
}

int cloudep_cursor_is_uuid(const char *id)
{
    return cloudep_is_uuid(id);
}

int cloudep_cursor_is_number(const char *id)
{
    return is_digits(id, LONGEST_NUMBER);
}

apr_status_t cloudep_cursor_read(cloudep_cursor_t *cursor, apr_pool_t *p, const char *text, int (*is_id)(const char *))
{
    unsigned char *bytes;
    apr_size_t length;
    char *plain;
    char *dot;

    if (cloudep_b64_decode(&bytes, &length, p, text, strlen(text)) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    plain = (char *)bytes;
    dot = strchr(plain, '.');
    if (strlen(plain) != length || !dot) {
        return CLOUDEP_EMALFORMED;
    }
    *dot = '\0';
    if (!is_digits(plain, LONGEST_TIME) || !is_id(dot + 1)) {
        return CLOUDEP_EMALFORMED;
    }
    *cursor = (cloudep_cursor_t){.at = plain, .id = dot + 1};
    return APR_SUCCESS;
}
