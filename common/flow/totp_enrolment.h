/*
 * totp_enrolment.h - a member's authenticator: enrolling it, proving it, renewing its backup codes.
 */
#ifndef CLOUDEP_TOTP_ENROLMENT_H
#define CLOUDEP_TOTP_ENROLMENT_H

#include <apr_tables.h>
#include "base/store/totp_store.h"
#include "core/context.h"
#include "core/principal.h"

typedef struct cloudep_totp_code_t {
    const char *code;
} cloudep_totp_code_t;

typedef struct cloudep_totp_status_t {
    int enrolled;
    apr_int64_t enrolled_at; /* Unix milliseconds */
    int backup_codes_remaining;
} cloudep_totp_status_t;

/** SUBJECT_GONE. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_get_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_totp_status_t *out);

typedef struct cloudep_totp_start_t {
    const char *url;    /* otpauth://, holds the secret */
    const char *secret; /* base32, for whoever types it */
    const char *issuer;
    const char *account;
    int expires_in; /* seconds */
} cloudep_totp_start_t;

/** Begins an enrolment, or begins it again. SUBJECT_GONE, TOTP_ENROLLED, FRESH_PROOF_NEEDED. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_totp_start_t *out);

/**
 * The same, with backup codes that count once the enrolment is confirmed by cloudep_confirm_totp_of_shown_codes().
 * *codes: const char *.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_totp_with_codes(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_totp_start_t *out,
                              apr_array_header_t **codes);

/** The otpauth:// URL of the enrolment under way. ENROLMENT_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_pending_totp_url(cloudep_context_t *ctx, const cloudep_principal_t *who, const char **url);

/** Ends an enrolment. *codes: the backup codes, const char *. MEMBER_UNKNOWN, TOTP_ENROLLED, ENROLMENT_UNKNOWN,
 * TOTP_WRONG, TOO_MANY_FACTORS. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_code_t *in,
                     apr_array_header_t **codes);

/** The same, where backup codes that were shown at the start count. *codes: NULL then; new ones where none were. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_totp_of_shown_codes(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                    const cloudep_totp_code_t *in, apr_array_header_t **codes);

typedef struct cloudep_totp_pair_t {
    const char *url;   /* otpauth://, as it was told */
    const char *codes; /* two consecutive ones, with a space between */
} cloudep_totp_pair_t;

/**
 * Ends an enrolment by two consecutive codes. The secret is the one that was made here: FIELD_INVALID (url) for another
 * one; else as cloudep_confirm_totp(), TOTP_WRONG also when they are not consecutive.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_confirm_totp_by_pair(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_pair_t *in);

/**
 * Proves a second factor for the session of who asks. SUBJECT_GONE, TOTP_NOT_ENROLLED, TOTP_WRONG, BACKUP_CODE_WRONG,
 * TOO_MANY_FACTORS, FIELD_INVALID (code).
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_verify_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_code_t *in);

/** The same for a flow whose input has the code at field (an offsetof). */
cloudep_outcome_t cloudep_prove_second_factor(cloudep_context_t *ctx, const cloudep_principal_t *who, apr_size_t field,
                                              const char *code);

/** New backup codes; the old ones are dead. MEMBER_UNKNOWN, TOTP_NOT_ENROLLED, FRESH_PROOF_NEEDED. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_renew_backup_codes(cloudep_context_t *ctx, const cloudep_principal_t *who, apr_array_header_t **codes);

/** What is kept of the caller's second factors. gone: the reason when the caller is no member any more. */
cloudep_outcome_t cloudep_find_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_reason_e gone,
                                    const cloudep_totp_t **totp);

#endif
