/*
 * registration.c - WebAuthn Level 3 section 7.1, from step 5 on.
 */
#include <apr_strings.h>
#include <openssl/err.h>
#include <string.h>

#include "base/webauthn/checks.h"
#include "base/webauthn/client_data.h"
#include "base/webauthn/cose_key.h"

typedef struct attestation_t {
    cloudep_cbor_t format;
    cloudep_cbor_t statement;
    cloudep_authenticator_data_t data;
} attestation_t;

static int is_text(const cloudep_cbor_t *item, const char *text)
{
    return item->len == strlen(text) && !memcmp(item->data, text, item->len);
}

/* 7.1 step 13: what is in an attestation object (section 6.5.4). */
static cloudep_webauthn_reason_t read_attestation(attestation_t *attestation,
                                                  const cloudep_webauthn_bytes_t *attestation_object)
{
    cloudep_cbor_t object, data;

    if (cloudep_cbor_read_all(&object, attestation_object->data, attestation_object->len) != APR_SUCCESS ||
        cloudep_cbor_get_named(&attestation->format, &object, "fmt") != APR_SUCCESS ||
        attestation->format.type != CLOUDEP_CBOR_TEXT ||
        cloudep_cbor_get_named(&attestation->statement, &object, "attStmt") != APR_SUCCESS ||
        cloudep_cbor_get_named(&data, &object, "authData") != APR_SUCCESS || data.type != CLOUDEP_CBOR_BYTES) {
        return CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT;
    }
    if (cloudep_authenticator_data_read(&attestation->data, data.data, data.len) != APR_SUCCESS) {
        return CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA;
    }
    return attestation->data.flags & CLOUDEP_FLAG_AT ? CLOUDEP_WEBAUTHN_ACCEPTED : CLOUDEP_WEBAUTHN_NO_CREDENTIAL;
}

/*
 * 7.1 step 21 and step 22: of the formats only "none" is supported, whose statement is empty (section 8.7).
 * 7.1 step 23 and step 24: no attestation is acceptable, so there are no trust anchors, and statements of other formats
 * are not looked at: their credentials count as ones without.
 */
static cloudep_webauthn_reason_t check_statement(const attestation_t *attestation)
{
    const cloudep_cbor_t *statement = &attestation->statement;

    if (is_text(&attestation->format, "none")) {
        return statement->type == CLOUDEP_CBOR_MAP && !statement->value ? CLOUDEP_WEBAUTHN_ACCEPTED
                                                                        : CLOUDEP_WEBAUTHN_ATTESTATION_STATEMENT;
    }
    /* "compound" has an array, every other format a map */
    return statement->type == CLOUDEP_CBOR_MAP || statement->type == CLOUDEP_CBOR_ARRAY
               ? CLOUDEP_WEBAUTHN_ACCEPTED
               : CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT;
}

static int is_offered(const int *offered, int algorithm)
{
    while (*offered && *offered != algorithm) {
        offered++;
    }
    return *offered != 0;
}

/* 7.1 step 27: the credential record. */
static void keep(cloudep_webauthn_credential_t *credential, apr_pool_t *pool, const cloudep_authenticator_data_t *data)
{
    credential->id.data = apr_pmemdup(pool, data->id, data->id_len);
    credential->id.len = data->id_len;
    credential->sign_count = data->sign_count;
    credential->user_verified = (data->flags & CLOUDEP_FLAG_UV) != 0;
    credential->backup_eligible = (data->flags & CLOUDEP_FLAG_BE) != 0; /* 7.1 step 18: a policy is the caller's */
    credential->backed_up = (data->flags & CLOUDEP_FLAG_BS) != 0;       /* 7.1 step 19: a policy is the caller's */
    memcpy(credential->aaguid, data->aaguid, sizeof(credential->aaguid));
}

static cloudep_webauthn_reason_t verify(cloudep_webauthn_credential_t *credential, apr_pool_t *pool,
                                        const cloudep_webauthn_rule_t *rule,
                                        const cloudep_webauthn_bytes_t *attestation_object,
                                        const cloudep_webauthn_bytes_t *client_data)
{
    const cloudep_authenticator_data_t *data;
    attestation_t attestation;
    cloudep_webauthn_reason_t reason;

    if ((reason = cloudep_client_data_check(pool, client_data, "webauthn.create", rule)) || /* 7.1 steps 5 to 11 */
        /* 7.1 step 12: the hash is for statements, see step 22 */
        (reason = read_attestation(&attestation, attestation_object))) {
        return reason;
    }
    data = &attestation.data;
    if ((reason = cloudep_webauthn_check_data(data, rule, !rule->user_presence_optional)) || /* 7.1 steps 14 to 17 */
        (reason = cloudep_cose_algorithm(&credential->algorithm, &data->key))) {
        return reason;
    }
    if (!is_offered(rule->algorithms, credential->algorithm)) { /* 7.1 step 20 */
        return CLOUDEP_WEBAUTHN_ALGORITHM;
    }
    if ((reason = check_statement(&attestation)) ||
        (reason = cloudep_cose_to_spki(&credential->spki, pool, credential->algorithm, &data->key))) {
        return reason;
    }
    if (!data->id_len || data->id_len > CLOUDEP_WEBAUTHN_ID_MAX) { /* 7.1 step 25 */
        return CLOUDEP_WEBAUTHN_CREDENTIAL_ID;
    }
    keep(credential, pool, data);
    /* 7.1 step 28: extension outputs are ignored, asked for or not */
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}

apr_status_t cloudep_webauthn_register(cloudep_webauthn_credential_t *credential, cloudep_webauthn_reason_t *reason,
                                       apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
                                       const cloudep_webauthn_bytes_t *attestation_object,
                                       const cloudep_webauthn_bytes_t *client_data)
{
    memset(credential, 0, sizeof(*credential));
    ERR_set_mark();
    *reason = verify(credential, pool, rule, attestation_object, client_data);
    ERR_pop_to_mark();
    if (*reason != CLOUDEP_WEBAUTHN_ACCEPTED) {
        memset(credential, 0, sizeof(*credential));
    }
    return cloudep_webauthn_status(*reason);
}
