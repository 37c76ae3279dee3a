/*
 * second_factor.c - see second_factor.h.
 */
#include "service/second_factor.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/backup_code.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "base/crypto/totp.h"
#include "core/settings.h"
#include "outbox/message.h"
#include "service/budget.h"
#include "service/notice.h"

/* What a sealed secret is bound to: in another member's row it cannot be unsealed. */
static const char *owner_of(cloudep_context_t *ctx, const char *tenant_id, const char *uid)
{
    return apr_pstrcat(ctx->p, "totp:", tenant_id, ":", uid, NULL);
}

cloudep_outcome_t cloudep_totp_new_secret(cloudep_context_t *ctx, const char *tenant_id, const char *uid,
                                          const char **sealed)
{
    unsigned char secret[CLOUDEP_TOTP_SECRET_SIZE];
    apr_status_t rv = cloudep_random_bytes(secret, sizeof(secret));

    if (rv == APR_SUCCESS) {
        rv = cloudep_seal(sealed, ctx->p, ctx->config->run->sealing, secret, sizeof(secret),
                          owner_of(ctx, tenant_id, uid));
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "sealing a TOTP secret");
}

/* The secret is wiped with the request's pool. */
static cloudep_outcome_t unseal(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                const unsigned char **secret, apr_size_t *size)
{
    apr_status_t rv = cloudep_unseal(secret, size, ctx->p, ctx->config->run->sealing, sealed,
                                     owner_of(ctx, totp->member->tenant_id, totp->member->uid));

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "unsealing a TOTP secret");
}

const char *cloudep_totp_issuer(const cloudep_totp_t *totp)
{
    return totp->tenant->totp_issuer ? totp->tenant->totp_issuer : totp->tenant->name;
}

cloudep_outcome_t cloudep_totp_url_of(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                      const char **url)
{
    const unsigned char *secret;
    apr_size_t size;
    cloudep_outcome_t outcome = unseal(ctx, totp, sealed, &secret, &size);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_totp_url(url, secret, size, cloudep_totp_issuer(totp), totp->member->email, ctx->p);
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "writing the otpauth URL");
}

cloudep_outcome_t cloudep_totp_text_of(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                       const char **text)
{
    const unsigned char *secret;
    apr_size_t size;
    cloudep_outcome_t outcome = unseal(ctx, totp, sealed, &secret, &size);

    if (!cloudep_failed(outcome)) {
        *text = cloudep_totp_secret_text(secret, size, ctx->p);
    }
    return outcome;
}

static int is_backup_code(const char *code)
{
    return strlen(code) == CLOUDEP_BACKUP_CODE_DIGITS;
}

cloudep_outcome_t cloudep_factor_wrong(const char *code)
{
    return cloudep_refuse(is_backup_code(code) ? CLOUDEP_BACKUP_CODE_WRONG : CLOUDEP_TOTP_WRONG);
}

const char *cloudep_factor_method(const cloudep_totp_proof_t *proof)
{
    return proof->secret ? CLOUDEP_MFA_TOTP : CLOUDEP_MFA_BACKUP_CODE;
}

cloudep_outcome_t cloudep_totp_check(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                     const char *code, apr_int64_t *step)
{
    const unsigned char *secret;
    apr_size_t size;
    cloudep_outcome_t outcome = unseal(ctx, totp, sealed, &secret, &size);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_totp_verify(step, secret, size, code, ctx->now);
    if (rv == CLOUDEP_EFORGED || rv == CLOUDEP_EMALFORMED) {
        return cloudep_factor_wrong(code);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "checking a TOTP code");
}

cloudep_outcome_t cloudep_new_backup_codes(cloudep_context_t *ctx, const cloudep_totp_t *totp,
                                           apr_array_header_t **codes, const char **stored)
{
    apr_status_t rv = cloudep_backup_codes_make(codes, stored, ctx->p, ctx->config->run->sealing,
                                                totp->member->tenant_id, totp->member->uid);

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "making backup codes");
}

cloudep_outcome_t cloudep_factor_format(apr_size_t field, const char *code)
{
    return strlen(code) == CLOUDEP_TOTP_DIGITS || is_backup_code(code)
               ? cloudep_done()
               : cloudep_invalid(field, CLOUDEP_RULE_LENGTH, "must be 6 digits (TOTP) or 8 digits (backup code)");
}

cloudep_outcome_t cloudep_factor_guess(cloudep_context_t *ctx, const cloudep_totp_t *totp, cloudep_guess_t *guess)
{
    cloudep_outcome_t outcome = cloudep_guess_begin(ctx, guess, CLOUDEP_BUDGET_FACTOR, totp->member->tenant_id,
                                                    totp->member->uid, totp->member->email);

    return cloudep_failed(outcome) ? outcome : cloudep_guess_count(ctx, guess);
}

cloudep_outcome_t cloudep_totp_check_pending(cloudep_context_t *ctx, const cloudep_totp_t *totp,
                                             const cloudep_guess_t *guess, const char *code, apr_int64_t *step)
{
    const cloudep_outcome_t outcome = cloudep_totp_check(ctx, totp, totp->pending_secret, code, step);

    return outcome.reason == CLOUDEP_TOTP_WRONG ? cloudep_guess_wrong(ctx, guess, outcome.reason) : outcome;
}

static cloudep_outcome_t check_totp(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *code,
                                    cloudep_totp_proof_t *proof)
{
    cloudep_note(ctx, NULL, NULL, "totp");
    proof->secret = totp->secret;
    return cloudep_totp_check(ctx, totp, totp->secret, code, &proof->step);
}

static cloudep_outcome_t check_backup_code(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *code,
                                           cloudep_totp_proof_t *proof)
{
    apr_status_t rv = cloudep_backup_code_find(&proof->code, ctx->p, ctx->config->run->sealing, totp->member->tenant_id,
                                               totp->member->uid, code, totp->codes);

    cloudep_note(ctx, NULL, NULL, "backup_code");
    if (rv == CLOUDEP_EFORGED) {
        return cloudep_factor_wrong(code);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "checking a backup code");
}

cloudep_outcome_t cloudep_factor_check(cloudep_context_t *ctx, const cloudep_totp_t *totp, const cloudep_guess_t *guess,
                                       const char *code, cloudep_totp_proof_t *proof, const cloudep_message_t **message)
{
    const int backup = is_backup_code(code);
    cloudep_outcome_t outcome;

    *proof = (cloudep_totp_proof_t){.network = guess->budget.network};
    outcome = backup ? check_backup_code(ctx, totp, code, proof) : check_totp(ctx, totp, code, proof);
    if (cloudep_failed(outcome)) {
        return outcome.reason == CLOUDEP_TOTP_WRONG || outcome.reason == CLOUDEP_BACKUP_CODE_WRONG
                   ? cloudep_guess_wrong(ctx, guess, outcome.reason)
                   : outcome;
    }
    return cloudep_notice_new(ctx, message, totp->tenant, totp->member, backup ? "backup_code_used" : NULL,
                              totp->codes->nelts - 1);
}

cloudep_outcome_t cloudep_factor_prove(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *code,
                                       const char *session_id)
{
    const cloudep_message_t *notice = NULL;
    cloudep_totp_proof_t proof = {0};
    cloudep_guess_t guess;
    cloudep_outcome_t outcome = cloudep_factor_guess(ctx, totp, &guess);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_factor_check(ctx, totp, &guess, code, &proof, &notice))) {
        return outcome;
    }
    rv = cloudep_totp_step_up(cloudep_database(ctx), ctx->p, totp, &proof, session_id, notice);
    if (rv == APR_NOTFOUND) {
        return cloudep_factor_wrong(code);
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "accepting the second factor");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}
