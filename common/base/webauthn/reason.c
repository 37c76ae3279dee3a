/*
 * reason.c - the status and the words for each reason to refuse a response.
 */
#include "base/webauthn/checks.h"

typedef struct row_t {
    apr_status_t status;
    const char *text;
} row_t;

static const row_t *row_of(cloudep_webauthn_reason_t reason)
{
    static const row_t rows[CLOUDEP_WEBAUTHN_REASONS] = {
        [CLOUDEP_WEBAUTHN_ACCEPTED] = {APR_SUCCESS, "accepted"},
        [CLOUDEP_WEBAUTHN_CLIENT_DATA] = {CLOUDEP_EMALFORMED, "client data malformed"},
        [CLOUDEP_WEBAUTHN_TYPE] = {CLOUDEP_EREFUSED, "made by the other ceremony"},
        [CLOUDEP_WEBAUTHN_CHALLENGE] = {CLOUDEP_EREFUSED, "another challenge"},
        [CLOUDEP_WEBAUTHN_ORIGIN] = {CLOUDEP_EREFUSED, "unexpected origin"},
        [CLOUDEP_WEBAUTHN_CROSS_ORIGIN] = {CLOUDEP_EREFUSED, "made in a cross-origin frame"},
        [CLOUDEP_WEBAUTHN_TOP_ORIGIN] = {CLOUDEP_EREFUSED, "made in a frame, with a top origin"},
        [CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT] = {CLOUDEP_EMALFORMED, "attestation object malformed"},
        [CLOUDEP_WEBAUTHN_ATTESTATION_STATEMENT] = {CLOUDEP_EMALFORMED, "attestation none with a statement"},
        [CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA] = {CLOUDEP_EMALFORMED, "authenticator data malformed"},
        [CLOUDEP_WEBAUTHN_NO_CREDENTIAL] = {CLOUDEP_EMALFORMED, "no attested credential data"},
        [CLOUDEP_WEBAUTHN_CREDENTIAL_GIVEN] = {CLOUDEP_EMALFORMED, "attested credential data in an assertion"},
        [CLOUDEP_WEBAUTHN_RP_ID] = {CLOUDEP_EREFUSED, "another relying party"},
        [CLOUDEP_WEBAUTHN_USER_PRESENCE] = {CLOUDEP_EREFUSED, "user not present"},
        [CLOUDEP_WEBAUTHN_USER_VERIFICATION] = {CLOUDEP_EREFUSED, "user not verified"},
        [CLOUDEP_WEBAUTHN_BACKUP_STATE] = {CLOUDEP_EREFUSED, "backed up without being eligible"},
        [CLOUDEP_WEBAUTHN_BACKUP_ELIGIBILITY] = {CLOUDEP_EREFUSED, "backup eligibility changed"},
        [CLOUDEP_WEBAUTHN_ALGORITHM] = {CLOUDEP_EREFUSED, "algorithm not offered"},
        [CLOUDEP_WEBAUTHN_KEY] = {CLOUDEP_EMALFORMED, "public key malformed"},
        [CLOUDEP_WEBAUTHN_KEY_TYPE] = {CLOUDEP_EREFUSED, "key type or curve is not the algorithm's"},
        [CLOUDEP_WEBAUTHN_KEY_SIZE] = {CLOUDEP_EREFUSED, "RSA key outside 2048 to 4096 bits"},
        [CLOUDEP_WEBAUTHN_KEY_POINT] = {CLOUDEP_EREFUSED, "public key not on its curve"},
        [CLOUDEP_WEBAUTHN_KEY_WEAK] = {CLOUDEP_EREFUSED, "RSA key that can be factored (CVE-2017-15361)"},
        [CLOUDEP_WEBAUTHN_CREDENTIAL_ID] = {CLOUDEP_EREFUSED, "credential id empty or longer than 1023 bytes"},
        [CLOUDEP_WEBAUTHN_SIGNATURE] = {CLOUDEP_EFORGED, "signature does not match"},
        [CLOUDEP_WEBAUTHN_STORED_KEY] = {CLOUDEP_EDATA, "stored key cannot be used"},
        [CLOUDEP_WEBAUTHN_UNABLE] = {APR_EGENERAL, "OpenSSL failed"},
    };

    return &rows[(unsigned int)reason < CLOUDEP_WEBAUTHN_REASONS ? reason : CLOUDEP_WEBAUTHN_UNABLE];
}

const char *cloudep_webauthn_reason_text(cloudep_webauthn_reason_t reason)
{
    return row_of(reason)->text;
}

apr_status_t cloudep_webauthn_status(cloudep_webauthn_reason_t reason)
{
    return row_of(reason)->status;
}
