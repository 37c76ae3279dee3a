/*
 * outcome.h - what can become of anything that is asked of CloudEP.
 *
 * Every flow and service returns an outcome by value. Its reason is one of the names below. No outcome knows an HTTP
 * status, a code number or the name of a field on some wire: each API style translates them in a table of its own.
 */
#ifndef CLOUDEP_OUTCOME_H
#define CLOUDEP_OUTCOME_H

#include <apr.h>
#include "base/export.h"
#include "base/text/rule.h"

/*
 * The reasons. The word in quotes is what clients are told; it is stable.
 * CLOUDEP_DONE is the only success.
 */
#define CLOUDEP_REASONS(REASON)                                                                                        \
    REASON(DONE, "done")                                                                                               \
    /* the request itself */                                                                                           \
    REASON(PATH_UNKNOWN, "path_unknown")                                                                               \
    REASON(METHOD_NOT_ALLOWED, "method_not_allowed")                                                                   \
    REASON(MEDIA_TYPE_UNSUPPORTED, "media_type_unsupported")                                                           \
    REASON(BODY_TOO_LARGE, "body_too_large")                                                                           \
    REASON(REQUEST_MALFORMED, "request_malformed")                                                                     \
    REASON(REQUEST_REFUSED, "request_refused")                                                                         \
    REASON(FIELD_MISSING, "field_missing")                                                                             \
    REASON(FIELD_INVALID, "field_invalid")                                                                             \
    /* what serves it */                                                                                               \
    REASON(NOT_CONFIGURED, "not_configured")                                                                           \
    REASON(PROVIDER_NOT_CONFIGURED, "provider_not_configured")                                                         \
    REASON(DATABASE_FAILED, "database_failed")                                                                         \
    REASON(INTERNAL_ERROR, "internal_error")                                                                           \
    REASON(PROVIDER_FAILED, "provider_failed")                                                                         \
    REASON(OVERLOADED, "overloaded")                                                                                   \
    /* who asks */                                                                                                     \
    REASON(TOKEN_MISSING, "token_missing")                                                                             \
    REASON(TOKEN_INVALID, "token_invalid")                                                                             \
    REASON(REFRESH_TOKEN_INVALID, "refresh_token_invalid")                                                             \
    REASON(XSRF_REQUIRED, "xsrf_required")                                                                             \
    REASON(CROSS_SITE, "cross_site")                                                                                   \
    REASON(TLS_REQUIRED, "tls_required")                                                                               \
    REASON(IDENTITY_HEADERS_INVALID, "identity_headers_invalid")                                                       \
    REASON(MEMBER_INACTIVE, "member_inactive")                                                                         \
    REASON(SUBJECT_GONE, "subject_gone")                                                                               \
    REASON(ACCESS_REFUSED, "access_refused")                                                                           \
    REASON(TENANT_MISMATCH, "tenant_mismatch")                                                                         \
    REASON(SECOND_FACTOR_TOO_OLD, "second_factor_too_old")                                                             \
    REASON(FRESH_PROOF_NEEDED, "fresh_proof_needed")                                                                   \
    REASON(MAILED_CODE_REFUSED, "mailed_code_refused")                                                                 \
    /* tenants, invites, registration */                                                                               \
    REASON(TENANT_UNKNOWN, "tenant_unknown")                                                                           \
    REASON(REGISTRATION_CLOSED, "registration_closed")                                                                 \
    REASON(INVITE_UNKNOWN, "invite_unknown")                                                                           \
    REASON(INVITE_EXPIRED, "invite_expired")                                                                           \
    REASON(INVITE_USED_UP, "invite_used_up")                                                                           \
    REASON(INVITE_BUSY, "invite_busy")                                                                                 \
    REASON(EMAIL_TAKEN, "email_taken")                                                                                 \
    REASON(REGISTRATION_PENDING, "registration_pending")                                                               \
    REASON(ACCOUNT_EXISTS, "account_exists")                                                                           \
    REASON(REGISTRATION_UNKNOWN, "registration_unknown")                                                               \
    REASON(REGISTRATION_NOT_PENDING, "registration_not_pending")                                                       \
    REASON(REGISTRATION_BUSY, "registration_busy")                                                                     \
    REASON(ALREADY_CONFIRMED, "already_confirmed")                                                                     \
    /* login */                                                                                                        \
    REASON(CREDENTIALS_WRONG, "credentials_wrong")                                                                     \
    REASON(TENANT_CLOSED, "tenant_closed")                                                                             \
    REASON(CODE_LOGIN_CLOSED, "code_login_closed")                                                                     \
    REASON(EMAIL_UNCONFIRMED, "email_unconfirmed")                                                                     \
    REASON(SUSPENDED, "suspended")                                                                                     \
    REASON(LOGIN_REFUSED, "login_refused")                                                                             \
    REASON(CREDENTIALS_CHANGED, "credentials_changed")                                                                 \
    REASON(TOO_MANY_PASSWORDS, "too_many_passwords")                                                                   \
    REASON(TOO_MANY_FACTORS, "too_many_factors")                                                                       \
    REASON(TOO_MANY_GUESSES, "too_many_guesses")                                                                       \
    REASON(TOO_MANY_STARTS, "too_many_starts")                                                                         \
    REASON(STATE_INVALID, "state_invalid")                                                                             \
    REASON(LOGIN_CANCELLED, "login_cancelled")                                                                         \
    REASON(AUTHORIZATION_INVALID, "authorization_invalid")                                                             \
    REASON(LOGIN_LOST, "login_lost")                                                                                   \
    REASON(EMAIL_UNVERIFIED, "email_unverified")                                                                       \
    REASON(IDENTITY_UNKNOWN, "identity_unknown")                                                                       \
    REASON(ID_TOKEN_INVALID, "id_token_invalid")                                                                       \
    /* one-time codes */                                                                                               \
    REASON(CHALLENGE_GONE, "challenge_gone")                                                                           \
    REASON(CHALLENGE_MISMATCH, "challenge_mismatch")                                                                   \
    REASON(CHALLENGE_LOCKED, "challenge_locked")                                                                       \
    REASON(CODE_WRONG, "code_wrong")                                                                                   \
    REASON(CODE_COOLDOWN, "code_cooldown")                                                                             \
    REASON(CODES_USED_UP, "codes_used_up")                                                                             \
    REASON(TOO_MANY_CODES, "too_many_codes")                                                                           \
    REASON(DAILY_CODES_USED_UP, "daily_codes_used_up")                                                                 \
    /* second factors */                                                                                               \
    REASON(TOTP_WRONG, "totp_wrong")                                                                                   \
    REASON(BACKUP_CODE_WRONG, "backup_code_wrong")                                                                     \
    REASON(TOTP_ENROLLED, "totp_enrolled")                                                                             \
    REASON(TOTP_NOT_ENROLLED, "totp_not_enrolled")                                                                     \
    REASON(ENROLMENT_UNKNOWN, "enrolment_unknown")                                                                     \
    REASON(SECOND_FACTOR_NEEDED, "second_factor_needed")                                                               \
    /* passkeys */                                                                                                     \
    REASON(PASSKEY_UNKNOWN, "passkey_unknown")                                                                         \
    REASON(PASSKEY_REFUSED, "passkey_refused")                                                                         \
    REASON(PASSKEY_COPIED, "passkey_copied")                                                                           \
    REASON(PASSKEY_TAKEN, "passkey_taken")                                                                             \
    REASON(TOO_MANY_PASSKEYS, "too_many_passkeys")                                                                     \
    /* one-time links */                                                                                               \
    REASON(LINK_GONE, "link_gone")                                                                                     \
    /* accounts */                                                                                                     \
    REASON(MEMBER_UNKNOWN, "member_unknown")                                                                           \
    REASON(ACCOUNT_UNKNOWN, "account_unknown")                                                                         \
    REASON(PASSWORD_WRONG, "password_wrong")                                                                           \
    REASON(PASSWORD_ELSEWHERE, "password_elsewhere")                                                                   \
    REASON(LAST_WAY_IN, "last_way_in")                                                                                 \
    REASON(ACCOUNT_LINKED, "account_linked")                                                                           \
    REASON(ACCOUNT_NOT_LINKED, "account_not_linked")                                                                   \
    REASON(SESSION_UNKNOWN, "session_unknown")

#define CLOUDEP_REASON_NAME(name, word) CLOUDEP_##name,
typedef enum { CLOUDEP_REASONS(CLOUDEP_REASON_NAME) CLOUDEP_REASON_COUNT } cloudep_reason_e;

typedef struct cloudep_outcome_t {
    cloudep_reason_e reason;
    apr_int64_t retry_after; /* seconds until another try makes sense; 0: nobody knows */
    apr_size_t field;        /* with a rule: offsetof the member of the flow's input that is at fault */
    const char *rule;        /* one of CLOUDEP_RULE_...; NULL: no field is at fault */
    const char *why;         /* what is wrong, in English, without any value of the input: with a rule, with the field;
                                without one, with the request (REQUEST_MALFORMED only); or NULL */
} cloudep_outcome_t;

/** The success. */
static inline cloudep_outcome_t cloudep_done(void)
{
    return (cloudep_outcome_t){.reason = CLOUDEP_DONE};
}

/** A failure that has nothing more to say than its reason. */
static inline cloudep_outcome_t cloudep_refuse(cloudep_reason_e reason)
{
    return (cloudep_outcome_t){.reason = reason};
}

/** A failure that ends by itself. seconds below 1 count as 1. */
static inline cloudep_outcome_t cloudep_wait(cloudep_reason_e reason, apr_int64_t seconds)
{
    return (cloudep_outcome_t){.reason = reason, .retry_after = seconds < 1 ? 1 : seconds};
}

/** CLOUDEP_FIELD_INVALID for one member of the flow's input. why: a constant, or as long-lived as the request. */
static inline cloudep_outcome_t cloudep_invalid(apr_size_t field, const char *rule, const char *why)
{
    return (cloudep_outcome_t){.reason = CLOUDEP_FIELD_INVALID, .field = field, .rule = rule, .why = why};
}

/** A required field is not there: which member of the input (offsetof), and what is wrong with it. */
static inline cloudep_outcome_t cloudep_missing(apr_size_t field, const char *why)
{
    return (cloudep_outcome_t){
        .reason = CLOUDEP_FIELD_MISSING, .field = field, .rule = CLOUDEP_RULE_REQUIRED, .why = why};
}

/** Whether it is a failure. */
static inline int cloudep_failed(cloudep_outcome_t outcome)
{
    return outcome.reason != CLOUDEP_DONE;
}

/** Whether something of ours, or that we rely on, failed: not what was asked for. */
static inline int cloudep_is_fault(cloudep_outcome_t outcome)
{
    return outcome.reason >= CLOUDEP_NOT_CONFIGURED && outcome.reason <= CLOUDEP_OVERLOADED;
}

/** The stable word of a reason, e.g. "email_taken". */
CLOUDEP_DECLARE(const char *) cloudep_reason_word(cloudep_reason_e reason);

#endif
