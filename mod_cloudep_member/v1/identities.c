/*
 * identities.c - GET /me/identities, POST /me/identities/start, /me/identities/confirm, DELETE /me/identities/{id}.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/linked_account.h"
#include "wire/link_fields.h"
#include "wire/v1/fields.h"

const cloudep_field_t link_start_fields[] = {
    CLOUDEP_V1_PROVIDER(cloudep_link_start_t),
    CLOUDEP_V1_REDIRECT(cloudep_link_start_t),
    CLOUDEP_V1_FIELDS_END,
};

const cloudep_field_t link_confirm_fields[] = {
    CLOUDEP_LINK_CONFIRM_FIELDS,
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_linked_accounts(cloudep_call_t *call)
{
    apr_array_header_t *accounts = NULL;
    json_t *list = json_array();
    cloudep_outcome_t outcome = cloudep_linked_accounts(call->ctx, call->principal, &accounts);

    for (int i = 0; !cloudep_failed(outcome) && i < accounts->nelts; i++) {
        const cloudep_linked_account_t *account = &APR_ARRAY_IDX(accounts, i, cloudep_linked_account_t);

        (void)json_array_append_new(list, json_pack("{ss,ss*,ss,ss,sI}", "id", account->id, "provider",
                                                    account->provider, "issuer", account->issuer, "subject",
                                                    account->subject, "create_at", (json_int_t)account->created_at));
    }
    call->data = json_pack("{so}", "identities", list);
    return outcome;
}

cloudep_outcome_t run_link_start(cloudep_call_t *call)
{
    cloudep_social_start_t start = {0};
    cloudep_outcome_t outcome = cloudep_start_link(call->ctx, call->principal, call->in, &start);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,sI}", "oauth_url", start.oauth_url, "expires_in", (json_int_t)start.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_link_confirm(cloudep_call_t *call)
{
    return cloudep_confirm_link(call->ctx, call->principal, call->in);
}

cloudep_outcome_t run_unlink(cloudep_call_t *call)
{
    return cloudep_unlink(call->ctx, call->principal, call->in);
}
