/*
 * passkey.h - passkeys in v1: what browsers are given, and the fields of what they answer.
 *
 * Both are in the form that browsers have for it: the options go to PublicKeyCredential.parseRequestOptionsFromJSON()
 * or .parseCreationOptionsFromJSON(), and what the credential's toJSON() gives is the field "credential". What else is
 * in there is not looked at.
 */
#ifndef CLOUDEP_V1_PASSKEY_H
#define CLOUDEP_V1_PASSKEY_H

#include <jansson.h>
#include <stddef.h>
#include "base/text/field.h"
#include "flow/passkeys.h"

/* clang-format off */
#define CLOUDEP_V1_PASSKEY_BYTES(input, name_, member, required) \
    {.name = (name_), .type = CLOUDEP_FIELD_TOKEN, .flags = (required), .max = CLOUDEP_V1_PASSKEY_BYTES_MAX, \
     .at = offsetof(input, member)}

/* An assertion, bound to the member "credential" of the flow's input. required: CLOUDEP_FIELD_REQUIRED or 0 */
#define CLOUDEP_V1_ASSERTION(input, required) \
    {.name = "credential.id", .type = CLOUDEP_FIELD_TOKEN, .flags = (required), .max = CLOUDEP_V1_CREDENTIAL_ID_MAX, \
     .at = offsetof(input, credential.id)}, \
    CLOUDEP_V1_PASSKEY_BYTES(input, "credential.response.clientDataJSON", credential.client_data, required), \
    CLOUDEP_V1_PASSKEY_BYTES(input, "credential.response.authenticatorData", credential.authenticator_data, required), \
    CLOUDEP_V1_PASSKEY_BYTES(input, "credential.response.signature", credential.signature, required), \
    CLOUDEP_V1_PASSKEY_BYTES(input, "credential.response.userHandle", credential.user_handle, 0)
/* clang-format on */

#define CLOUDEP_V1_CREDENTIAL_ID_MAX 1364 /* characters: CLOUDEP_WEBAUTHN_ID_MAX bytes in base64url */
#define CLOUDEP_V1_PASSKEY_BYTES_MAX 8192 /* characters of a part; attestation statements may need more */

/** The options of an assertion; the caller owns them. */
CLOUDEP_DECLARE(json_t *) cloudep_v1_passkey_request(const cloudep_passkey_options_t *options);

/** The options of a registration; the caller owns them. */
CLOUDEP_DECLARE(json_t *) cloudep_v1_passkey_creation(const cloudep_passkey_start_t *start);

/** An array of the texts (const char *); the caller owns it. */
CLOUDEP_DECLARE(json_t *) cloudep_v1_words(const apr_array_header_t *words);

#endif
