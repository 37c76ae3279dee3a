/*
 * password.c - POST /forgot-password, /reset-password.
 */
#include "operations.h"

#include "access/mount.h"
#include "fields.h"
#include "flow/password_reset.h"

const cloudep_field_t account_forgot_fields[] = {
    ACCOUNT_EMAIL(offsetof(cloudep_forgot_t, email)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_forgot(cloudep_call_t *call)
{
    cloudep_forgot_t *in = call->in;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    return cloudep_account_message(call, cloudep_forgot_by_link(call->ctx, in),
                                   "If an account with that email exists, a reset link has been sent.");
}

const cloudep_field_t account_reset_fields[] = {
    {.name = "token",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 128,
     .at = offsetof(cloudep_link_reset_t, token)},
    ACCOUNT_PASSWORD("newPassword", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_link_reset_t, new_password)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_reset(cloudep_call_t *call)
{
    cloudep_link_reset_t *in = call->in;

    in->tenant_slug = cloudep_mount_tenant(call->r);
    return cloudep_account_message(call, cloudep_reset_by_link(call->ctx, in), "Password reset successfully");
}
