/*
 * outbox_private.h - what the files of the outbox share: a worker that goes by a server's setup.
 */
#ifndef CLOUDEP_OUTBOX_PRIVATE_H
#define CLOUDEP_OUTBOX_PRIVATE_H

#include "base/store/outbox_store.h"
#include "outbox/mail.h"
#include "outbox/messages.h"
#include "outbox/outbox.h"
#include "outbox/setup.h"
#include "outbox/sms.h"
#include "outbox/verdict.h"

/* What one thread delivers: one channel of one server, or of several with equal settings. */
typedef struct cloudep_worker_t {
    server_rec *s;
    const cloudep_config_t *config;
    cloudep_outbox_share_t share;
    cloudep_mailer_t *mailer;     /* mail only */
    apr_uint32_t *stop;           /* atomic: the child ends; set before a round */
    apr_array_header_t *unmarked; /* messages that were sent, whose rows do not know it yet */
    apr_time_t not_before;        /* the next round */
    apr_time_t seen_at;           /* when the database was last told that this worker is there */
    apr_interval_time_t rest;     /* 0: the mail server or gateway could be used last time */
    apr_interval_time_t db_wait;  /* 0: the database could */
} cloudep_worker_t;

/** One try at one message. *error: why it was not sent, for the operator, from p. */
cloudep_verdict_e cloudep_attempt(const cloudep_worker_t *worker, apr_pool_t *p, const cloudep_outbox_row_t *row,
                                  int more, const char **error);

/** A worker for that channel, whose round comes next; unmarked lives in pool. */
void cloudep_worker_init(cloudep_worker_t *worker, apr_pool_t *pool, server_rec *s, const cloudep_config_t *config,
                         const char *channel);

/** One round: what is due is leased, tried and marked. p is for scratch. Returns whether there may be more at once. */
int cloudep_worker_round(cloudep_worker_t *worker, apr_pool_t *p);

/** Marks what was sent and could not be marked before; the worker's last act, too. */
apr_status_t cloudep_worker_mark(cloudep_worker_t *worker, apr_pool_t *p);

/** Wakes the threads that deliver for a server. outbox may be NULL. */
void cloudep_delivery_wake(cloudep_outbox_t *outbox, const cloudep_config_t *config);

#endif
