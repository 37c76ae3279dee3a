/*
 * exchange.c - POST /token/exchange.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/token_exchange.h"
#include "wire/v1/fields.h"

const cloudep_field_t exchange_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_exchange_t),
    {.name = "id_token",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .at = offsetof(cloudep_exchange_t, id_token)},
    {.name = NULL},
};

cloudep_outcome_t run_token_exchange(cloudep_call_t *call)
{
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome = cloudep_exchange_token(call->ctx, call->in, &result);

    return cloudep_failed(outcome) ? outcome : answer_login(call, &result);
}
