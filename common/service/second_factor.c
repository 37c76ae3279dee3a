/*
 * second_factor.c - second factors: sealed secrets, codes compared with them, guesses counted for each account.
 *
 * Nothing here lets anybody in: what was compared has its effect only when the store burns it.
 */
#include "core/private.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/backup_code.h"
#include "base/store/lockout_store.h"
#include "base/crypto/random.h"
#include "base/crypto/seal.h"
#include "base/crypto/totp.h"

#define FORGET_AFTER 86400 /* seconds: a failure a day is no attack */

int cloudep_step_up(const cloudep_call_t *call)
{
    return call->config->step_up;
}

/* What a sealed secret belongs to: moved to another row it does not open. */
static const char *owner_of(cloudep_call_t *call, const char *tenant_id, const char *uid)
{
    return apr_pstrcat(call->p, "totp:", tenant_id, ":", uid, NULL);
}

cloudep_problem_t *cloudep_totp_new_secret(cloudep_call_t *call, const char *tenant_id, const char *uid,
                                           const char **sealed)
{
    unsigned char secret[CLOUDEP_TOTP_SECRET_SIZE];
    apr_status_t rv = cloudep_random_bytes(secret, sizeof(secret));

    if (rv == APR_SUCCESS) {
        rv = cloudep_seal(sealed, call->p, call->config->run->sealing, secret, sizeof(secret),
                          owner_of(call, tenant_id, uid));
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "sealing a TOTP secret");
}

/* The secret is wiped with the request's pool. */
static cloudep_problem_t *unseal(cloudep_call_t *call, const cloudep_totp_t *totp, const char *sealed,
                                 const unsigned char **secret, apr_size_t *size)
{
    apr_status_t rv = cloudep_unseal(secret, size, call->p, call->config->run->sealing, sealed,
                                     owner_of(call, totp->member->tenant_id, totp->member->uid));

    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "unsealing a TOTP secret");
}

const char *cloudep_totp_issuer(const cloudep_totp_t *totp)
{
    return totp->tenant->totp_issuer ? totp->tenant->totp_issuer : totp->tenant->name;
}

cloudep_problem_t *cloudep_totp_url_of(cloudep_call_t *call, const cloudep_totp_t *totp, const char *sealed,
                                       const char **url)
{
    const unsigned char *secret;
    apr_size_t size;
    cloudep_problem_t *problem = unseal(call, totp, sealed, &secret, &size);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_totp_url(url, secret, size, cloudep_totp_issuer(totp), totp->member->email, call->p);
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "writing the otpauth URL");
}

static int is_backup_code(const char *code)
{
    return strlen(code) == CLOUDEP_BACKUP_CODE_DIGITS;
}

cloudep_problem_t *cloudep_factor_wrong(cloudep_call_t *call, const char *code)
{
    return is_backup_code(code)
               ? cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_FORBIDDEN, "the backup code is wrong or used")
               : cloudep_problem(call, call->api->scope, CLOUDEP_FORBIDDEN, "the TOTP code is wrong or used");
}

cloudep_problem_t *cloudep_totp_check(cloudep_call_t *call, const cloudep_totp_t *totp, const char *sealed,
                                      const char *code, apr_int64_t *step)
{
    const unsigned char *secret;
    apr_size_t size;
    cloudep_problem_t *problem = unseal(call, totp, sealed, &secret, &size);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_totp_verify(step, secret, size, code, apr_time_now());
    if (rv == CLOUDEP_EFORGED || rv == CLOUDEP_EMALFORMED) {
        return cloudep_factor_wrong(call, code);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "checking a TOTP code");
}

cloudep_problem_t *cloudep_new_backup_codes(cloudep_call_t *call, const cloudep_totp_t *totp, json_t **codes,
                                            const char **stored)
{
    apr_array_header_t *list;
    apr_status_t rv = cloudep_backup_codes_make(&list, stored, call->p, call->config->run->sealing,
                                                totp->member->tenant_id, totp->member->uid);

    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "making backup codes");
    }
    *codes = json_array();
    for (int i = 0; i < list->nelts; i++) {
        (void)json_array_append_new(*codes, json_string(APR_ARRAY_IDX(list, i, const char *)));
    }
    return NULL;
}

cloudep_problem_t *cloudep_factor_format(cloudep_call_t *call, const char *field, const char *code)
{
    return strlen(code) == CLOUDEP_TOTP_DIGITS || is_backup_code(code)
               ? NULL
               : cloudep_problem_field(call, field, "must be 6 digits (TOTP) or 8 digits (backup code)");
}

static cloudep_problem_t *too_often(cloudep_call_t *call, int wait)
{
    return cloudep_problem_wait(call, call->api->scope, CLOUDEP_TOO_OFTEN, "too many wrong codes, wait before the next",
                                wait);
}

static cloudep_lockout_t address_of(cloudep_call_t *call, const cloudep_totp_t *totp)
{
    return (cloudep_lockout_t){totp->member->tenant_id, CLOUDEP_LOCKOUT_ADDRESS, cloudep_client_network(call->r)};
}

cloudep_problem_t *cloudep_factor_guess(cloudep_call_t *call, const cloudep_totp_t *totp)
{
    const cloudep_lockout_t address = address_of(call, totp);
    const cloudep_lockout_t account = {totp->member->tenant_id, CLOUDEP_LOCKOUT_MFA, totp->member->uid};
    const cloudep_lockout_policy_t policy = {call->config->mfa_attempts, call->config->mfa_wait,
                                             call->config->mfa_longest_wait, FORGET_AFTER};
    int wait;
    apr_status_t rv = cloudep_lockout_check(cloudep_database(call), call->p, &address, &wait);

    if (rv == APR_SUCCESS && wait) {
        return too_often(call, wait);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_lockout_fail(cloudep_database(call), call->p, &account, &policy, &wait);
    }
    if (rv == CLOUDEP_ELOCKED) {
        return too_often(call, wait);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "counting a guess");
}

/* A guess that was wrong counts for the client's address, as a wrong password does. */
static cloudep_problem_t *count_wrong(cloudep_call_t *call, const cloudep_totp_t *totp, cloudep_problem_t *problem)
{
    const cloudep_lockout_t address = address_of(call, totp);
    int wait;
    apr_status_t rv = cloudep_address_failed(call, &address, &wait);

    if (rv == CLOUDEP_ELOCKED) {
        return too_often(call, wait);
    }
    return rv == APR_SUCCESS ? problem : cloudep_problem_service(call, rv, "counting a wrong code");
}

static cloudep_problem_t *check_totp(cloudep_call_t *call, const cloudep_totp_t *totp, const char *code,
                                     cloudep_totp_proof_t *proof)
{
    cloudep_note(call, NULL, NULL, "totp");
    proof->secret = totp->secret;
    return cloudep_totp_check(call, totp, totp->secret, code, &proof->step);
}

static cloudep_problem_t *check_backup_code(cloudep_call_t *call, const cloudep_totp_t *totp, const char *code,
                                            cloudep_totp_proof_t *proof)
{
    apr_status_t rv = cloudep_backup_code_find(&proof->code, call->p, call->config->run->sealing,
                                               totp->member->tenant_id, totp->member->uid, code, totp->codes);

    cloudep_note(call, NULL, NULL, "backup_code");
    if (rv == CLOUDEP_EFORGED) {
        return cloudep_factor_wrong(call, code);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "checking a backup code");
}

cloudep_problem_t *cloudep_factor_check(cloudep_call_t *call, const cloudep_totp_t *totp, const char *code,
                                        cloudep_totp_proof_t *proof, const cloudep_message_t **message)
{
    const int backup = is_backup_code(code);
    cloudep_problem_t *problem;

    *proof = (cloudep_totp_proof_t){0};
    problem = backup ? check_backup_code(call, totp, code, proof) : check_totp(call, totp, code, proof);
    if (problem) {
        return problem->category == CLOUDEP_FORBIDDEN ? count_wrong(call, totp, problem) : problem;
    }
    return cloudep_notice_new(call, message, totp->tenant, totp->member, backup ? "backup_code_used" : NULL,
                              totp->codes->nelts - 1);
}
