/*
 * outbox.h - from a committed row of the outbox to a mail or SMS that is on its way.
 *
 * In each child process one thread for each channel of each server delivers: woken by the request that committed a
 * message, and every two seconds for what others left. Any node may deliver a message, by a server of the same
 * CloudEPOutbox.
 */
#ifndef CLOUDEP_OUTBOX_H
#define CLOUDEP_OUTBOX_H

#include <httpd.h>
#include "core/settings.h"

/* The delivery threads of one child process. */
typedef struct cloudep_outbox_t cloudep_outbox_t;

/**
 * The prepare step of parts.h: reads the templates and checks the transports of a server. config->run->outbox_setup
 * stays NULL when the server has neither a mail nor an SMS transport.
 */
apr_status_t cloudep_outbox_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

/**
 * Whether servers of one CloudEPOutbox send alike; call it when all are prepared. CLOUDEP_ECONFLICT: not so, *error is
 * a sentence that names both.
 */
apr_status_t cloudep_outbox_check_names(apr_pool_t *p, const server_rec *main_server, const char **error);

/** Logs how a server sends its mails, where that is not in the configuration: under which name it greets. */
void cloudep_outbox_tell(const server_rec *s);

/** Whether that channel can be delivered. */
int cloudep_outbox_has_mail(const cloudep_config_t *config);
int cloudep_outbox_has_sms(const cloudep_config_t *config);

/* As members of cloudep_part_t. */
apr_status_t cloudep_outbox_check_mail(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said);
apr_status_t cloudep_outbox_check_sms(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said);

/**
 * Starts the delivery threads for the servers that have a database, a sealing key and a transport, and tells their
 * runtimes of them. They end with pchild, as background.h says.
 */
apr_status_t cloudep_outbox_child_init(server_rec *main_server, apr_pool_t *pchild);

/** The log_transaction hook: wakes the delivery for a request whose flow has committed a message. */
int cloudep_outbox_after_answer(request_rec *r);

#endif
