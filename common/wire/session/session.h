/*
 * session.h - the API style "session": cookies; 204, or 200 with a bare object; refusals {"message", "reason"}.
 */
#ifndef CLOUDEP_SESSION_STYLE_H
#define CLOUDEP_SESSION_STYLE_H

#include "base/store/session_store.h"
#include "wire/wire.h"

extern CLOUDEP_DECLARE(const cloudep_style_t) cloudep_session_style;

/** Answers 204 where the outcome is DONE. @return the outcome */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_session_nothing(cloudep_call_t *call, cloudep_outcome_t outcome);

/** Answers a login: 204 with the session cookie. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_session_enter(cloudep_call_t *call, const cloudep_session_t *session);

/** The body of a refusal, for requests that no operation serves. NULL: it could not be made. */
const char *cloudep_session_refusal_text(apr_pool_t *p, int status, cloudep_reason_e reason, const char *message);

/* What a browser has under way. A word of its own for each in the pending cookie. */
#define CLOUDEP_PENDING_LOGIN "login"
#define CLOUDEP_PENDING_SMS "sms"
#define CLOUDEP_PENDING_RESET "reset"
#define CLOUDEP_PENDING_PROOF "proof"
#define CLOUDEP_PENDING_EMAIL "email"
#define CLOUDEP_PENDING_PHONE "phone"

/** The challenge that a browser has under way; NULL: none. It says nothing of whose it is. */
CLOUDEP_DECLARE(const char *) cloudep_pending(cloudep_call_t *call, const char *what);

/** Notes it in the pending cookie, beside what else is under way; id NULL: it is over. */
CLOUDEP_DECLARE(void) cloudep_pending_set(cloudep_call_t *call, const char *what, const char *id);

#endif
