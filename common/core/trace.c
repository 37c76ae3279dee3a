/*
 * trace.c - see trace.h.
 */
#include "core/trace.h"

#include <apr_strings.h>
#include <string.h>

#define KEY "cloudep_traceparent"
#define HEX "0123456789abcdef"

enum { VERSION = 0, TRACE = 3, PARENT = 36, FLAGS = 53, LENGTH = 55 };

/* So many digits, not all of them zero unless zero may be. */
static int is_field(const char *text, size_t length, int may_be_zero)
{
    return strspn(text, HEX) == length && (may_be_zero || strspn(text, "0") < length);
}

int cloudep_trace_is_valid(const char *text)
{
    if (strlen(text) < LENGTH || text[2] != '-' || text[35] != '-' || text[52] != '-') {
        return 0;
    }
    if (!is_field(text, 2, 1) || !is_field(text + TRACE, 32, 0) || !is_field(text + PARENT, 16, 0) ||
        strspn(text + FLAGS, HEX) != 2 || !strncmp(text, "ff", 2)) {
        return 0;
    }
    /* What later versions add comes behind a dash; 00 has nothing more. */
    return text[LENGTH] == '\0' || (strncmp(text, "00", 2) != 0 && text[LENGTH] == '-');
}

const char *cloudep_trace_id(const char *traceparent, apr_pool_t *p)
{
    return apr_pstrmemdup(p, traceparent + TRACE, 32);
}

void cloudep_trace_set(apr_pool_t *p, const char *traceparent)
{
    (void)apr_pool_userdata_setn(traceparent, KEY, NULL, p);
}

const char *cloudep_trace_of(apr_pool_t *p)
{
    void *traceparent = NULL;

    (void)apr_pool_userdata_get(&traceparent, KEY, p);
    return traceparent;
}
