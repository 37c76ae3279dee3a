/*
 * passkey.c - POST /me/passkeys/start, /me/passkeys/finish; GET /me/passkeys; PATCH and DELETE /me/passkeys/{id}.
 */
#include "operations.h"

#include "flow/passkeys.h"
#include "wire/v1/fields.h"
#include "wire/v1/passkey.h"

cloudep_outcome_t run_passkey_start(cloudep_call_t *call)
{
    cloudep_passkey_start_t start = {0};
    cloudep_outcome_t outcome = cloudep_start_passkey(call->ctx, call->principal, &start);

    if (!cloudep_failed(outcome)) {
        cloudep_v1_challenge(call, start.options.challenge_id, start.options.expires_in);
        (void)json_object_set_new(call->data, "public_key", cloudep_v1_passkey_creation(&start));
    }
    return outcome;
}

#define NAME(input, required)                                                                                          \
    {                                                                                                                  \
        .name = "name", .type = CLOUDEP_FIELD_TEXT, .flags = (required), .min = 1, .max = 64,                          \
        .at = offsetof(input, name)                                                                                    \
    }

const cloudep_field_t passkey_finish_fields[] = {
    CLOUDEP_V1_CHALLENGE(cloudep_passkey_finish_t),
    NAME(cloudep_passkey_finish_t, 0),
    CLOUDEP_V1_PASSKEY_BYTES(cloudep_passkey_finish_t, "credential.response.clientDataJSON", credential.client_data,
                             CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_PASSKEY_BYTES(cloudep_passkey_finish_t, "credential.response.attestationObject",
                             credential.attestation_object, CLOUDEP_FIELD_REQUIRED),
    {.name = "credential.response.transports",
     .type = CLOUDEP_FIELD_WORDS,
     .max = 8,
     .at = offsetof(cloudep_passkey_finish_t, credential.transports)},
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_passkey_finish(cloudep_call_t *call)
{
    const char *id = NULL;
    cloudep_outcome_t outcome = cloudep_finish_passkey(call->ctx, call->principal, call->in, &id);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "id", id);
    }
    return outcome;
}

static json_t *passkey_json(const cloudep_passkey_t *passkey)
{
    json_t *json =
        json_pack("{ss,ss,ss,sb,so,ss,sI}", "id", passkey->id, "credential_id", passkey->credential_id, "name",
                  passkey->name, "synced", passkey->backed_up, "transports", cloudep_v1_words(passkey->transports),
                  "aaguid", passkey->aaguid, "create_at", (json_int_t)passkey->created_at);

    if (passkey->last_used_at) {
        (void)json_object_set_new(json, "last_used_at", json_integer(passkey->last_used_at));
    }
    return json;
}

cloudep_outcome_t run_passkey_list(cloudep_call_t *call)
{
    cloudep_passkey_list_t list = {0};
    cloudep_outcome_t outcome = cloudep_list_passkeys(call->ctx, call->principal, &list);
    json_t *passkeys;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    passkeys = json_array();
    for (int i = 0; i < list.passkeys->nelts; i++) {
        (void)json_array_append_new(passkeys, passkey_json(&APR_ARRAY_IDX(list.passkeys, i, cloudep_passkey_t)));
    }
    call->data = json_pack("{ss,ss*,so}", "rp_id", list.rp_id, "user_id", list.user_handle, "passkeys", passkeys);
    return outcome;
}

const cloudep_field_t passkey_name_fields[] = {
    NAME(cloudep_passkey_name_t, CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_passkey_rename(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_rename_passkey(call->ctx, call->principal, call->in));
}

cloudep_outcome_t run_passkey_remove(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_remove_passkey(call->ctx, call->principal, call->in));
}
