/*
 * iso_time.c - see iso_time.h.
 */
#include "base/text/iso_time.h"

#include <apr_strings.h>
#include <apr_time.h>

const char *cloudep_iso_time(apr_pool_t *p, apr_int64_t milliseconds)
{
    apr_time_exp_t t;

    (void)apr_time_exp_gmt(&t, milliseconds * 1000);
    return apr_psprintf(p, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                        t.tm_min, t.tm_sec, t.tm_usec / 1000);
}
