/*
 * typed.h - what comes along when people type or paste: spaces of all kinds, invisible characters, dashes, dots, digits
 * of other scripts.
 *
 * The readers of emails, codes, phone numbers and language tags share these; each of them says what it lets pass. Pure
 * functions, safe for any number of threads; Unicode's tables are ICU's.
 */
#ifndef CLOUDEP_TYPED_H
#define CLOUDEP_TYPED_H

#include <stdbool.h>

#include <apr_pools.h>
#include <unicode/umachine.h>

/* Nobody types more bytes than this into one of these fields; what is longer is refused unread. */
#define CLOUDEP_TYPED_MAX 1024

/** Take the next character of a text of at most CLOUDEP_TYPED_MAX bytes: 0 at its end, negative for bad UTF-8. */
UChar32 cloudep_typed_next(const char *text, int32_t *at);

/**
 * Whether a character shows nothing: Unicode's White_Space (no-break, thin and full-width spaces too) and format
 * characters (category Cf: zero-width spaces, soft hyphens, the marks of direction that address books paste).
 */
bool cloudep_typed_is_blank(UChar32 c);

/** Whether a character stands between groups of digits: blank, a dash or minus of any kind, a dot or middle dot. */
bool cloudep_typed_is_separator(UChar32 c);

/** The value of a decimal digit of any script (category Nd, so full-width ones too), or -1. */
int cloudep_typed_digit(UChar32 c);

/**
 * Take the blank characters off both ends.
 * @param text at most CLOUDEP_TYPED_MAX bytes
 * @return the rest, in @a pool; NULL when @a text is longer or not UTF-8
 */
char *cloudep_typed_trim(const char *text, apr_pool_t *pool);

#endif
