/*
 * fields.h - fields that many operations of v1 take. Each is bound to the member of the same name of the flow's input.
 */
#ifndef CLOUDEP_V1_FIELDS_H
#define CLOUDEP_V1_FIELDS_H

#include <stddef.h>
#include "base/cache/challenge.h"
#include "base/crypto/password.h"
#include "base/text/field.h"

/* clang-format off */
#define CLOUDEP_V1_TENANT(input) CLOUDEP_V1_TENANT_IF(input, CLOUDEP_FIELD_REQUIRED)

#define CLOUDEP_V1_OPTIONAL_TENANT(input) CLOUDEP_V1_TENANT_IF(input, 0)

#define CLOUDEP_V1_TENANT_IF(input, required) \
    {.name = "tenant_slug", .type = CLOUDEP_FIELD_SLUG, .flags = (required) | CLOUDEP_FIELD_TENANT, \
     .at = offsetof(input, tenant_slug)}

#define CLOUDEP_V1_INVITE(input) \
    {.name = "invite_code", .type = CLOUDEP_FIELD_TEXT, .flags = CLOUDEP_FIELD_REQUIRED, .min = 1, .max = 64, \
     .at = offsetof(input, invite_code)}

#define CLOUDEP_V1_EMAIL(input) CLOUDEP_V1_EMAIL_IF(input, CLOUDEP_FIELD_REQUIRED)

#define CLOUDEP_V1_OPTIONAL_EMAIL(input) CLOUDEP_V1_EMAIL_IF(input, 0)

#define CLOUDEP_V1_EMAIL_IF(input, required) \
    {.name = "email", .type = CLOUDEP_FIELD_EMAIL, .flags = (required), .at = offsetof(input, email)}

/* member: password or new_password, which is also its name on the wire */
#define CLOUDEP_V1_PASSWORD(input, member) CLOUDEP_V1_PASSWORD_IF(input, member, CLOUDEP_FIELD_REQUIRED)

#define CLOUDEP_V1_OPTIONAL_PASSWORD(input, member) CLOUDEP_V1_PASSWORD_IF(input, member, 0)

#define CLOUDEP_V1_PASSWORD_IF(input, member, required) \
    {.name = #member, .type = CLOUDEP_FIELD_PASSWORD, .flags = (required), .min = CLOUDEP_PASSWORD_LEAST, .max = 128, \
     .at = offsetof(input, member)}

#define CLOUDEP_V1_CHALLENGE(input) \
    {.name = "challenge_id", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED, \
     .at = offsetof(input, challenge_id)}

/* A code that was sent. */
#define CLOUDEP_V1_CODE(input) CLOUDEP_V1_DIGITS(input, CLOUDEP_CODE_DIGITS, CLOUDEP_CODE_DIGITS, CLOUDEP_FIELD_REQUIRED)

/* A code of an authenticator, or a backup code. */
#define CLOUDEP_V1_FACTOR(input) CLOUDEP_V1_DIGITS(input, 6, 8, CLOUDEP_FIELD_REQUIRED)

#define CLOUDEP_V1_OPTIONAL_FACTOR(input) CLOUDEP_V1_DIGITS(input, 6, 8, 0)

#define CLOUDEP_V1_DIGITS(input, fewest, most, required) CLOUDEP_V1_NAMED_DIGITS("code", input, fewest, most, required)

/* The same by another name; it is bound to code all the same. */
#define CLOUDEP_V1_NAMED_DIGITS(wire_name, input, fewest, most, required) \
    {.name = (wire_name), .type = CLOUDEP_FIELD_CODE, .flags = (required), .min = (fewest), .max = (most), \
     .at = offsetof(input, code)}

#define CLOUDEP_V1_LANGUAGE(input) \
    {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE, .at = offsetof(input, language)}

#define CLOUDEP_V1_TERMS(input) CLOUDEP_V1_TERMS_IF(input, CLOUDEP_FIELD_REQUIRED)

#define CLOUDEP_V1_OPTIONAL_TERMS(input) CLOUDEP_V1_TERMS_IF(input, 0)

#define CLOUDEP_V1_TERMS_IF(input, required) \
    {.name = "accept_terms_version", .type = CLOUDEP_FIELD_TEXT, .flags = (required), .min = 1, .max = 64, \
     .at = offsetof(input, terms_version)}

#define CLOUDEP_V1_MARKETING(input) \
    {.name = "marketing_opt_in", .type = CLOUDEP_FIELD_BOOL, .at = offsetof(input, marketing_opt_in)}

#define CLOUDEP_V1_PROVIDER(input) \
    {.name = "provider", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED, .max = 32, \
     .at = offsetof(input, provider)}

#define CLOUDEP_V1_REDIRECT(input) \
    {.name = "redirect_uri", .type = CLOUDEP_FIELD_URL, .flags = CLOUDEP_FIELD_REQUIRED, \
     .at = offsetof(input, redirect_uri)}

#define CLOUDEP_V1_FIELDS_END {.name = NULL}
/* clang-format on */

#endif
