/*
 * outbox_private.h - what the files of the outbox share.
 */
#ifndef CLOUDEP_OUTBOX_PRIVATE_H
#define CLOUDEP_OUTBOX_PRIVATE_H

#include "base/store/outbox_store.h"
#include "outbox/mail.h"
#include "outbox/messages.h"
#include "outbox/outbox.h"
#include "outbox/sms.h"

/* A channel that is not configured has no setup. */
struct cloudep_outbox_setup_t {
    const cloudep_mail_setup_t *mail;
    const cloudep_messages_t *mail_messages;
    const cloudep_sms_setup_t *sms;
    const cloudep_messages_t *sms_messages;
};

/** Wakes the threads of a child. outbox may be NULL. */
void cloudep_delivery_wake(cloudep_outbox_t *outbox);

#endif
