/*
 * handoff.h - a session that was opened on one host goes on on another one of ours.
 *
 * The login page's host makes a code for a session, an address on the other host and the browser that was sent from
 * there. The other host takes it up, once, within half a minute, for that address and that browser only.
 */
#ifndef CLOUDEP_FLOW_HANDOFF_H
#define CLOUDEP_FLOW_HANDOFF_H

#include "core/context.h"
#include "core/principal.h"

/* What a code is for. */
typedef struct cloudep_handoff_t {
    const char *origin; /* "https://host[:port]" */
    const char *path;   /* "/..." there */
    const char *enter;  /* the digest of the cookie that the browser has there (access/entry_cookie.h) */
} cloudep_handoff_t;

/** Makes a code. TOKEN_MISSING: whoever asks has no session (development headers). */
cloudep_outcome_t cloudep_hand_over(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_handoff_t *in,
                                    const char **code);

/* A code that comes back. */
typedef struct cloudep_entry_t {
    const char *code;
    const char *origin; /* where it came to */
    const char *enter;  /* the digest of the browser's cookie there; NULL: it has none */
} cloudep_entry_t;

/* Whose session it was. */
typedef struct cloudep_entered_t {
    const char *tenant_id;
    const char *session_id;
    const char *uid;
    const char *path; /* where the browser wanted to go */
} cloudep_entered_t;

/** Takes a code up. CHALLENGE_GONE: it was used, is too old, or is of another host or browser, or its session is over.
 */
cloudep_outcome_t cloudep_take_over(cloudep_context_t *ctx, const cloudep_entry_t *in, cloudep_entered_t *out);

#endif
