/*
 * cors.h - whether a page of another origin may read an answer of our APIs (Fetch, CORS protocol).
 *
 * An origin is allowed by CloudEPAllowOrigin, or by the tenant that the request turned out to be for; where it turned
 * out to be for none, as a preflight always does, by any tenant. Never "*". Credentials, that is cookies, are allowed
 * only where the session cookie says who asks, to origins of CloudEPAllowOrigin that are of the same site.
 */
#ifndef CLOUDEP_CORS_H
#define CLOUDEP_CORS_H

#include <httpd.h>

/** The headers of an answer; of those that httpd makes too. */
void cloudep_cors_headers(request_rec *r, apr_table_t *headers);

/** The further ones where the request is a preflight whose origin is allowed. Allow is set. */
void cloudep_cors_preflight(request_rec *r);

#endif
