/*
 * event_log.c - see event_log.h: writing. event_log_open.c opens it, with what httpd has for that.
 */
#include "core/event_log_private.h"

#include <apr_strings.h>
#include <syslog.h>
#include "core/settings.h"

/* The object with its time, in UTC, as the first member. */
static const char *with_time(const char *line, apr_pool_t *p)
{
    const apr_time_t now = apr_time_now();
    apr_time_exp_t at;

    (void)apr_time_exp_gmt(&at, now);
    return apr_psprintf(p, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\",%s\n", at.tm_year + 1900, at.tm_mon + 1,
                        at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, at.tm_usec, line + 1);
}

int cloudep_event_log_write(const cloudep_context_t *ctx, const char *line)
{
    const cloudep_event_log_t *log = ctx->config->run->event_log;
    apr_status_t rv;

    if (!log) {
        return 0;
    }
    if (log->facility >= 0) {
        syslog(log->facility | LOG_NOTICE, "%s", line);
        return 1;
    }
    if (!log->file) {
        return 1;
    }
    line = with_time(line, ctx->p);
    rv = apr_file_write_full(log->file, line, strlen(line), NULL);
    if (rv != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, ERR, rv, CENO(1431) "CloudEPEventLog takes no events; this one is here: %s", line);
    }
    return 1;
}
