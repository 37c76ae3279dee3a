/*
 * flow_shim.c - the one replacement in the tests of flows: httpd's log, and the three other things that code beside the
 * flows asks httpd for. Whatever else of httpd a flow came to need would be missing when the tests are linked.
 *
 * Lines are kept for flow_logged(); FLOW_LOG=1 shows them. Those of a request with a traceparent end in "[trace]".
 */
#include <ap_mpm.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <http_config.h>
#include <http_log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/context.h"
#include "core/log.h"

int flow_logged(const char *text);
extern int flow_mpm_threads;

module AP_MODULE_DECLARE_DATA cloudep_module;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char lines[65536];

__attribute__((format(printf, 2, 0))) static void keep(const char *end, const char *format, va_list args)
{
    char line[1024];

    (void)apr_vsnprintf(line, sizeof(line), format, args);
    (void)apr_cpystrn(line + strlen(line), end, sizeof(line) - strlen(line));
    (void)pthread_mutex_lock(&mutex);
    if (strlen(lines) + strlen(line) + 2 < sizeof(lines)) {
        strcat(strcat(lines, line), "\n"); /* NOLINT: it was measured */
    }
    (void)pthread_mutex_unlock(&mutex);
    if (getenv("FLOW_LOG")) { /* NOLINT(concurrency-mt-unsafe) */
        printf("# %s\n", line);
    }
}

int flow_logged(const char *text)
{
    int found;

    (void)pthread_mutex_lock(&mutex);
    found = strstr(lines, text) != NULL;
    *lines = '\0';
    (void)pthread_mutex_unlock(&mutex);
    return found;
}

void cloudep_log(const struct cloudep_context_t *ctx, const char *file, int line, int level, apr_status_t rv,
                 const char *format, ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)level;
    (void)rv;
    va_start(args, format);
    keep(ctx && ctx->traceparent ? " [trace]" : "", format, args);
    va_end(args);
}

AP_DECLARE(void)
ap_log_error_(const char *file, int line, int module_index, int level, apr_status_t status, const server_rec *s,
              const char *fmt, ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)s;
    va_start(args, fmt);
    keep("", fmt, args);
    va_end(args);
}

AP_DECLARE(void)
ap_log_rerror_(const char *file, int line, int module_index, int level, apr_status_t status, const request_rec *r,
               const char *fmt, ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)r;
    va_start(args, fmt);
    keep("", fmt, args);
    va_end(args);
}

/* There is no MPM, unless the test says how many threads its children have. */
int flow_mpm_threads;

AP_DECLARE(apr_status_t) ap_mpm_query(int query_code, int *result)
{
    if (query_code != AP_MPMQ_MAX_THREADS || !flow_mpm_threads) {
        return APR_ENOTIMPL;
    }
    *result = flow_mpm_threads;
    return APR_SUCCESS;
}

/* Paths are absolute. */
AP_DECLARE(char *) ap_server_root_relative(apr_pool_t *p, const char *fname)
{
    return apr_pstrdup(p, fname);
}
