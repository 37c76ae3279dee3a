/*
 * own_sessions.h - a member's sessions: listed, and ended.
 */
#ifndef CLOUDEP_OWN_SESSIONS_H
#define CLOUDEP_OWN_SESSIONS_H

#include "base/store/own_session_store.h"
#include "core/context.h"
#include "core/principal.h"
#include "flow/page.h"

typedef struct cloudep_own_sessions_t {
    const apr_array_header_t *sessions; /* of cloudep_own_session_t, the newest first */
    const char *next;                   /* cursor of the next page; NULL: there is none */
} cloudep_own_sessions_t;

/** The live sessions of who asks. FIELD_INVALID (limit, cursor of the page). */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_list_sessions(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_page_t *in,
                      cloudep_own_sessions_t *out);

typedef struct cloudep_session_id_t {
    const char *id;
} cloudep_session_id_t;

/** Ends one session of who asks, which may be the one that asks. SESSION_UNKNOWN: it is over, or not theirs. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_end_session(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_session_id_t *in);

/**
 * Ends all sessions of who asks but the one that asks, also those that are being opened. *ended: how many.
 * TOKEN_MISSING: there is no session that asks; TOKEN_INVALID: it ended meanwhile, and nothing was done.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_end_other_sessions(cloudep_context_t *ctx, const cloudep_principal_t *who, int *ended);

#endif
