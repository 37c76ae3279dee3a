/*
 * validate.h - is this text what it claims to be?
 *
 * Pure checks of single values from outside: no state, no I/O, safe for any number of threads. A
 * check that can only say yes or no is a bool called cloudep_is_...; one that also brings the value
 * into its canonical form is called cloudep_normalize_... and returns APR_SUCCESS with the form
 * copied into the pool, or CLOUDEP_EMALFORMED with the out parameter set to NULL. Every text is
 * NUL-terminated and never NULL.
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

/** Whether @a text is a tenant slug: [a-z0-9][a-z0-9-]{0,62}. */
bool cloudep_is_slug(const char *text);

/** Whether @a text is an opaque id as we hand them out: [A-Za-z0-9_-]{1,128}. */
bool cloudep_is_id(const char *text);

/** Whether @a text is one or more printable ASCII characters without a space (RFC 6749's VSCHAR).
 */
bool cloudep_is_token(const char *text);

/** Whether @a text is the 36-character form of a UUID (RFC 4122), in either case. */
bool cloudep_is_uuid(const char *text);

/**
 * Whether @a text is an E.164 number: '+', a country code that the ITU has assigned, 7 to 15 digits
 * in all, and nothing else.
 */
bool cloudep_is_phone(const char *text);

/**
 * Whether @a text is an absolute http or https URL: printable ASCII, at most 2048 characters, with
 * a host, without user name and password.
 */
bool cloudep_is_url(const char *text);

/** Whether @a text is the upper-case ISO 4217 code of a currency people can pay with today. */
bool cloudep_is_currency(const char *text);

/**
 * Check an email address and bring it to the form it is stored and compared in: lower case.
 * The pattern is that of the HTML standard's input type=email; in addition the part before the @
 * has at most 64 characters, the whole at most 254 (RFC 5321), and the domain has a dot. ASCII
 * only, so that what passes is safe in a mail header.
 */
apr_status_t cloudep_normalize_email(const char **email, const char *text, apr_pool_t *pool);

/**
 * Check a BCP 47 language tag and bring it to its canonical form (zh-tw becomes zh-TW). Language,
 * script and region must be ones that ISO knows; at most 35 characters (RFC 5646, 4.4.1).
 */
apr_status_t cloudep_normalize_language(const char **tag, const char *text, apr_pool_t *pool);

/**
 * Check a code that a person typed and remove the ASCII spaces from it ("123 456" becomes
 * "123456"). Six digits are an OTP or TOTP code, eight a backup code.
 * @param min fewest digits, after the spaces are gone
 * @param max most digits
 */
apr_status_t cloudep_normalize_digits(const char **digits, const char *text, apr_size_t min, apr_size_t max,
                                      apr_pool_t *pool);

#endif
