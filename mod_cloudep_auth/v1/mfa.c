/*
 * mfa.c - GET /mfa/status, POST /mfa/setup, /mfa/verify, /mfa/disable, /mfa/backup-codes, /mfa/backup-codes/verify.
 *
 * The same authenticator as that of /members/me/totp, in the words of the MFA API.
 */
#include "operations.h"

#include "base/crypto/backup_code.h"
#include "base/crypto/totp.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"
#include "wire/v1/fields.h"

#define PICTURE CLOUDEP_MEMBER_PREFIX "/me/totp/qr" /* of the enrolment under way */

const cloudep_field_t mfa_verify_fields[] = {
    CLOUDEP_V1_DIGITS(cloudep_totp_code_t, CLOUDEP_TOTP_DIGITS, CLOUDEP_TOTP_DIGITS, CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_FIELDS_END,
};

const cloudep_field_t mfa_disable_fields[] = {
    CLOUDEP_V1_OPTIONAL_PASSWORD(cloudep_totp_removal_t, password),
    CLOUDEP_V1_OPTIONAL_FACTOR(cloudep_totp_removal_t),
    CLOUDEP_V1_FIELDS_END,
};

const cloudep_field_t mfa_backup_code_fields[] = {
    CLOUDEP_V1_DIGITS(cloudep_totp_code_t, CLOUDEP_BACKUP_CODE_DIGITS, CLOUDEP_BACKUP_CODE_DIGITS,
                      CLOUDEP_FIELD_REQUIRED),
    CLOUDEP_V1_FIELDS_END,
};

cloudep_outcome_t run_mfa_setup(cloudep_call_t *call)
{
    cloudep_totp_start_t start = {0};
    cloudep_outcome_t outcome = cloudep_start_totp(call->ctx, call->principal, &start);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss,ss,ss,ss,si,si,si}", "secret", start.secret, "otpauth_url", start.url, "qr_url",
                               PICTURE, "issuer", start.issuer, "account", start.account, "digits", CLOUDEP_TOTP_DIGITS,
                               "period_seconds", CLOUDEP_TOTP_PERIOD, "expires_in", start.expires_in);
    }
    return outcome;
}

cloudep_outcome_t run_mfa_verify(cloudep_call_t *call)
{
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome = cloudep_confirm_totp(call->ctx, call->principal, call->in, &codes);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_backup_codes(call, codes);
}

cloudep_outcome_t run_mfa_disable(cloudep_call_t *call)
{
    return cloudep_disable_totp(call->ctx, call->principal, call->in);
}

cloudep_outcome_t run_mfa_status(cloudep_call_t *call)
{
    cloudep_totp_status_t status = {0};
    cloudep_outcome_t outcome = cloudep_get_totp(call->ctx, call->principal, &status);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    call->data = json_pack("{sb,si,si,si}", "enabled", status.enrolled, "digits", CLOUDEP_TOTP_DIGITS, "period_seconds",
                           CLOUDEP_TOTP_PERIOD, "backup_codes_remaining", status.backup_codes_remaining);
    if (status.enrolled) {
        (void)json_object_set_new(call->data, "enrolled_at", json_integer(status.enrolled_at));
    }
    return outcome;
}

cloudep_outcome_t run_mfa_backup_codes(cloudep_call_t *call)
{
    apr_array_header_t *codes = NULL;
    cloudep_outcome_t outcome = cloudep_renew_backup_codes(call->ctx, call->principal, &codes);

    return cloudep_failed(outcome) ? outcome : cloudep_v1_backup_codes(call, codes);
}

cloudep_outcome_t run_mfa_backup_code(cloudep_call_t *call)
{
    return cloudep_verify_totp(call->ctx, call->principal, call->in);
}
