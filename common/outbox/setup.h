/*
 * setup.h - what is made of a server's mail and SMS directives at start; without httpd's headers.
 */
#ifndef CLOUDEP_OUTBOX_SETUP_H
#define CLOUDEP_OUTBOX_SETUP_H

/* Immutable. A channel that is not configured has no setup. */
typedef struct cloudep_outbox_setup_t {
    const char *name; /* CloudEPOutbox; NULL: the main server's */
    const struct cloudep_mail_setup_t *mail;
    const struct cloudep_messages_t *mail_messages;
    const struct cloudep_sms_setup_t *sms;
    const struct cloudep_messages_t *sms_messages;
} cloudep_outbox_setup_t;

#endif
