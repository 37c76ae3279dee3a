/*
 * second_factor.h - TOTP secrets and codes, backup codes, and the guesses at them.
 *
 * Nothing here lets anybody in: what was compared has its effect only when the store burns it.
 */
#ifndef CLOUDEP_SECOND_FACTOR_H
#define CLOUDEP_SECOND_FACTOR_H

#include "base/store/totp_store.h"
#include "core/context.h"
#include "service/budget.h"

/** A new secret for the member, sealed for the store, never seen by anybody else. */
cloudep_outcome_t cloudep_totp_new_secret(cloudep_context_t *ctx, const char *tenant_id, const char *uid,
                                          const char **sealed);

/** The otpauth:// URL of one of the member's sealed secrets. It holds the secret: for the member's eyes only. */
cloudep_outcome_t cloudep_totp_url_of(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                      const char **url);

/** One of the member's sealed secrets in base32, as people type it. For the member's eyes only. */
cloudep_outcome_t cloudep_totp_text_of(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                       const char **text);

/** What the URL names as issuer: the tenant's own choice, or its name. */
const char *cloudep_totp_issuer(const cloudep_totp_t *totp);

/**
 * Compares a TOTP code with one of the member's sealed secrets: right at *step, which has no effect until it is
 * burned. TOTP_WRONG.
 */
cloudep_outcome_t cloudep_totp_check(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *sealed,
                                     const char *code, apr_int64_t *step);

/** The same with the secret that is being enrolled; a wrong code counts for the client's network. TOTP_WRONG,
 * TOO_MANY_FACTORS. */
cloudep_outcome_t cloudep_totp_check_pending(cloudep_context_t *ctx, const cloudep_totp_t *totp,
                                             const cloudep_guess_t *guess, const char *code, apr_int64_t *step);

/** New backup codes: *codes an array of const char *, and *stored what the store keeps of them. */
cloudep_outcome_t cloudep_new_backup_codes(cloudep_context_t *ctx, const cloudep_totp_t *totp,
                                           apr_array_header_t **codes, const char **stored);

/** Whether a code can be a second factor, 6 or 8 digits; else FIELD_INVALID at that member of the flow's input. */
cloudep_outcome_t cloudep_factor_format(apr_size_t field, const char *code);

/**
 * Counts a guess at a member's second factor, or at the one being enrolled, before it is compared. TOO_MANY_FACTORS:
 * the account or the network has to wait. Burning the proof clears that count.
 * @param guess set: what judges it
 */
cloudep_outcome_t cloudep_factor_guess(cloudep_context_t *ctx, const cloudep_totp_t *totp, cloudep_guess_t *guess);

/**
 * Compares a code with an enrolled member's second factors: 6 digits with the authenticator, 8 with the backup codes.
 * Right: *proof is what has to be burned and *message the notice that goes with it. TOTP_WRONG, BACKUP_CODE_WRONG,
 * TOO_MANY_FACTORS.
 */
cloudep_outcome_t cloudep_factor_check(cloudep_context_t *ctx, const cloudep_totp_t *totp, const cloudep_guess_t *guess,
                                       const char *code, cloudep_totp_proof_t *proof,
                                       const cloudep_message_t **message);

/**
 * Counts, compares and burns a second factor of an enrolled member, with its notice. TOTP_WRONG, BACKUP_CODE_WRONG,
 * TOO_MANY_FACTORS; FRESH_PROOF_NEEDED: it is none in a session that the authenticator alone has opened.
 * @param session_id the session that it proves; NULL: none
 */
cloudep_outcome_t cloudep_factor_prove(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *code,
                                       const char *session_id);

/** TOTP_WRONG or BACKUP_CODE_WRONG, by the length of the code. */
cloudep_outcome_t cloudep_factor_wrong(const char *code);

/** What the session's record says of a proof: "totp" or "backup_code". */
const char *cloudep_factor_method(const cloudep_totp_proof_t *proof);

#endif
