/*
 * passkey.c - see passkey.h.
 */
#include "service/passkey.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include "base/text/b64.h"
#include "base/webauthn/webauthn.h"
#include "core/needs.h"
#include "core/passkey_domain.h"
#include "core/settings.h"
#include "outbox/message.h"
#include "service/event.h"
#include "service/notice.h"
#include "service/throttle.h"

#define CHALLENGE_LEN 32
#define UUID_LEN 36
#define COUNTER_EVENT "passkey.counter"

/* ---- Options -------------------------------------------------------------------------------------------- */

/* What is signed: as hard to guess as the id, and of this purpose and tenant only. */
static apr_status_t challenge_text(const char **text, apr_pool_t *p, const cloudep_challenge_t *challenge)
{
    const char *named = apr_pstrcat(p, "cloudep passkey\n", challenge->spec.purpose, "\n", challenge->spec.tenant_id,
                                    "\n", challenge->id, NULL);
    unsigned char digest[CHALLENGE_LEN];

    if (!EVP_Digest(named, strlen(named), digest, NULL, EVP_sha256(), NULL)) {
        return APR_EGENERAL;
    }
    *text = cloudep_b64_encode(p, digest, sizeof(digest));
    return APR_SUCCESS;
}

cloudep_outcome_t cloudep_passkey_options_for(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                              cloudep_passkey_options_t *options)
{
    apr_status_t rv = challenge_text(&options->challenge, ctx->p, challenge);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a passkey challenge");
    }
    options->challenge_id = challenge->id;
    options->expires_in = cloudep_challenge_remaining(challenge);
    options->rp_id = ctx->config->run->passkeys->rp_id;
    return cloudep_done();
}

cloudep_outcome_t cloudep_passkey_begin(cloudep_context_t *ctx, const cloudep_challenge_spec_t *spec,
                                        cloudep_passkey_options_t *options)
{
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_claim_passkey_start(ctx, spec->tenant_id);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_challenge_open(&challenge, cloudep_challenges(ctx), spec, (apr_uint32_t)ctx->config->code_lifetime,
                                ctx->p);
    return rv == APR_SUCCESS ? cloudep_passkey_options_for(ctx, challenge, options)
                             : cloudep_failure(ctx, rv, "opening the challenge");
}

cloudep_outcome_t cloudep_passkeys_here(cloudep_context_t *ctx, const char *tenant_id, const char *uid,
                                        apr_array_header_t **passkeys)
{
    apr_status_t rv;

    if (ctx->config->off & CLOUDEP_NEEDS_PASSKEYS) {
        *passkeys = apr_array_make(ctx->p, 1, sizeof(cloudep_passkey_t));
        return cloudep_done();
    }
    rv = cloudep_passkeys_of(cloudep_database(ctx), ctx->p, passkeys, tenant_id, uid);
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "listing the passkeys");
}

/* ---- What comes back ------------------------------------------------------------------------------------ */

/* Decodes one part of an answer; field is the offsetof it. */
static cloudep_outcome_t decode(cloudep_context_t *ctx, cloudep_webauthn_bytes_t *bytes, apr_size_t field,
                                const char *text)
{
    unsigned char *data;

    if (cloudep_b64_decode(&data, &bytes->len, ctx->p, text, strlen(text)) != APR_SUCCESS) {
        return cloudep_invalid(field, CLOUDEP_RULE_FORMAT, "must be base64url without padding");
    }
    bytes->data = data;
    return cloudep_done();
}

static apr_status_t make_rule(cloudep_webauthn_rule_t *rule, cloudep_context_t *ctx,
                              const cloudep_challenge_t *challenge)
{
    static const int algorithms[] = {CLOUDEP_COSE_ES256, CLOUDEP_COSE_EDDSA, CLOUDEP_COSE_RS256, 0};
    const cloudep_passkey_domain_t *domain = ctx->config->run->passkeys;

    *rule = (cloudep_webauthn_rule_t){
        .rp_id = domain->rp_id, .origins = domain->origins, .algorithms = algorithms, .user_verification_required = 1};
    return challenge_text(&rule->challenge, ctx->p, challenge);
}

/* The outcome of a response that was not accepted. The log has the reason; the client can do nothing about it. */
static cloudep_outcome_t refuse(cloudep_context_t *ctx, apr_status_t rv, cloudep_webauthn_reason_t reason,
                                const char *what)
{
    if (rv == CLOUDEP_EMALFORMED || rv == CLOUDEP_EREFUSED || rv == CLOUDEP_EFORGED) {
        CLOUDEP_LOG(ctx, INFO, 0, CENO(1410) "%s refused: %s", what, cloudep_webauthn_reason_text(reason));
        return cloudep_refuse(CLOUDEP_PASSKEY_REFUSED);
    }
    return cloudep_failure(ctx, rv, what);
}

/* 16 bytes as UUIDs are written. */
static const char *uuid_text(apr_pool_t *p, const unsigned char *bytes)
{
    char *text = apr_palloc(p, UUID_LEN + 1);
    char *at = text;

    for (int i = 0; i < CLOUDEP_WEBAUTHN_AAGUID_LEN; i++) {
        at += apr_snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
    return text;
}

static apr_array_header_t *words(apr_pool_t *p, const char *text)
{
    apr_array_header_t *list = apr_array_make(p, 2, sizeof(const char *));
    char *last;

    for (char *word = text ? apr_strtok(apr_pstrdup(p, text), " ", &last) : NULL; word;
         word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

cloudep_outcome_t cloudep_passkey_verify_new(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                             const cloudep_passkey_attestation_t *in, apr_size_t field,
                                             cloudep_passkey_t *passkey)
{
    cloudep_webauthn_bytes_t client_data, attestation_object;
    cloudep_webauthn_credential_t credential;
    cloudep_webauthn_reason_t reason = CLOUDEP_WEBAUTHN_UNABLE;
    cloudep_webauthn_rule_t rule;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    cloudep_note(ctx, NULL, NULL, CLOUDEP_MFA_PASSKEY);
    if (cloudep_failed(outcome = decode(ctx, &client_data, field + offsetof(cloudep_passkey_attestation_t, client_data),
                                        in->client_data)) ||
        cloudep_failed(outcome = decode(ctx, &attestation_object,
                                        field + offsetof(cloudep_passkey_attestation_t, attestation_object),
                                        in->attestation_object))) {
        return outcome;
    }
    rv = make_rule(&rule, ctx, challenge);
    if (rv == APR_SUCCESS) {
        rv = cloudep_webauthn_register(&credential, &reason, ctx->p, &rule, &attestation_object, &client_data);
    }
    if (rv != APR_SUCCESS) {
        return refuse(ctx, rv, reason, "a new passkey");
    }
    *passkey = (cloudep_passkey_t){.credential_id = cloudep_b64_encode(ctx->p, credential.id.data, credential.id.len),
                                   .spki = cloudep_b64_encode(ctx->p, credential.spki.data, credential.spki.len),
                                   .algorithm = credential.algorithm,
                                   .sign_count = credential.sign_count,
                                   .backup_eligible = credential.backup_eligible,
                                   .backed_up = credential.backed_up,
                                   .transports = words(ctx->p, in->transports),
                                   .aaguid = uuid_text(ctx->p, credential.aaguid)};
    return cloudep_done();
}

/* Whether the authenticator means the passkey's member. The handle may be left out where the passkeys were named. */
static int is_owner(const cloudep_passkey_owner_t *owner, const char *user_handle, const char *uid)
{
    if (uid && strcmp(uid, owner->member->uid)) { /* 7.2 step 5: those that were named are the member's */
        return 0;
    }
    /* 7.2 step 6 */
    return user_handle ? owner->user_handle && !strcmp(user_handle, owner->user_handle) : uid != NULL;
}

static cloudep_outcome_t find(cloudep_context_t *ctx, const char *tenant_id, const cloudep_passkey_assertion_t *in,
                              const char *uid, cloudep_passkey_owner_t *owner)
{
    apr_status_t rv = cloudep_passkey_find(cloudep_database(ctx), ctx->p, owner, tenant_id, in->id);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the passkey");
    }
    if (!is_owner(owner, in->user_handle, uid)) {
        CLOUDEP_LOG(ctx, INFO, 0, CENO(1411) "a passkey was refused: it is another member's");
        return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
    }
    cloudep_note(ctx, NULL, owner->member->uid, NULL);
    return cloudep_done();
}

#define PART(member) field + offsetof(cloudep_passkey_assertion_t, member)

int cloudep_passkey_is_given(const cloudep_passkey_assertion_t *in)
{
    return in->id || in->client_data || in->authenticator_data || in->signature || in->user_handle;
}

cloudep_outcome_t cloudep_passkey_check_parts(const cloudep_passkey_assertion_t *in, apr_size_t field)
{
    const struct {
        const char *part;
        apr_size_t at;
    } parts[] = {{in->id, PART(id)},
                 {in->client_data, PART(client_data)},
                 {in->authenticator_data, PART(authenticator_data)},
                 {in->signature, PART(signature)}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i].part) {
            return cloudep_missing(parts[i].at, "is required");
        }
    }
    return cloudep_done();
}

/* Whether the signature counts over all that was to be signed. */
static cloudep_outcome_t check_signature(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                         const cloudep_passkey_assertion_t *in, apr_size_t field,
                                         const cloudep_passkey_t *passkey, cloudep_webauthn_assertion_t *assertion)
{
    cloudep_webauthn_credential_t stored = {.algorithm = passkey->algorithm,
                                            .sign_count = (apr_uint32_t)passkey->sign_count,
                                            .backup_eligible = passkey->backup_eligible};
    cloudep_webauthn_bytes_t client_data, authenticator_data, signature;
    cloudep_webauthn_reason_t reason = CLOUDEP_WEBAUTHN_UNABLE;
    cloudep_webauthn_rule_t rule;
    cloudep_outcome_t outcome;
    unsigned char *spki;
    apr_status_t rv;

    if (cloudep_failed(outcome = decode(ctx, &client_data, PART(client_data), in->client_data)) ||
        cloudep_failed(outcome = decode(ctx, &authenticator_data, PART(authenticator_data), in->authenticator_data)) ||
        cloudep_failed(outcome = decode(ctx, &signature, PART(signature), in->signature))) {
        return outcome;
    }
    rv = cloudep_b64_decode(&spki, &stored.spki.len, ctx->p, passkey->spki, strlen(passkey->spki));
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, CLOUDEP_EDATA, "reading a passkey's key");
    }
    stored.spki.data = spki;
    rv = make_rule(&rule, ctx, challenge);
    if (rv == APR_SUCCESS) {
        rv = cloudep_webauthn_assert(assertion, &reason, ctx->p, &rule, &stored, &authenticator_data, &client_data,
                                     &signature);
    }
    return rv == APR_SUCCESS ? cloudep_done() : refuse(ctx, rv, reason, "a passkey");
}

/* A notice that belongs to no other change. */
static void send_notice(cloudep_context_t *ctx, const cloudep_message_t *notice)
{
    apr_status_t rv = cloudep_outbox_enqueue(cloudep_database(ctx), ctx->p, notice);

    if (rv == APR_SUCCESS) {
        cloudep_outbox_wake(ctx);
    }
    else {
        (void)cloudep_failure(ctx, rv, "storing the message");
    }
}

/*
 * 7.2 step 22: a counter that went back may mean that somebody else has the key, too. Of a key that its authenticator
 * may copy to other devices that is common, and one that stands still means nothing; of one that cannot be copied it
 * means that it was.
 */
static cloudep_outcome_t judge_counter(cloudep_context_t *ctx, const cloudep_webauthn_assertion_t *assertion,
                                       cloudep_passkey_proof_t *proof)
{
    const cloudep_passkey_t *passkey = &proof->owner.passkey;
    const int told = assertion->counter_went_back &&
                     (!passkey->backup_eligible || (apr_int64_t)assertion->sign_count < passkey->sign_count);
    cloudep_outcome_t outcome = cloudep_notice_about(ctx, &proof->notice, proof->owner.tenant, proof->owner.member,
                                                     told ? "passkey_copied" : NULL, passkey->name, NULL);

    if (cloudep_failed(outcome) || !told) {
        return outcome;
    }
    CLOUDEP_LOG(ctx, WARNING, 0, CENO(1412) "the counter of passkey %s went back: it may have been copied",
                passkey->id);
    if (passkey->backup_eligible) {
        cloudep_event(ctx, COUNTER_EVENT, cloudep_done(), "went back", 1);
        return cloudep_done();
    }
    cloudep_event(ctx, COUNTER_EVENT, cloudep_refuse(CLOUDEP_PASSKEY_COPIED), "went back", 1);
    send_notice(ctx, proof->notice);
    return cloudep_refuse(CLOUDEP_PASSKEY_COPIED);
}

cloudep_outcome_t cloudep_passkey_verify(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                         const cloudep_passkey_assertion_t *in, apr_size_t field, const char *uid,
                                         cloudep_passkey_proof_t *proof)
{
    cloudep_webauthn_assertion_t assertion = {0};
    cloudep_outcome_t outcome;

    cloudep_note(ctx, NULL, NULL, CLOUDEP_MFA_PASSKEY);
    if (!uid && !in->user_handle) {
        return cloudep_missing(PART(user_handle), "is required: the passkey has to tell whose it is");
    }
    if (cloudep_failed(outcome = find(ctx, challenge->spec.tenant_id, in, uid, &proof->owner)) ||
        cloudep_failed(outcome = check_signature(ctx, challenge, in, field, &proof->owner.passkey, &assertion))) {
        return outcome;
    }
    proof->use = (cloudep_passkey_use_t){
        .id = proof->owner.passkey.id, .sign_count = assertion.sign_count, .backed_up = assertion.backed_up};
    return judge_counter(ctx, &assertion, proof);
}
