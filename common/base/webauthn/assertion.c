/*
 * assertion.c - WebAuthn Level 3 section 7.2, from step 7 on.
 */
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/webauthn/checks.h"
#include "base/webauthn/client_data.h"
#include "base/webauthn/cose_key.h"

#define SHA256_LEN 32

/* 7.2 step 21: what is signed is the authenticator data with the hash of the client data behind it. */
static cloudep_webauthn_reason_t check_signature(apr_pool_t *pool, const cloudep_webauthn_credential_t *stored,
                                                 const cloudep_webauthn_bytes_t *authenticator_data,
                                                 const cloudep_webauthn_bytes_t *client_data,
                                                 const cloudep_webauthn_bytes_t *signature)
{
    const apr_size_t len = authenticator_data->len + SHA256_LEN;
    unsigned char *data = apr_palloc(pool, len);

    memcpy(data, authenticator_data->data, authenticator_data->len);
    /* 7.2 step 20 */
    if (!EVP_Digest(client_data->data, client_data->len, data + authenticator_data->len, NULL, EVP_sha256(), NULL)) {
        return CLOUDEP_WEBAUTHN_UNABLE;
    }
    return cloudep_cose_verify(stored->algorithm, &stored->spki, data, len, signature);
}

static cloudep_webauthn_reason_t
verify(cloudep_webauthn_assertion_t *assertion, apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
       const cloudep_webauthn_credential_t *stored, const cloudep_webauthn_bytes_t *authenticator_data,
       const cloudep_webauthn_bytes_t *client_data, const cloudep_webauthn_bytes_t *signature)
{
    cloudep_authenticator_data_t data;
    cloudep_webauthn_reason_t reason;

    /* 7.2 step 7: the parts are the parameters */
    if (cloudep_authenticator_data_read(&data, authenticator_data->data, authenticator_data->len) != APR_SUCCESS) {
        return CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA;
    }
    if (data.flags & CLOUDEP_FLAG_AT) { /* section 6.1 forbids it: what was signed is then an attestation */
        return CLOUDEP_WEBAUTHN_CREDENTIAL_GIVEN;
    }
    if ((reason = cloudep_client_data_check(pool, client_data, "webauthn.get", rule)) || /* 7.2 steps 8 to 14 */
        (reason = cloudep_webauthn_check_data(&data, rule, 1))) {                        /* 7.2 steps 15 to 18 */
        return reason;
    }
    if (!(data.flags & CLOUDEP_FLAG_BE) != !stored->backup_eligible) { /* 7.2 step 19 */
        return CLOUDEP_WEBAUTHN_BACKUP_ELIGIBILITY;
    }
    if ((reason = check_signature(pool, stored, authenticator_data, client_data, signature))) {
        return reason;
    }
    assertion->sign_count = data.sign_count;
    assertion->user_verified = (data.flags & CLOUDEP_FLAG_UV) != 0;
    assertion->backed_up = (data.flags & CLOUDEP_FLAG_BS) != 0;
    /* 7.2 step 22: told, not refused */
    assertion->counter_went_back = (data.sign_count || stored->sign_count) && data.sign_count <= stored->sign_count;
    /* 7.2 step 23: extension outputs are ignored, asked for or not */
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}

apr_status_t cloudep_webauthn_assert(cloudep_webauthn_assertion_t *assertion, cloudep_webauthn_reason_t *reason,
                                     apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
                                     const cloudep_webauthn_credential_t *stored,
                                     const cloudep_webauthn_bytes_t *authenticator_data,
                                     const cloudep_webauthn_bytes_t *client_data,
                                     const cloudep_webauthn_bytes_t *signature)
{
    memset(assertion, 0, sizeof(*assertion));
    ERR_set_mark();
    *reason = verify(assertion, pool, rule, stored, authenticator_data, client_data, signature);
    ERR_pop_to_mark();
    return cloudep_webauthn_status(*reason);
}
