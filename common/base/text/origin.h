/*
 * origin.h - origins (RFC 6454), and addresses that a browser may be sent to.
 *
 * An address to go back to comes out of a URL that anybody can write. So it is read strictly: what browsers read in
 * another way than programs do (backslashes, "//host", user names, control characters) is no address at all.
 */
#ifndef CLOUDEP_TEXT_ORIGIN_H
#define CLOUDEP_TEXT_ORIGIN_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/export.h"
#include "base/status.h"

/** An address: where it is, and what is asked for there. */
typedef struct cloudep_target_t {
    const char *origin; /* "https://host[:port]" as browsers write it; NULL: it names none, so it is the reader's own */
    const char *path;   /* "/...", with query and fragment, to the letter */
} cloudep_target_t;

/**
 * What is wrong with a setting that is compared with the header Origin. The text goes on from the setting's name
 * ("takes ...").
 * @return a constant; NULL: nothing
 */
const char *cloudep_origin_fault(const char *origin);

/**
 * Reads an address: a path that begins with one slash, or an http or https URL. Its origin is brought to the form of
 * the header Origin: lower case, without the port that the scheme stands for.
 * @param text NUL-terminated
 * @return APR_SUCCESS or CLOUDEP_EMALFORMED
 */
CLOUDEP_DECLARE(apr_status_t) cloudep_target_read(cloudep_target_t *target, apr_pool_t *p, const char *text);

/**
 * A path and query as a client sent them, with what is no part of a URL (RFC 3986) as %XX, so that
 * cloudep_target_read takes it.
 */
const char *cloudep_target_path(apr_pool_t *p, const char *sent);

/** A text as the value of a query (RFC 3986 2.3: all but unreserved characters as %XX). */
const char *cloudep_query_value(apr_pool_t *p, const char *text);

#endif
