/*
 * me.c - GET /me.
 */
#include "operations.h"

#include "base/text/iso_time.h"
#include "flow/profile.h"

/* An attribute that operators set, if it is of that type; else null. Own reference. */
static json_t *attribute(const json_t *attributes, const char *name, int (*is_of_type)(const json_t *))
{
    json_t *value = json_object_get(attributes, name);

    return value && is_of_type(value) ? json_incref(value) : json_null();
}

static int is_text(const json_t *value)
{
    return json_is_string(value);
}

static int is_number(const json_t *value)
{
    return json_is_number(value);
}

json_t *account_member(cloudep_call_t *call, const cloudep_member_t *member)
{
    apr_pool_t *p = call->ctx->p;
    json_t *attributes = member->attributes ? json_loads(member->attributes, 0, NULL) : NULL;
    json_t *json = json_pack(
        "{ss,ss,ss?,so,sb,so,so,ss,ss}", "id", member->uid, "email", member->email, "name", member->display_name,
        "tier", attribute(attributes, "tier", is_text), "totpEnabled", member->totp_enrolled, "machineLimit",
        attribute(attributes, "machineLimit", is_number), "trialEndsAt", attribute(attributes, "trialEndsAt", is_text),
        "createdAt", cloudep_iso_time(p, member->created_at), "updatedAt", cloudep_iso_time(p, member->updated_at));

    json_decref(attributes);
    return json;
}

cloudep_outcome_t account_me(cloudep_call_t *call)
{
    const cloudep_member_t *member = NULL;
    cloudep_outcome_t outcome = cloudep_get_profile(call->ctx, call->principal, &member);

    if (!cloudep_failed(outcome)) {
        call->data = account_member(call, member);
    }
    return outcome;
}
