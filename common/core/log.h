/*
 * log.h - lines in httpd's error log from code that does not know httpd.
 *
 * CENO gives a message its id, "CE" and a number, never used twice (message_ids.h lists them).
 */
#ifndef CLOUDEP_LOG_H
#define CLOUDEP_LOG_H

#include <apr_errno.h>

struct cloudep_context_t;

#define CENO(n) "CE" #n ": "

/* syslog's levels, which are httpd's. */
enum { CLOUDEP_LOG_CRIT = 2, CLOUDEP_LOG_ERR, CLOUDEP_LOG_WARNING, CLOUDEP_LOG_NOTICE, CLOUDEP_LOG_INFO };

/** One line: CLOUDEP_LOG(ctx, INFO, rv, CENO(120) "refresh token refused: %s", reason). rv 0: none to show. */
#define CLOUDEP_LOG(ctx, level, rv, ...) cloudep_log(ctx, __FILE__, __LINE__, CLOUDEP_LOG_##level, rv, __VA_ARGS__)

void cloudep_log(const struct cloudep_context_t *ctx, const char *file, int line, int level, apr_status_t rv,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
