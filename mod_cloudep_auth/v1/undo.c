/*
 * undo.c - POST /undo.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/undo.h"
#include "wire/v1/fields.h"

const cloudep_field_t undo_fields[] = {
    {.name = "token",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 128,
     .at = offsetof(cloudep_undo_t, token)},
    CLOUDEP_V1_OPTIONAL_FACTOR(cloudep_undo_t),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_undo(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_undo(call->ctx, call->in));
}
