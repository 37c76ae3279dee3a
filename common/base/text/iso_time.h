/*
 * iso_time.h - times as programs read them: ISO 8601 in UTC, with milliseconds.
 */
#ifndef CLOUDEP_ISO_TIME_H
#define CLOUDEP_ISO_TIME_H

#include <apr_pools.h>
#include "base/export.h"

/** Unix milliseconds as "2026-01-15T08:30:00.000Z"; from p. */
CLOUDEP_DECLARE(const char *) cloudep_iso_time(apr_pool_t *p, apr_int64_t milliseconds);

#endif
