/*
 * when.c - points in time as the operator writes them: durations and RFC 3339.
 */
#include "cloudepctl.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <stdio.h>
#include <string.h>

/* Ten years; what is meant to last longer has no end at all. */
#define LONGEST (INT64_C(3650) * 24 * 3600)

static apr_status_t duration(const char **seconds, apr_pool_t *p, const char *text)
{
    static const struct {
        char letter;
        apr_int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char *end;
    apr_int64_t n = apr_strtoi64(text, &end, 10);

    if (!apr_isdigit(*text) || n < 1 || !*end || end[1]) {
        return CLOUDEP_EMALFORMED;
    }
    for (apr_size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].letter == *end && n <= LONGEST / units[i].seconds) {
            *seconds = apr_psprintf(p, "%" APR_INT64_T_FMT, n * units[i].seconds);
            return APR_SUCCESS;
        }
    }
    return CLOUDEP_EMALFORMED;
}

/* Digits where d stands, else the very character. */
static int matches(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++) {
        if (*pattern == 'd' ? !apr_isdigit(*text) : *text != *pattern) {
            return 0;
        }
    }
    return 1;
}

static int two(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

/* "Z" or an offset in seconds east of UTC. */
static int offset_of(apr_int32_t *offset, const char *text)
{
    *offset = 0;
    if (!strcmp(text, "Z") || !strcmp(text, "z")) {
        return 1;
    }
    if (strlen(text) != 6 || (!matches(text, "+dd:dd") && !matches(text, "-dd:dd")) || two(text + 1) > 23 ||
        two(text + 4) > 59) {
        return 0;
    }
    *offset = (two(text + 1) * 60 + two(text + 4)) * (*text == '-' ? -60 : 60);
    return 1;
}

static apr_status_t timestamp(const char **at, apr_pool_t *p, const char *text)
{
    apr_time_exp_t given = {0};
    apr_time_exp_t back;
    apr_time_t t;

    if (!(matches(text, "dddd-dd-ddTdd:dd:dd") || matches(text, "dddd-dd-dd dd:dd:dd")) ||
        !offset_of(&given.tm_gmtoff, text + 19)) {
        return CLOUDEP_EMALFORMED;
    }
    given.tm_year = two(text) * 100 + two(text + 2) - 1900;
    given.tm_mon = two(text + 5) - 1;
    given.tm_mday = two(text + 8);
    given.tm_hour = two(text + 11);
    given.tm_min = two(text + 14);
    given.tm_sec = two(text + 17);
    if (given.tm_year < 70 || given.tm_mon < 0 || given.tm_mon > 11 ||
        apr_time_exp_gmt_get(&t, &given) != APR_SUCCESS || apr_time_exp_tz(&back, t, given.tm_gmtoff) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    /* The 30th of February comes back as another day. */
    if (back.tm_mday != given.tm_mday || back.tm_mon != given.tm_mon || back.tm_hour != given.tm_hour ||
        back.tm_min != given.tm_min || back.tm_sec != given.tm_sec) {
        return CLOUDEP_EMALFORMED;
    }
    if (t <= apr_time_now()) {
        return CLOUDEP_EEXPIRED;
    }
    (void)apr_time_exp_gmt(&back, t);
    *at = apr_psprintf(p, "%04d-%02d-%02dT%02d:%02d:%02dZ", back.tm_year + 1900, back.tm_mon + 1, back.tm_mday,
                       back.tm_hour, back.tm_min, back.tm_sec);
    return APR_SUCCESS;
}

apr_status_t cloudepctl_future(const char **seconds, const char **at, apr_pool_t *p, const char *text)
{
    *seconds = NULL;
    *at = NULL;
    return strlen(text) < 19 ? duration(seconds, p, text) : timestamp(at, p, text);
}
