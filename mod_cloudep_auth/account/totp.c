/*
 * totp.c - POST /totp/setup, /totp/verify, /totp/disable.
 */
#include "operations.h"

#include "base/crypto/totp.h"
#include "fields.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"

/* Backup codes, array of const char *, put into the answer. */
static void show_codes(cloudep_call_t *call, const apr_array_header_t *codes)
{
    json_t *list = json_array();

    for (int i = 0; i < codes->nelts; i++) {
        (void)json_array_append_new(list, json_string(APR_ARRAY_IDX(codes, i, const char *)));
    }
    (void)json_object_set_new(call->data, "backupCodes", list);
}

cloudep_outcome_t account_totp_setup(cloudep_call_t *call)
{
    cloudep_totp_start_t start = {0};
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome = cloudep_start_totp_with_codes(call->ctx, call->principal, &start, &codes);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss}", "secret", start.secret, "otpauthUrl", start.url);
        show_codes(call, codes);
    }
    return outcome;
}

const cloudep_field_t account_totp_verify_fields[] = {
    ACCOUNT_TOTP_CODE(CLOUDEP_FIELD_REQUIRED, CLOUDEP_TOTP_DIGITS, offsetof(cloudep_totp_code_t, code)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_totp_verify(cloudep_call_t *call)
{
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome =
        cloudep_account_message(call, cloudep_confirm_totp_of_shown_codes(call->ctx, call->principal, call->in, &codes),
                                "Two-factor authentication enabled successfully");

    if (!cloudep_failed(outcome) && codes) {
        show_codes(call, codes);
    }
    return outcome;
}

const cloudep_field_t account_totp_disable_fields[] = {
    ACCOUNT_PASSWORD("password", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_totp_removal_t, password)),
    ACCOUNT_FIELDS_END,
};

cloudep_outcome_t account_totp_disable(cloudep_call_t *call)
{
    cloudep_totp_removal_t *in = call->in;

    in->password_alone = 1;
    return cloudep_account_message(call, cloudep_disable_totp(call->ctx, call->principal, in),
                                   "Two-factor authentication disabled");
}
