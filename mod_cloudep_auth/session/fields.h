/*
 * fields.h - fields that several operations of "session" take.
 */
#ifndef CLOUDEP_SESSION_FIELDS_H
#define CLOUDEP_SESSION_FIELDS_H

#include <stddef.h>
#include "base/cache/challenge.h"
#include "base/crypto/password.h"
#include "base/text/field.h"

/* clang-format off */
#define SESSION_EMAIL(required, place) \
    {.name = "email", .type = CLOUDEP_FIELD_EMAIL, .flags = (required), .at = (place)}

#define SESSION_PASSWORD(wire_name, required, place) \
    {.name = (wire_name), .type = CLOUDEP_FIELD_PASSWORD, .flags = (required), .min = CLOUDEP_PASSWORD_LEAST, \
     .max = 128, .at = (place)}

#define SESSION_PHONE(place) \
    {.name = "phone", .type = CLOUDEP_FIELD_PHONE, .flags = CLOUDEP_FIELD_REQUIRED, .at = (place)}

/* A code that was sent. */
#define SESSION_CODE(wire_name, required, place) \
    {.name = (wire_name), .type = CLOUDEP_FIELD_CODE, .flags = (required), .min = CLOUDEP_CODE_DIGITS, \
     .max = CLOUDEP_CODE_DIGITS, .at = (place)}

/* A code of an authenticator, or a backup code. */
#define SESSION_FACTOR(required, place) \
    {.name = "code", .type = CLOUDEP_FIELD_CODE, .flags = (required), .min = 6, .max = 8, .at = (place)}

#define SESSION_FIELDS_END {.name = NULL}
/* clang-format on */

#endif
