/*
 * outbox.h - from a committed row of the outbox to a mail or SMS that is on its way.
 *
 * In each child process one thread for each channel of each server delivers: woken by the request that committed a
 * message, and every two seconds for what others left. Any node may deliver a message, by a server of the same
 * CloudEPOutbox.
 *
 * Templates and the members of params that they need (everything else is ignored):
 *
 *     registration, password_reset, business_email (mail)  code, minutes, tenant_name
 *     business_phone (SMS)                                 code, minutes, tenant_name
 *     registration_exists, password_changed, totp_enabled, totp_disabled, backup_codes_renewed, business_email_changed,
 *     business_phone_changed (mail)                        tenant_name; display_name if there is one
 *     backup_code_used (mail)                              tenant_name, remaining; display_name if there is one
 *     test (mail)                                          nothing, no params at all
 *
 * Texts or integers. Codes go to addresses that nobody has confirmed, so those templates have nothing in them that
 * a stranger could write.
 */
#ifndef CLOUDEP_OUTBOX_H
#define CLOUDEP_OUTBOX_H

#include <httpd.h>
#include "base/store/outbox_store.h"
#include "core/cloudep.h"

/* The templates and transports of one server; immutable. */
typedef struct cloudep_outbox_setup_t cloudep_outbox_setup_t;

/* The delivery threads of one child process. */
typedef struct cloudep_outbox_t cloudep_outbox_t;

/**
 * Reads the templates and checks the transports of a server, in post_config (also on the dry run).
 * *setup: NULL when the server has neither a mail nor an SMS transport. CLOUDEP_EMALFORMED and other failures: *error
 * is a sentence for the operator.
 */
apr_status_t cloudep_outbox_prepare(const cloudep_outbox_setup_t **setup, apr_pool_t *pconf, const server_rec *s,
                                    const cloudep_config_t *config, const char **error);

/**
 * Whether servers of one CloudEPOutbox send alike; call it when all are prepared. CLOUDEP_ECONFLICT: not so, *error is
 * a sentence that names both.
 */
apr_status_t cloudep_outbox_check_names(apr_pool_t *p, const server_rec *main_server, const char **error);

/** Logs how a server sends its mails, where that is not in the configuration: under which name it greets. */
void cloudep_outbox_tell(const server_rec *s, const cloudep_outbox_setup_t *setup);

/** Whether that channel can be delivered. setup may be NULL. */
int cloudep_outbox_has_mail(const cloudep_outbox_setup_t *setup);
int cloudep_outbox_has_sms(const cloudep_outbox_setup_t *setup);

/**
 * Starts the delivery threads for the servers that have a database, a sealing key and a transport, and tells their
 * runtimes of them. They are stopped, within about two seconds, when pchild goes.
 */
apr_status_t cloudep_outbox_child_init(server_rec *main_server, apr_pool_t *pchild);

/** The log_transaction hook: wakes the delivery for a request whose flow called cloudep_outbox_wake(). */
int cloudep_outbox_after_answer(request_rec *r);

#endif
