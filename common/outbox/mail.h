/*
 * mail.h - hands a mail to an SMTP server, or puts it into the spool folder.
 */
#ifndef CLOUDEP_MAIL_H
#define CLOUDEP_MAIL_H

#include "base/text/mime.h"
#include "core/config.h"
#include "core/http.h"
#include "outbox/verdict.h"

/* How a server sends mail; immutable. */
typedef struct cloudep_mail_setup_t cloudep_mail_setup_t;

/* One thread's way to the SMTP server; keeps its connection while more is to come. */
typedef struct cloudep_mailer_t cloudep_mailer_t;

/**
 * Checks the mail directives of a server and reads the password. CLOUDEP_EUNSET: no transport is set. On other failures
 * *error is a sentence that names the directive.
 */
apr_status_t cloudep_mail_prepare(const cloudep_mail_setup_t **setup, apr_pool_t *pconf, const server_rec *s,
                                  const cloudep_config_t *config, const char **error);

/** The name that the server's EHLO gives; NULL: its mails go to a folder. */
const char *cloudep_mail_hello(const cloudep_mail_setup_t *setup);

/**
 * Makes the way, in a child. setup must outlive pool.
 * @param error on failure a sentence for the operator
 */
apr_status_t cloudep_mailer_create(cloudep_mailer_t **mailer, apr_pool_t *pool, const cloudep_mail_setup_t *setup,
                                   cloudep_http_t *http, const char **error);

/**
 * Sends one mail; from is set by this. p is for scratch and *error.
 * @param more  another one follows at once: keep the connection
 * @param stop  the same at each call; a transfer ends soon after it (atomic) becomes non-zero
 * @param error  unless sent: why, for the operator; never an address, a secret or the server's words
 */
cloudep_verdict_e cloudep_mailer_send(cloudep_mailer_t *mailer, apr_pool_t *p, const cloudep_mail_t *mail, int more,
                                      apr_uint32_t *stop, const char **error);

/**
 * Whether mails could go: logs in at the server, or looks at the folder, without sending anything.
 * @param said  a sentence for the operator, from p, either way
 */
apr_status_t cloudep_mail_check(const cloudep_mail_setup_t *setup, apr_pool_t *p, const char **said);

/** Nothing follows for now: ends a connection that was kept for more. */
void cloudep_mailer_disconnect(cloudep_mailer_t *mailer);

#endif
