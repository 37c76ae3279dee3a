/*
 * trace.h - the trace that a request is part of (W3C Trace Context): taken from traceparent, told in log lines and
 * events, and passed on with the requests that are made for it. CloudEP records no spans of its own, so what it passes
 * on is what came. It begins no trace: without a traceparent there is none.
 */
#ifndef CLOUDEP_TRACE_H
#define CLOUDEP_TRACE_H

#include <apr_pools.h>

/** Whether text is a traceparent of version 00, or of a later one that begins like it. */
int cloudep_trace_is_valid(const char *text);

/** The trace's id, 32 hexadecimal digits, of a valid one; from p. */
const char *cloudep_trace_id(const char *traceparent, apr_pool_t *p);

/**
 * From now on what is done with this pool is part of that trace.
 * @param traceparent lives as long as p; NULL: of none
 */
void cloudep_trace_set(apr_pool_t *p, const char *traceparent);

/** The traceparent of what is done with this pool; NULL: none. */
const char *cloudep_trace_of(apr_pool_t *p);

#endif
