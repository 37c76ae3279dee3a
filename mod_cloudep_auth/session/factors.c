/*
 * factors.c - GET and POST /user/totp, GET /user/lark, /user/lark/callback, DELETE /user/{phone|totp|lark}.
 */
#include "operations.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "access/mount.h"
#include "core/config.h"
#include "fields.h"
#include "flow/linked_account.h"
#include "flow/login_phone.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"
#include "wire/link_fields.h"

cloudep_outcome_t session_totp_start(cloudep_call_t *call)
{
    cloudep_totp_start_t start = {0};
    cloudep_outcome_t outcome = cloudep_start_totp(call->ctx, call->principal, &start);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "totp", start.url);
    }
    return outcome;
}

const cloudep_field_t session_totp_fields[] = {
    {.name = "totp",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 1024,
     .at = offsetof(cloudep_totp_pair_t, url)},
    {.name = "tss",
     .type = CLOUDEP_FIELD_WORDS,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 2,
     .at = offsetof(cloudep_totp_pair_t, codes)},
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_totp(cloudep_call_t *call)
{
    return cloudep_session_nothing(call, cloudep_confirm_totp_by_pair(call->ctx, call->principal, call->in));
}

/* ---- lark ---- */

const cloudep_field_t session_lark_fields[] = {
    {.name = "redirect_uri", .type = CLOUDEP_FIELD_URL, .at = offsetof(cloudep_link_start_t, redirect_uri)},
    SESSION_FIELDS_END,
};

/* Where the provider sends the browser back to unless a page of the tenant's is named. */
static const char *callback_of(cloudep_call_t *call)
{
    return apr_pstrcat(call->ctx->p, call->ctx->config->issuer, cloudep_mount_path(call->r), "/user/lark/callback",
                       NULL);
}

cloudep_outcome_t session_lark(cloudep_call_t *call)
{
    cloudep_link_start_t *in = call->in;
    cloudep_social_start_t start = {0};
    cloudep_outcome_t outcome;

    in->provider = "lark";
    in->redirect_uri = in->redirect_uri ? in->redirect_uri : callback_of(call);
    if (call->ctx->config->off & CLOUDEP_NEEDS_SOCIAL) {
        return cloudep_invalid(offsetof(cloudep_link_start_t, provider), CLOUDEP_RULE_CHOICE, "is not configured");
    }
    outcome = cloudep_start_link(call->ctx, call->principal, in, &start);
    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "oauth_url", start.oauth_url);
    }
    return outcome;
}

const cloudep_field_t session_lark_callback_fields[] = {
    CLOUDEP_LINK_CONFIRM_FIELDS,
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_lark_callback(cloudep_call_t *call)
{
    return cloudep_session_nothing(call, cloudep_confirm_link(call->ctx, call->principal, call->in));
}

/* ---- unset ---- */

static cloudep_outcome_t unset_lark(cloudep_call_t *call)
{
    apr_array_header_t *accounts = NULL;
    cloudep_outcome_t outcome = cloudep_linked_accounts(call->ctx, call->principal, &accounts);

    for (int i = 0; !cloudep_failed(outcome) && i < accounts->nelts; i++) {
        const cloudep_linked_account_t *account = &APR_ARRAY_IDX(accounts, i, cloudep_linked_account_t);

        if (account->provider && !strcmp(account->provider, "lark")) {
            outcome = cloudep_unlink(call->ctx, call->principal, &(const cloudep_unlink_t){.id = account->id});
        }
    }
    return outcome;
}

cloudep_outcome_t session_unset(cloudep_call_t *call)
{
    const char *key = ((const session_key_t *)call->in)->key;
    cloudep_outcome_t outcome;

    if (!strcmp(key, "phone")) {
        outcome = cloudep_remove_login_phone(call->ctx, call->principal);
    }
    else if (!strcmp(key, "totp")) {
        outcome = cloudep_remove_totp(call->ctx, call->principal);
    }
    else if (!strcmp(key, "lark")) {
        outcome = unset_lark(call);
    }
    else {
        outcome = (cloudep_outcome_t){.reason = CLOUDEP_REQUEST_MALFORMED};
    }
    return cloudep_session_nothing(call, outcome);
}
