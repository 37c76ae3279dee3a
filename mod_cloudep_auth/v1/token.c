/*
 * token.c - POST /token/refresh, /logout.
 */
#include "operations.h"

#include <stddef.h>
#include "base/jose/jwt.h"
#include "flow/session.h"
#include "wire/v1/fields.h"

const cloudep_field_t refresh_fields[] = {
    {.name = "refresh_token",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = CLOUDEP_JWT_MAX,
     .at = offsetof(refresh_t, refresh_token)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_token_refresh(cloudep_call_t *call)
{
    const refresh_t *in = call->in;
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_refresh(call->ctx, in->refresh_token, &session);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_tokens(call, session);
}

cloudep_outcome_t run_logout(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_logout(call->ctx, call->principal));
}
