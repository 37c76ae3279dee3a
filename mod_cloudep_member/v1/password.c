/*
 * password.c - POST /me/password.
 */
#include "operations.h"

#include "flow/password_change.h"
#include "wire/v1/fields.h"

const cloudep_field_t password_fields[] = {
    CLOUDEP_V1_OPTIONAL_PASSWORD(cloudep_own_password_t, current_password),
    CLOUDEP_V1_PASSWORD(cloudep_own_password_t, new_password),
    {.name = "keep_this_session",
     .type = CLOUDEP_FIELD_BOOL,
     .flags = CLOUDEP_FIELD_DEFAULT_TRUE,
     .at = offsetof(cloudep_own_password_t, keep_this_session)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_password_change(cloudep_call_t *call)
{
    return cloudep_change_own_password(call->ctx, call->principal, call->in);
}
