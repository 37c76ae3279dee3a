/*
 * phone.h - phone numbers as people type or paste them, and the one form in which they are stored: E.164 with a plus.
 *
 * This checks the form of a number and that its country code exists, not that the number is in use: only a code that
 * arrives proves that. Google's libphonenumber would know which ranges a country has given out, but Debian has it for
 * C++ only, which would bring libstdc++, protobuf and abseil into every child of httpd, with Debian's metadata of 2022:
 * it refuses real numbers of ranges opened since (all of Benin's). What we need of it is phone_plan.c.
 */
#ifndef CLOUDEP_TEXT_PHONE_H
#define CLOUDEP_TEXT_PHONE_H

#include <stdbool.h>

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/status.h"

/**
 * Bring a phone number to its E.164 form ("+886 912-345-678" becomes "+886912345678").
 *
 * Dropped: spaces of all kinds, invisible characters, dashes, dots, slashes, parentheses. Digits of any script become
 * ASCII ones, a full-width plus a plus, "00" at the beginning a plus. Without one of them a number is refused: which
 * country it is in cannot be known.
 *
 * The trunk prefix 0 that is dialled within a country only is no part of the number: "+8860912345678" is refused, as it
 * is a typing mistake that may hide another. "+886 (0)912 345 678", the way of writing that says "dial the 0 at home
 * only", is understood, and the zero dropped. Countries without a trunk prefix, where a 0 belongs to the number (Italy,
 * the Ivory Coast, Benin, ...), keep it, in parentheses too.
 * @param phone the form, in @a pool; NULL on failure
 * @param reason on failure a text for the client that goes on from the field's name ("must ..."), constant, else NULL;
 *               may be NULL itself
 * @param text what was typed; NUL-terminated
 * @return APR_SUCCESS or CLOUDEP_EMALFORMED
 */
apr_status_t cloudep_normalize_phone(const char **phone, const char **reason, const char *text, apr_pool_t *pool);

/**
 * Whether @a text is an E.164 number in the form that cloudep_normalize_phone() makes: '+', a country code that is
 * assigned, no trunk zero after it, 7 (Niue) to 15 ASCII digits in all, and nothing else.
 */
bool cloudep_is_phone(const char *text);

#endif
