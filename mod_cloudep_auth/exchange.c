/*
 * exchange.c - an id_token of the company's own login for our tokens.
 */
#include "auth.h"

enum { TENANT, ID_TOKEN };
const cloudep_field_t exchange_fields[] = {
    FIELD_TENANT,
    {.name = "id_token", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = CLOUDEP_JWT_MAX},
    FIELDS_END,
};

cloudep_problem_t *token_exchange(cloudep_call_t *call)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_problem_t *problem = cloudep_find_tenant(call, cloudep_text(call, TENANT), &tenant);

    problem = problem ? problem : cloudep_exchange_member(call, tenant, cloudep_text(call, ID_TOKEN), &member);
    return problem ? problem : complete_login(call, tenant, member, "fed");
}
