/*
 * link_fields.h - what a provider sends the browser back with, as each API style takes it to link an account.
 */
#ifndef CLOUDEP_LINK_FIELDS_H
#define CLOUDEP_LINK_FIELDS_H

#include "base/text/field.h"
#include "flow/linked_account.h"

/* Rows of a table of fields, bound to a cloudep_link_confirm_t. As of the social callbacks, where the values come from.
 */
#define CLOUDEP_LINK_CONFIRM_FIELDS                                                                                    \
    {.name = "code",                                                                                                   \
     .type = CLOUDEP_FIELD_TOKEN,                                                                                      \
     .flags = CLOUDEP_FIELD_REQUIRED,                                                                                  \
     .max = 8192,                                                                                                      \
     .at = offsetof(cloudep_link_confirm_t, code)},                                                                    \
        {.name = "state",                                                                                              \
         .type = CLOUDEP_FIELD_TOKEN,                                                                                  \
         .flags = CLOUDEP_FIELD_REQUIRED,                                                                              \
         .max = 512,                                                                                                   \
         .at = offsetof(cloudep_link_confirm_t, state)},                                                               \
    {                                                                                                                  \
        .name = "iss", .type = CLOUDEP_FIELD_URL, .at = offsetof(cloudep_link_confirm_t, issuer)                       \
    }

#endif
