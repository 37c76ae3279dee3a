/*
 * totp.c - GET and DELETE /me/totp, POST /me/totp/enroll-start, /enroll-confirm, /verify, /backup-codes.
 */
#include "operations.h"

#include "base/crypto/totp.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"
#include "wire/v1/fields.h"

const cloudep_field_t totp_confirm_fields[] = {
    CLOUDEP_V1_DIGITS(cloudep_totp_code_t, CLOUDEP_TOTP_DIGITS, CLOUDEP_TOTP_DIGITS, CLOUDEP_FIELD_REQUIRED),
    {.name = NULL},
};

const cloudep_field_t totp_verify_fields[] = {
    CLOUDEP_V1_FACTOR(cloudep_totp_code_t),
    {.name = NULL},
};

cloudep_outcome_t run_get_totp(cloudep_call_t *call)
{
    cloudep_totp_status_t status = {0};
    cloudep_outcome_t outcome = cloudep_get_totp(call->ctx, call->principal, &status);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    call->data =
        json_pack("{sb,si}", "enrolled", status.enrolled, "backup_codes_remaining", status.backup_codes_remaining);
    if (status.enrolled) {
        (void)json_object_set_new(call->data, "enrolled_at", json_integer(status.enrolled_at));
        (void)json_object_set_new(call->data, "digits", json_integer(CLOUDEP_TOTP_DIGITS));
        (void)json_object_set_new(call->data, "period_seconds", json_integer(CLOUDEP_TOTP_PERIOD));
    }
    return outcome;
}

cloudep_outcome_t run_totp_start(cloudep_call_t *call)
{
    cloudep_totp_start_t start = {0};
    cloudep_outcome_t outcome = cloudep_start_totp(call->ctx, call->principal, &start);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss,ss,si,si,si}", "otpauth_url", start.url, "issuer", start.issuer, "account",
                               start.account, "digits", CLOUDEP_TOTP_DIGITS, "period_seconds", CLOUDEP_TOTP_PERIOD,
                               "expires_in", start.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_totp_confirm(cloudep_call_t *call)
{
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome = cloudep_confirm_totp(call->ctx, call->principal, call->in, &codes);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_backup_codes(call, codes);
}

cloudep_outcome_t run_totp_verify(cloudep_call_t *call)
{
    return cloudep_verify_totp(call->ctx, call->principal, call->in);
}

cloudep_outcome_t run_totp_backup_codes(cloudep_call_t *call)
{
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome = cloudep_renew_backup_codes(call->ctx, call->principal, &codes);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_backup_codes(call, codes);
}

cloudep_outcome_t run_totp_remove(cloudep_call_t *call)
{
    return cloudep_remove_totp(call->ctx, call->principal);
}
