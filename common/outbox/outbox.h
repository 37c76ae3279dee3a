/*
 * outbox.h - from a committed row of the outbox to a mail or SMS that is on its way.
 *
 * One thread a channel in each child process delivers: woken by the request that committed a message, and every two
 * seconds for what others left. Any node may deliver any message.
 */
#ifndef CLOUDEP_OUTBOX_H
#define CLOUDEP_OUTBOX_H

#include <httpd.h>
#include "core/settings.h"

/* The templates and transports of one server; immutable. */
typedef struct cloudep_outbox_setup_t cloudep_outbox_setup_t;

/* The delivery threads of one child process. */
typedef struct cloudep_outbox_t cloudep_outbox_t;

/**
 * Reads the templates and checks the transports of a server, in post_config (also on the dry run).
 * *setup: NULL when the server has neither a mail nor an SMS transport. CLOUDEP_EMALFORMED and other failures: *error
 * is a sentence for the operator.
 */
apr_status_t cloudep_outbox_prepare(const cloudep_outbox_setup_t **setup, apr_pool_t *pconf,
                                    const cloudep_config_t *config, const char **error);

/** Whether that channel can be delivered. setup may be NULL. */
int cloudep_outbox_has_mail(const cloudep_outbox_setup_t *setup);
int cloudep_outbox_has_sms(const cloudep_outbox_setup_t *setup);

/**
 * Starts the delivery threads for the servers that have a database, a sealing key and a transport, and tells their
 * runtimes of them. They are stopped, within about two seconds, when pchild goes.
 */
apr_status_t cloudep_outbox_child_init(server_rec *main_server, apr_pool_t *pchild);

/** The log_transaction hook: wakes the delivery for a request whose flow has committed a message. */
int cloudep_outbox_after_answer(request_rec *r);

#endif
