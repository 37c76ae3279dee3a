/*
 * event.h - what happened: one line in the error log at once, and a row of the events table a moment later.
 */
#ifndef CLOUDEP_EVENT_H
#define CLOUDEP_EVENT_H

#include "core/context.h"

/**
 * Writes down how an operation ended, about whom the context's note says.
 * @param name    the operation's, e.g. "auth.password.reset"
 * @param outcome what became of it; its reason is in the event
 * @param code    what the client was told, in the words of its API style
 */
void cloudep_event(const cloudep_context_t *ctx, const char *name, cloudep_outcome_t outcome, const char *code);

/** Starts the threads of a child that store events and remove old ones. */
void cloudep_event_start(struct server_rec *main_server, apr_pool_t *pchild);

#endif
