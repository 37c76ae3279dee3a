/*
 * mime.h - a mail as bytes (RFC 5322, 2045, 2047, 3834).
 *
 * libcurl's own MIME writer only writes into a transfer, and the spool folder needs the same bytes, so the little
 * that is needed is here: text and HTML as multipart/alternative, UTF-8 in quoted-printable.
 */
#ifndef CLOUDEP_MIME_H
#define CLOUDEP_MIME_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/status.h"

/* A mailbox as in "CloudEP <no-reply@example.org>". */
typedef struct cloudep_mailbox_t {
    const char *name; /* or NULL */
    const char *address;
} cloudep_mailbox_t;

typedef struct cloudep_mail_t {
    cloudep_mailbox_t from;
    const char *to; /* address */
    const char *subject;
    const char *text;
    const char *html;     /* or NULL: text only */
    const char *language; /* BCP 47, or NULL */
    const char *id;       /* stands in the Message-ID; the same for every try of one mail */
    apr_time_t date;
} cloudep_mail_t;

/** Reads "address", "Name <address>" or "\"Name\" <address>". CLOUDEP_EMALFORMED: none of these. */
apr_status_t cloudep_mailbox_parse(cloudep_mailbox_t *mailbox, apr_pool_t *pool, const char *text);

/** Whether text may stand between the angle brackets of an SMTP command: ASCII, one @, nothing that ends it early. */
int cloudep_is_mail_address(const char *text);

/**
 * Writes a mail with CRLF line ends; no line is longer than 78 characters but for an address that is. Nothing in
 * it can start a header of its own: CLOUDEP_EDATA when an address, name, subject, language or id holds a control
 * character, or a text is not UTF-8.
 */
apr_status_t cloudep_mime_compose(const char **message, apr_size_t *len, apr_pool_t *pool, const cloudep_mail_t *mail);

#endif
