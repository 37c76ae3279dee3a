/*
 * log.c - see log.h.
 */
#include "core/log.h"

#include <stdarg.h>
#include <apr_strings.h>
#include "core/context.h"
#include "core/module.h"
#include "core/trace.h"

void cloudep_log(const cloudep_context_t *ctx, const char *file, int line, int level, apr_status_t rv,
                 const char *format, ...)
{
    char text[MAX_STRING_LEN];
    va_list args;

    if (ctx->request ? !APLOG_R_IS_LEVEL(ctx->request, level) : !APLOG_IS_LEVEL(ctx->server, level)) {
        return;
    }
    va_start(args, format);
    apr_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (ctx->traceparent) {
        apr_snprintf(text + strlen(text), sizeof(text) - strlen(text), " [trace %s]",
                     cloudep_trace_id(ctx->traceparent, ctx->p));
    }
    if (ctx->request) {
        ap_log_rerror(file, line, APLOG_MODULE_INDEX, level, rv, ctx->request, "%s", text);
    }
    else {
        ap_log_error(file, line, APLOG_MODULE_INDEX, level, rv, ctx->server, "%s", text);
    }
}
