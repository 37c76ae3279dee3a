/*
 * fields.h - fields that several operations of "account" take.
 */
#ifndef CLOUDEP_ACCOUNT_FIELDS_H
#define CLOUDEP_ACCOUNT_FIELDS_H

#include <stddef.h>
#include "base/cache/challenge.h"
#include "base/crypto/password.h"
#include "base/text/field.h"

/* clang-format off */
#define ACCOUNT_EMAIL(place) \
    {.name = "email", .type = CLOUDEP_FIELD_EMAIL, .flags = CLOUDEP_FIELD_REQUIRED, .at = (place)}

#define ACCOUNT_PASSWORD(wire_name, required, place) \
    {.name = (wire_name), .type = CLOUDEP_FIELD_PASSWORD, .flags = (required), .min = CLOUDEP_PASSWORD_LEAST, \
     .max = 128, .at = (place)}

#define ACCOUNT_CHALLENGE(required, place) \
    {.name = "challengeId", .type = CLOUDEP_FIELD_ID, .flags = (required), .at = (place)}

/* A code that was mailed. */
#define ACCOUNT_CODE(wire_name, required, place) \
    {.name = (wire_name), .type = CLOUDEP_FIELD_CODE, .flags = (required), .min = CLOUDEP_CODE_DIGITS, \
     .max = CLOUDEP_CODE_DIGITS, .at = (place)}

/* A code of an authenticator or, with 8 digits at most, a backup code. */
#define ACCOUNT_TOTP_CODE(required, most, place) \
    {.name = "totpCode", .type = CLOUDEP_FIELD_CODE, .flags = (required), .min = 6, .max = (most), .at = (place)}

#define ACCOUNT_FIELDS_END {.name = NULL}
/* clang-format on */

#endif
