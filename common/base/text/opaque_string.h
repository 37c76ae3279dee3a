/*
 * opaque_string.h - passwords in one form, however the keyboard or the system composed their characters.
 *
 * The OpaqueString profile of PRECIS (RFC 8265, section 4.2): the same password typed on macOS (which decomposes) and
 * on Windows (which does not), with a no-break or a full-width space, is the same bytes. Case, width and everything
 * else that was chosen stay. No library of Debian's has PRECIS; ICU has what it is made of.
 *
 * Passwords that were hashed before as they came are stored with CLOUDEP_PASSWORD_RAW, new ones with
 * CLOUDEP_PASSWORD_OPAQUE: a login prepares what was typed in the form of the stored hash, and makes one check.
 */
#ifndef CLOUDEP_TEXT_OPAQUE_STRING_H
#define CLOUDEP_TEXT_OPAQUE_STRING_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/export.h"
#include "base/status.h"

/* What of a password is hashed; the numbers are stored. */
typedef enum {
    CLOUDEP_PASSWORD_RAW = 0,   /* the bytes as they came, as version 1.0 did */
    CLOUDEP_PASSWORD_OPAQUE = 1 /* OpaqueString */
} cloudep_password_form_e;

/**
 * Bring a password to the form that is hashed.
 *
 * CLOUDEP_PASSWORD_RAW takes everything. CLOUDEP_PASSWORD_OPAQUE maps spaces of other scripts to the ASCII space and
 * normalises to NFC, then refuses what the FreeformClass of RFC 8264 does not have: the empty text, control characters,
 * characters unassigned in ICU's Unicode version, private use, noncharacters, old Hangul jamo, and what is invisible by
 * default: among it the variation selectors of emoji (U+FE0F), which one keyboard adds and another does not, and
 * joiners where they shape nothing (between emoji).
 *
 * At a login a refusal is a wrong password, told as one, after the same check (against a decoy) as any other. Where a
 * password is set it is a fault of the field, or, to take every password that 1.0 took, stored as CLOUDEP_PASSWORD_RAW.
 * @param out the prepared password, in @a pool or @a text itself; NULL on failure
 * @param reason on failure a text for the client that goes on from the field's name ("must ..."), constant, else NULL;
 *               may be NULL itself
 * @param pool owner of the result; scratch beside it is wiped
 * @param form the form
 * @param text the password, NUL-terminated, at most 4096 bytes, as cloudep_password_hash() takes
 * @return APR_SUCCESS; CLOUDEP_EMALFORMED: refused, or not UTF-8
 */
apr_status_t cloudep_password_prepare(const char **out, const char **reason, apr_pool_t *pool,
                                      cloudep_password_form_e form, const char *text);

#endif
