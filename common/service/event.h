/*
 * event.h - what happened: one line in the error log at once, and a row of the events table a moment later.
 *
 * Failures of whoever has proved nothing can be had by the thousand. Of those with the same tenant, network, operation
 * and reason the first is written like that, and the ones that follow are counted: once a second one line and one row
 * tell their number, until a second goes by without any. A guess at an account's credential is counted for that account
 * apart. Beyond 10000 of those keys in a child, networks are counted together.
 */
#ifndef CLOUDEP_EVENT_H
#define CLOUDEP_EVENT_H

#include "core/context.h"

/**
 * Writes down how an operation ended, about whom the context's note says.
 * @param name    the operation's, e.g. "auth.password.reset"
 * @param outcome what became of it; its reason is in the event
 * @param code    what the client was told, in the words of its API style
 * @param proven  whether the client has proved who it is by its session
 */
void cloudep_event(const cloudep_context_t *ctx, const char *name, cloudep_outcome_t outcome, const char *code,
                   int proven);

/** Starts the threads of a child that store events and remove old ones. */
void cloudep_event_start(struct server_rec *main_server, apr_pool_t *pchild);

#endif
