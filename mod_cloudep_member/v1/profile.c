/*
 * profile.c - GET and PATCH /me.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/profile.h"
#include "wire/v1/fields.h"

const cloudep_field_t profile_fields[] = {
    {.name = "display_name",
     .type = CLOUDEP_FIELD_TEXT,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .max = 100,
     .at = offsetof(cloudep_profile_t, display_name)},
    {.name = "avatar",
     .type = CLOUDEP_FIELD_URL,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .at = offsetof(cloudep_profile_t, avatar)},
    {.name = "language",
     .type = CLOUDEP_FIELD_LANGUAGE,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .at = offsetof(cloudep_profile_t, language)},
    {.name = "currency",
     .type = CLOUDEP_FIELD_CURRENCY,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .at = offsetof(cloudep_profile_t, currency)},
    {.name = "phone",
     .type = CLOUDEP_FIELD_PHONE,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .at = offsetof(cloudep_profile_t, phone)},
    CLOUDEP_V1_OPTIONAL_TERMS(cloudep_profile_t),
    {.name = NULL},
};

/* An object, empty where nothing was set. */
static json_t *attributes_json(const cloudep_member_t *member)
{
    json_t *attributes = member->attributes ? json_loads(member->attributes, 0, NULL) : NULL;

    return attributes ? attributes : json_object();
}

/* s* leaves an optional text out when there is none. */
static json_t *profile_json(const cloudep_member_t *member)
{
    return json_pack(
        "{ss,ss,ss,ss*,ss*,ss*,ss*,ss*,ss,ss*,ss*,sb,ss*,sb,ss*,so,sb,sI,sI}", "tenant_id", member->tenant_id, "uid",
        member->uid, "zitadel_email", member->email, "display_name", member->display_name, "avatar", member->avatar,
        "phone", member->phone, "language", member->language, "currency", member->currency, "status",
        cloudep_member_status_name(member->status), "origin", member->origin, "business_email", member->business_email,
        "business_email_verified", member->business_email_verified, "business_phone", member->business_phone,
        "business_phone_verified", member->business_phone_verified, "login_phone", member->login_phone, "attributes",
        attributes_json(member), "totp_enrolled", member->totp_enrolled, "create_at", (json_int_t)member->created_at,
        "update_at", (json_int_t)member->updated_at);
}

cloudep_outcome_t run_get_profile(cloudep_call_t *call)
{
    const cloudep_member_t *member = NULL;
    cloudep_outcome_t outcome = cloudep_get_profile(call->ctx, call->principal, &member);

    if (!cloudep_failed(outcome)) {
        call->data = profile_json(member);
    }
    return outcome;
}

cloudep_outcome_t run_update_profile(cloudep_call_t *call)
{
    const cloudep_member_t *member = NULL;
    cloudep_outcome_t outcome = cloudep_update_profile(call->ctx, call->principal, call->in, &member);

    if (!cloudep_failed(outcome)) {
        call->data = profile_json(member);
    }
    return outcome;
}
