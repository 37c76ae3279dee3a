/*
 * smtp.h - one mail to an SMTP server (RFC 5321, 3207, 4954), by libcurl.
 */
#ifndef CLOUDEP_SMTP_H
#define CLOUDEP_SMTP_H

#include "core/http.h"
#include "outbox/verdict.h"

/* Which server, and how; immutable. */
typedef struct cloudep_smtp_setup_t {
    const char *url;    /* its path is the name for EHLO */
    const char *server; /* host:port, for errors */
    const char *hello;  /* the name for EHLO */
    const char *sender; /* address for MAIL FROM */
    const char *user;   /* or NULL: no login */
    const char *password;
    const char *login_options; /* libcurl's: the mechanisms that the login may use */
    const char *mechanisms;    /* the same, for errors */
    const char *ca_file;       /* PEM; NULL: the system's */
    long use_ssl;              /* CURLUSESSL_... */
} cloudep_smtp_setup_t;

/* One thread's session with the server. */
typedef struct cloudep_smtp_t cloudep_smtp_t;

/** A session, not connected yet; ended with pool. setup and http must outlive pool. */
cloudep_smtp_t *cloudep_smtp_create(apr_pool_t *pool, const cloudep_smtp_setup_t *setup, cloudep_http_t *http);

/**
 * Sends one mail, connecting first where there is no connection.
 * @param to     address
 * @param mail   the whole mail, CRLF at line ends
 * @param more   another mail follows at once: keep the connection
 * @param stop   the same at each call; a transfer ends soon after it (atomic) becomes non-zero
 * @param error  unless sent: server, stage and reply for the operator, from p; never an address, a secret or the
 *               server's words
 */
cloudep_verdict_e cloudep_smtp_send(cloudep_smtp_t *smtp, apr_pool_t *p, const char *to, const char *mail,
                                    apr_size_t len, int more, apr_uint32_t *stop, const char **error);

/**
 * Connects, greets, begins TLS and logs in as for a mail, and sends none.
 * @return whether the server was ready for a mail; error as above
 */
int cloudep_smtp_is_ready(cloudep_smtp_t *smtp, apr_pool_t *p, const char **error);

/** Ends the connection, if there is one. */
void cloudep_smtp_disconnect(cloudep_smtp_t *smtp);

#endif
