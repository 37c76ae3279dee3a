/*
 * account.h - the API style "account": {"ok": true, "data": {...}} and {"ok": false, "error": "...", "reason": "..."}.
 */
#ifndef CLOUDEP_ACCOUNT_STYLE_H
#define CLOUDEP_ACCOUNT_STYLE_H

#include "base/store/session_store.h"
#include "wire/wire.h"

extern CLOUDEP_DECLARE(const cloudep_style_t) cloudep_account_style;

/* What this style makes of a reason. */
typedef struct cloudep_account_refusal_t {
    int status;        /* HTTP */
    const char *word;  /* the reason's, or this style's own */
    const char *error; /* one sentence */
} cloudep_account_refusal_t;

/**
 * The refusal of a reason at an operation; operation NULL: at no operation of ours.
 * @param p where the sentence is made
 * @param language of the sentence, BCP 47; NULL, or one without sentences: English
 */
cloudep_account_refusal_t cloudep_account_refusal(apr_pool_t *p, const cloudep_operation_t *operation,
                                                  cloudep_reason_e reason, const char *language);

/** The body of a refusal, for requests that no operation serves. NULL: it could not be made. */
const char *cloudep_account_refusal_text(apr_pool_t *p, const cloudep_account_refusal_t *refusal);

/** Answers with the tokens of a session. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_account_tokens(cloudep_call_t *call, const cloudep_session_t *session);

/** Answers with a challenge; expires_in in seconds. */
CLOUDEP_DECLARE(void) cloudep_account_challenge(cloudep_call_t *call, const char *challenge_id, apr_int64_t expires_in);

/** Answers with a sentence, where the outcome is DONE. @return the outcome */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_account_message(cloudep_call_t *call, cloudep_outcome_t outcome, const char *message);

#endif
