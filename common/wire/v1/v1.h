/*
 * v1.h - the first API style: {"code", "message", "data"} and {"code", "reason", "message", "request_id", "errors"}.
 */
#ifndef CLOUDEP_V1_H
#define CLOUDEP_V1_H

#include "base/store/session_store.h"
#include "wire/wire.h"

#define CLOUDEP_AUTH_PREFIX "/api/v1/auth"
#define CLOUDEP_MEMBER_PREFIX "/api/v1/members"
#define CLOUDEP_V1_SUCCESS 102000
#define CLOUDEP_V1_TYPE "application/json; charset=utf-8"

extern CLOUDEP_DECLARE(const cloudep_style_t) cloudep_v1;

/* What v1 makes of a reason: code = scope * 1000000 + category * 1000 + detail. */
typedef struct cloudep_v1_code_t {
    int status; /* HTTP */
    int code;
    const char *message; /* one sentence for a developer, no secrets */
    int english;         /* whether the message is */
} cloudep_v1_code_t;

/**
 * The code of a reason at an operation; operation NULL: at no operation of ours.
 * @param language of the message, BCP 47; NULL, or one without messages: English
 */
cloudep_v1_code_t cloudep_v1_code(const cloudep_operation_t *operation, cloudep_reason_e reason, const char *language);

/** The language of messages to whoever names none: as Accept-Language asks. NULL: English. */
const char *cloudep_v1_language(const cloudep_context_t *ctx);

/** The language of messages to whoever makes a call: as the body names it, or else the member, or else the browser. */
const char *cloudep_v1_language_of(const cloudep_call_t *call);

/** The envelope of a refusal, for requests that no operation serves. NULL: it could not be made. */
const char *cloudep_v1_refusal(request_rec *r, cloudep_v1_code_t code, cloudep_reason_e reason);

/** Answers with the tokens of a session; with its uid and the session cookie where that says who asks. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_v1_tokens(cloudep_call_t *call, const cloudep_session_t *session);

/** Answers with a challenge; expires_in in seconds. */
CLOUDEP_DECLARE(void) cloudep_v1_challenge(cloudep_call_t *call, const char *challenge_id, apr_int64_t expires_in);

/** Answers with backup codes: an array of const char *. @return DONE */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_v1_backup_codes(cloudep_call_t *call, const apr_array_header_t *codes);

/** Answers {"ok": true} where the outcome is DONE. @return the outcome */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_v1_ok(cloudep_call_t *call, cloudep_outcome_t outcome);

#endif
