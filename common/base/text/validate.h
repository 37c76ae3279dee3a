/*
 * validate.h - is this text what it claims to be?
 *
 * Pure checks of single values from outside that programs write and nobody types: no state, no I/O,
 * safe for any number of threads. What people type is brought into a form of its own as well:
 * base/text. Every text is NUL-terminated and never NULL.
 */
#ifndef CLOUDEP_VALIDATE_H
#define CLOUDEP_VALIDATE_H

#include <stdbool.h>

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/export.h"
#include "base/status.h"

/**
 * Count the characters (Unicode code points) of @a text.
 * @param characters the count; 0 when the text is not UTF-8
 * @param text the text
 * @return APR_SUCCESS, or CLOUDEP_EMALFORMED when @a text is not well-formed UTF-8 (RFC 3629: no
 *         overlong forms, no surrogates, nothing above U+10FFFF)
 */
apr_status_t cloudep_utf8_length(apr_size_t *characters, const char *text);

/**
 * Whether @a text can be shown in a mail, a log or a page without doing anything: well-formed UTF-8
 * without control characters (C0, DEL, C1), line and paragraph separators, bidirectional
 * embeddings, overrides and isolates, byte order marks and noncharacters. The empty text is
 * printable.
 */
bool cloudep_is_printable(const char *text);

/** Whether @a text is empty or nothing but white space (Unicode's White_Space). */
bool cloudep_is_blank(const char *text);

/** Whether @a text has no byte of another character set than ASCII. */
bool cloudep_is_ascii(const char *text);

/** Whether @a text is a tenant slug: [a-z0-9][a-z0-9-]{0,62}. */
bool cloudep_is_slug(const char *text);

/** Whether @a text is an opaque id as we hand them out: [A-Za-z0-9_-]{1,128}. */
CLOUDEP_DECLARE(bool) cloudep_is_id(const char *text);

/** Whether @a text is one or more printable ASCII characters without a space (RFC 6749's VSCHAR).
 */
bool cloudep_is_token(const char *text);

/** Whether @a text is the 36-character form of a UUID (RFC 4122), in either case. */
bool cloudep_is_uuid(const char *text);

/**
 * Whether @a text is an absolute http or https URL: printable ASCII, at most 2048 characters, with
 * a host, without user name and password.
 */
bool cloudep_is_url(const char *text);

/** Whether @a text is the upper-case ISO 4217 code of a currency people can pay with today. */
bool cloudep_is_currency(const char *text);

#endif
