/*
 * activity.h - when sessions were last seen, for their members' lists; and those that a cookie speaks for live on while
 * they are used, as a refresh token keeps the others alive.
 *
 * A request only notes its session in the child; a thread writes what was noted in one statement, at most a minute
 * later, and once more when the child ends. A child that is killed loses that minute.
 */
#ifndef CLOUDEP_ACTIVITY_H
#define CLOUDEP_ACTIVITY_H

#include "base/store/session_store.h"
#include "core/context.h"

struct server_rec;

typedef struct cloudep_activity_t cloudep_activity_t;

/**
 * Notes that a live session was used by the request.
 * @param turn of one that a cookie speaks for, whose idle life goes on; NULL: a token does
 */
void cloudep_activity_note(cloudep_context_t *ctx, const char *tenant_id, const char *session_id,
                           const cloudep_turn_t *turn);

/** Starts the thread of a child, for each server that has a database. */
void cloudep_activity_start(struct server_rec *main_server, apr_pool_t *pchild);

#endif
