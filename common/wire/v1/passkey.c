/*
 * passkey.c - the options of passkey ceremonies, as browsers read them: PublicKeyCredentialRequestOptionsJSON and
 * PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3 section 5.1).
 */
#include "wire/v1/passkey.h"

#include "base/webauthn/webauthn.h"

/* Milliseconds, as long as the challenge is good. */
static json_t *timeout_of(const cloudep_passkey_options_t *options)
{
    return json_integer((json_int_t)options->expires_in * 1000);
}

json_t *cloudep_v1_words(const apr_array_header_t *words)
{
    json_t *list = json_array();

    for (int i = 0; i < words->nelts; i++) {
        (void)json_array_append_new(list, json_string(APR_ARRAY_IDX(words, i, const char *)));
    }
    return list;
}

/* PublicKeyCredentialDescriptorJSON of each; no transports where the browser told none. */
static json_t *descriptors(const apr_array_header_t *passkeys)
{
    json_t *list = json_array();

    for (int i = 0; passkeys && i < passkeys->nelts; i++) {
        const cloudep_passkey_t *passkey = &APR_ARRAY_IDX(passkeys, i, cloudep_passkey_t);
        json_t *descriptor = json_pack("{ss,ss}", "type", "public-key", "id", passkey->credential_id);

        if (passkey->transports->nelts) {
            (void)json_object_set_new(descriptor, "transports", cloudep_v1_words(passkey->transports));
        }
        (void)json_array_append_new(list, descriptor);
    }
    return list;
}

/* 7.2 step 1 */
json_t *cloudep_v1_passkey_request(const cloudep_passkey_options_t *options)
{
    return json_pack("{ss,so,ss,so,ss}", "challenge", options->challenge, "timeout", timeout_of(options), "rpId",
                     options->rp_id, "allowCredentials", descriptors(options->passkeys), "userVerification",
                     "required");
}

/* 7.1 step 1 */
json_t *cloudep_v1_passkey_creation(const cloudep_passkey_start_t *start)
{
    const cloudep_passkey_options_t *options = &start->options;
    json_t *json = json_pack(
        "{s{ss,ss},s{ss,ss,ss},ss,s[{ss,si},{ss,si},{ss,si}],so,so,ss}", "rp", "id", options->rp_id, "name",
        start->rp_name, "user", "id", start->user_handle, "name", start->user_name, "displayName", start->display_name,
        "challenge", options->challenge, "pubKeyCredParams", "type", "public-key", "alg", CLOUDEP_COSE_ES256, "type",
        "public-key", "alg", CLOUDEP_COSE_EDDSA, "type", "public-key", "alg", CLOUDEP_COSE_RS256, "timeout",
        timeout_of(options), "excludeCredentials", descriptors(options->passkeys), "attestation", "none");

    (void)json_object_set_new(
        json, "authenticatorSelection",
        json_pack("{ss,sb,ss}", "residentKey", "required", "requireResidentKey", 1, "userVerification", "required"));
    return json;
}
