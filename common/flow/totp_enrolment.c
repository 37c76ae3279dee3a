/*
 * totp_enrolment.c - see totp_enrolment.h.
 */
#include "flow/totp_enrolment.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "outbox/message.h"
#include "service/freshness.h"
#include "service/notice.h"
#include "service/one_time_link.h"
#include "service/second_factor.h"

#define CODES_TRIES 3 /* sets of backup codes; one that shares a code with the old set is not stored */

cloudep_outcome_t cloudep_find_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_reason_e gone,
                                    const cloudep_totp_t **totp)
{
    apr_status_t rv = cloudep_totp_load(cloudep_database(ctx), ctx->p, totp, who->tenant_id, who->uid);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(gone);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the second factor");
}

cloudep_outcome_t cloudep_get_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_totp_status_t *out)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_SUBJECT_GONE, &totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    out->enrolled = totp->secret != NULL;
    out->enrolled_at = totp->enrolled_at;
    out->backup_codes_remaining = totp->codes->nelts;
    return outcome;
}

/* ---- enrolling ---- */

/* A new pending secret, sealed, and what is kept of the backup codes that are shown with it. */
static cloudep_outcome_t begin(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *sealed,
                               const char *kept)
{
    apr_status_t rv = cloudep_totp_begin(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, sealed, kept);

    if (rv == CLOUDEP_ECONFLICT) {
        return cloudep_refuse(CLOUDEP_TOTP_ENROLLED);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "storing the enrolment");
}

cloudep_outcome_t cloudep_start_totp(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_totp_start_t *out)
{
    return cloudep_start_totp_with_codes(ctx, who, out, NULL);
}

cloudep_outcome_t cloudep_start_totp_with_codes(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                                cloudep_totp_start_t *out, apr_array_header_t **codes)
{
    const cloudep_totp_t *totp;
    const char *sealed;
    const char *kept = NULL;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_SUBJECT_GONE, &totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (totp->secret) {
        return cloudep_refuse(CLOUDEP_TOTP_ENROLLED);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who))) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_totp_new_secret(ctx, who->tenant_id, who->uid, &sealed))) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_totp_url_of(ctx, totp, sealed, &out->url))) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_totp_text_of(ctx, totp, sealed, &out->secret))) {
        return outcome;
    }
    if (codes && cloudep_failed(outcome = cloudep_new_backup_codes(ctx, totp, codes, &kept))) {
        return outcome;
    }
    out->issuer = cloudep_totp_issuer(totp);
    out->account = totp->member->email;
    out->expires_in = CLOUDEP_TOTP_PENDING_LIFETIME;
    return begin(ctx, who, sealed, kept);
}

cloudep_outcome_t cloudep_pending_totp_url(cloudep_context_t *ctx, const cloudep_principal_t *who, const char **url)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_ENROLMENT_UNKNOWN, &totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!totp->pending_secret) {
        return cloudep_refuse(CLOUDEP_ENROLMENT_UNKNOWN);
    }
    return cloudep_totp_url_of(ctx, totp, totp->pending_secret, url);
}

/* Why an enrolment whose code was right a moment ago could not be confirmed. */
static cloudep_outcome_t explain_unconfirmed(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                             const cloudep_totp_t *before, const char *code)
{
    const cloudep_totp_t *now;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_MEMBER_UNKNOWN, &now);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (now->secret) {
        return cloudep_refuse(CLOUDEP_TOTP_ENROLLED);
    }
    if (!now->pending_secret || strcmp(now->pending_secret, before->pending_secret)) {
        return cloudep_refuse(CLOUDEP_ENROLMENT_UNKNOWN);
    }
    return cloudep_factor_wrong(code);
}

/* The notice, with the link that undoes the enrolment where there are pages for it. */
static cloudep_outcome_t tell_of_enrolment(cloudep_context_t *ctx, const cloudep_totp_t *totp, cloudep_new_link_t *undo,
                                           const cloudep_message_t **notice)
{
    cloudep_outcome_t outcome = cloudep_new_link(ctx, totp->tenant->id, CLOUDEP_LINK_UNDO, undo);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return undo->url ? cloudep_notice_with_link(ctx, notice, totp->tenant, totp->member, "totp_enabled_undo", undo->url)
                     : cloudep_notice_new(ctx, notice, totp->tenant, totp->member, "totp_enabled", 0);
}

/* Makes the pending secret the one that counts, by the step of its code, and stores the first backup codes: those of
 * kept, or where it is NULL new ones, *codes. */
static cloudep_outcome_t store_enrolment(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_totp_t *totp, const cloudep_enrolment_t *right, const char *code,
                                         const char *kept, apr_array_header_t **codes)
{
    const int shown = kept != NULL;
    const cloudep_message_t *notice;
    cloudep_new_link_t undo;
    apr_status_t rv = CLOUDEP_ECONFLICT;
    cloudep_outcome_t outcome = tell_of_enrolment(ctx, totp, &undo, &notice);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    for (int tries = 0; rv == CLOUDEP_ECONFLICT && tries < CODES_TRIES; tries++) {
        if (!shown && cloudep_failed(outcome = cloudep_new_backup_codes(ctx, totp, codes, &kept))) {
            return outcome;
        }
        rv = cloudep_totp_confirm(cloudep_database(ctx), ctx->p, totp, right, kept, undo.digest, notice);
    }
    if (rv == APR_NOTFOUND) {
        return explain_unconfirmed(ctx, who, totp, code);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the backup codes");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

/* What is being enrolled. */
static cloudep_outcome_t find_pending(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                      const cloudep_totp_t **totp)
{
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_MEMBER_UNKNOWN, totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if ((*totp)->secret) {
        return cloudep_refuse(CLOUDEP_TOTP_ENROLLED);
    }
    return (*totp)->pending_secret ? outcome : cloudep_refuse(CLOUDEP_ENROLMENT_UNKNOWN);
}

static cloudep_outcome_t confirm(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_totp_code_t *in,
                                 int shown_codes, apr_array_header_t **codes)
{
    const cloudep_totp_t *totp;
    cloudep_guess_t guess;
    apr_int64_t step;
    cloudep_outcome_t outcome = find_pending(ctx, who, &totp);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_factor_guess(ctx, totp, &guess)) ||
        cloudep_failed(outcome = cloudep_totp_check_pending(ctx, totp, &guess, in->code, &step))) {
        return outcome;
    }
    return store_enrolment(ctx, who, totp, &(cloudep_enrolment_t){step, guess.budget.network}, in->code,
                           shown_codes ? totp->pending_codes : NULL, codes);
}

cloudep_outcome_t cloudep_confirm_totp(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       const cloudep_totp_code_t *in, apr_array_header_t **codes)
{
    return confirm(ctx, who, in, 0, codes);
}

cloudep_outcome_t cloudep_confirm_totp_of_shown_codes(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                                      const cloudep_totp_code_t *in, apr_array_header_t **codes)
{
    *codes = NULL;
    return confirm(ctx, who, in, 1, codes);
}

/* Whether a URL has the secret that is being enrolled. */
static cloudep_outcome_t check_url(cloudep_context_t *ctx, const cloudep_totp_t *totp, const char *url)
{
    const char *secret, *given = strstr(url, "secret=");
    cloudep_outcome_t outcome = cloudep_totp_text_of(ctx, totp, totp->pending_secret, &secret);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    given = given ? given + strlen("secret=") : "";
    return strlen(secret) == strcspn(given, "&") && !strncmp(given, secret, strlen(secret))
               ? cloudep_done()
               : cloudep_invalid(offsetof(cloudep_totp_pair_t, url), CLOUDEP_RULE_FORMAT,
                                 "is not the one of the enrolment under way");
}

/* Both codes of a pair. *step: of the second. */
static cloudep_outcome_t check_pair(cloudep_context_t *ctx, const cloudep_totp_t *totp, const cloudep_guess_t *guess,
                                    const cloudep_totp_pair_t *in, apr_int64_t *step)
{
    const char *second = strchr(in->codes, ' ');
    const char *first;
    apr_int64_t before;
    cloudep_outcome_t outcome;

    if (!second) {
        return cloudep_invalid(offsetof(cloudep_totp_pair_t, codes), CLOUDEP_RULE_LENGTH, "must be two codes");
    }
    first = apr_pstrmemdup(ctx->p, in->codes, (apr_size_t)(second - in->codes));
    outcome = cloudep_totp_check_pending(ctx, totp, guess, first, &before);
    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_totp_check_pending(ctx, totp, guess, second + 1, step))) {
        return outcome;
    }
    return *step == before + 1 ? cloudep_done() : cloudep_guess_wrong(ctx, guess, CLOUDEP_TOTP_WRONG);
}

cloudep_outcome_t cloudep_confirm_totp_by_pair(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                               const cloudep_totp_pair_t *in)
{
    const cloudep_totp_t *totp;
    cloudep_guess_t guess;
    apr_array_header_t *codes;
    apr_int64_t step;
    cloudep_outcome_t outcome = find_pending(ctx, who, &totp);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_url(ctx, totp, in->url)) ||
        cloudep_failed(outcome = cloudep_factor_guess(ctx, totp, &guess)) ||
        cloudep_failed(outcome = check_pair(ctx, totp, &guess, in, &step))) {
        return outcome;
    }
    return store_enrolment(ctx, who, totp, &(cloudep_enrolment_t){step, guess.budget.network}, "000000", NULL, &codes);
}

/* ---- enrolled ---- */

cloudep_outcome_t cloudep_prove_second_factor(cloudep_context_t *ctx, const cloudep_principal_t *who, apr_size_t field,
                                              const char *code)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_factor_format(field, code);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_find_totp(ctx, who, CLOUDEP_SUBJECT_GONE, &totp))) {
        return outcome;
    }
    if (!totp->secret) {
        return cloudep_refuse(CLOUDEP_TOTP_NOT_ENROLLED);
    }
    return cloudep_factor_prove(ctx, totp, code, who->session_id);
}

cloudep_outcome_t cloudep_verify_totp(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                      const cloudep_totp_code_t *in)
{
    return cloudep_prove_second_factor(ctx, who, offsetof(cloudep_totp_code_t, code), in->code);
}

/* Puts new backup codes in place of the old. TOTP_NOT_ENROLLED: TOTP was removed a moment ago. */
static cloudep_outcome_t store_new_codes(cloudep_context_t *ctx, const cloudep_totp_t *totp, apr_array_header_t **codes)
{
    const cloudep_message_t *notice;
    const char *kept;
    apr_status_t rv = CLOUDEP_ECONFLICT;
    cloudep_outcome_t outcome = cloudep_notice_new(ctx, &notice, totp->tenant, totp->member, "backup_codes_renewed", 0);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    for (int tries = 0; rv == CLOUDEP_ECONFLICT && tries < CODES_TRIES; tries++) {
        if (cloudep_failed(outcome = cloudep_new_backup_codes(ctx, totp, codes, &kept))) {
            return outcome;
        }
        rv = cloudep_totp_renew_codes(cloudep_database(ctx), ctx->p, totp->member->tenant_id, totp->member->uid, kept,
                                      notice);
    }
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TOTP_NOT_ENROLLED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the backup codes");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_renew_backup_codes(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                             apr_array_header_t **codes)
{
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_find_totp(ctx, who, CLOUDEP_MEMBER_UNKNOWN, &totp);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!totp->secret) {
        return cloudep_refuse(CLOUDEP_TOTP_NOT_ENROLLED);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who))) {
        return outcome;
    }
    return store_new_codes(ctx, totp, codes);
}
