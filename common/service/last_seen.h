/*
 * last_seen.h - when sessions were last seen, for their members' lists.
 *
 * A request notes it in the child, which costs it nothing at the database; a thread of the child writes what was noted
 * once a minute. An orderly stop writes what is left; what a killed child has noted is lost, and nothing depends on it.
 */
#ifndef CLOUDEP_LAST_SEEN_H
#define CLOUDEP_LAST_SEEN_H

#include "core/context.h"

/** Notes that a session was seen now. Both ids are UUIDs. */
void cloudep_note_seen(const cloudep_context_t *ctx, const char *tenant_id, const char *session_id);

/** Starts the threads of a child that write what was noted. */
void cloudep_last_seen_start(struct server_rec *main_server, apr_pool_t *pchild);

#endif
