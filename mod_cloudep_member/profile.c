/*
 * profile.c - a member's own profile.
 *
 * Reading it costs no round trip of its own: the check of the token has brought the row.
 */
#include "member.h"

enum { DISPLAY_NAME, AVATAR, LANGUAGE, CURRENCY, PHONE };
const cloudep_field_t profile_fields[] = {
    {.name = "display_name", .type = CLOUDEP_FIELD_TEXT, .flags = CLOUDEP_FIELD_ALLOW_EMPTY, .max = 100},
    {.name = "avatar", .type = CLOUDEP_FIELD_URL, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    {.name = "currency", .type = CLOUDEP_FIELD_CURRENCY, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    {.name = "phone", .type = CLOUDEP_FIELD_PHONE, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    {.name = NULL},
};

/* Optional texts are left out when there is nothing in them. */
static void set_optional(json_t *data, const char *name, const char *value)
{
    if (value) {
        (void)json_object_set_new(data, name, json_string(value));
    }
}

static cloudep_problem_t *answer(cloudep_call_t *call, const cloudep_member_t *member)
{
    json_t *data =
        json_pack("{ss,ss,ss}", "tenant_id", member->tenant_id, "uid", member->uid, "zitadel_email", member->email);

    set_optional(data, "display_name", member->display_name);
    set_optional(data, "avatar", member->avatar);
    set_optional(data, "phone", member->phone);
    set_optional(data, "language", member->language);
    set_optional(data, "currency", member->currency);
    (void)json_object_set_new(data, "status", json_string(cloudep_member_status_name(member->status)));
    set_optional(data, "origin", member->origin);
    set_optional(data, "business_email", member->business_email);
    (void)json_object_set_new(data, "business_email_verified", json_boolean(member->business_email_verified));
    set_optional(data, "business_phone", member->business_phone);
    (void)json_object_set_new(data, "business_phone_verified", json_boolean(member->business_phone_verified));
    (void)json_object_set_new(data, "totp_enrolled", json_boolean(member->totp_enrolled));
    (void)json_object_set_new(data, "create_at", json_integer(member->created_at));
    (void)json_object_set_new(data, "update_at", json_integer(member->updated_at));
    call->data = data;
    return NULL;
}

cloudep_problem_t *member_gone(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such member");
}

cloudep_problem_t *nobody(cloudep_call_t *call)
{
    cloudep_problem_t *problem = cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_UNAUTHENTICATED,
                                                 "the token's member does not exist any more");

    problem->challenge = "invalid_token";
    return problem;
}

cloudep_problem_t *profile_get(cloudep_call_t *call)
{
    return call->principal->member ? answer(call, call->principal->member) : member_gone(call);
}

cloudep_problem_t *profile_update(cloudep_call_t *call)
{
    const cloudep_profile_t profile = {.display_name = cloudep_text(call, DISPLAY_NAME),
                                       .avatar = cloudep_text(call, AVATAR),
                                       .language = cloudep_text(call, LANGUAGE),
                                       .currency = cloudep_text(call, CURRENCY),
                                       .phone = cloudep_text(call, PHONE)};
    const cloudep_member_t *member;
    apr_status_t rv = cloudep_member_update_profile(cloudep_database(call), call->p, &member,
                                                    call->principal->tenant_id, call->principal->uid, &profile);

    if (rv == APR_NOTFOUND) {
        return member_gone(call);
    }
    return rv == APR_SUCCESS ? answer(call, member) : cloudep_problem_service(call, rv, "updating the profile");
}
