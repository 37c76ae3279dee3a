/*
 * liveness_store.h - whether sessions live, many of them in one statement.
 */
#ifndef CLOUDEP_LIVENESS_STORE_H
#define CLOUDEP_LIVENESS_STORE_H

#include "base/store/session_store.h"

/* A session that is asked about; all three are UUIDs. */
typedef struct cloudep_session_key_t {
    const char *tenant_id;
    const char *id;
    const char *uid;
    int attributes; /* whether the member's are wanted */
} cloudep_session_key_t;

typedef struct cloudep_session_state_t {
    int live;               /* the session goes on and its member is active; else the rest is not set */
    const char *amr;        /* space separated, RFC 8176 */
    const char *attributes; /* a JSON object; NULL: they were not asked for */
    cloudep_proofs_t proofs;
    cloudep_turn_t turn;
} cloudep_session_state_t;

/**
 * Looks n sessions up.
 * @param states n of them, filled in the order of keys; texts live in p
 * @return as cloudep_db_run
 */
apr_status_t cloudep_sessions_look_up(cloudep_session_state_t *states, apr_pool_t *p, cloudep_db_t *db,
                                      const cloudep_session_key_t *keys, int n);

#endif
