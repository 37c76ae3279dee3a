/*
 * message.h - a mail or text message on its way into the outbox.
 *
 * Templates and the members of params that they need (everything else is ignored):
 *
 *     registration, password_reset, reauthentication, login_code, business_email (mail)  code, minutes, tenant_name
 *     business_phone (SMS)                                 code, minutes, tenant_name
 *     registration_exists, password_changed, totp_enabled, totp_disabled, backup_codes_renewed, business_email_changed,
 *     business_phone_changed (mail)                        tenant_name; display_name if there is one
 *     totp_undone, email_undone, totp_reset, guesses_used_up (mail) the same
 *     email_change (mail), login_phone, login_sms (SMS)    code, minutes, tenant_name
 *     email_change_taken, email_changed, login_phone_changed, login_phone_removed, login_phone_taken, account_linked,
 *     account_unlinked, member_left (mail)                 tenant_name; display_name if there is one
 *     password_reset_link, password_forgot_link (mail)     tenant_name, link
 *     totp_enabled_undo, email_changed_undo (mail)         the same and link
 *     backup_code_used (mail)                              the same and remaining
 *     passkey_added, passkey_removed, passkey_copied (mail)    tenant_name, name; display_name if there is one
 *     passkey_added_undo (mail)                            the same and link
 *     passkey_undone (mail)                                tenant_name; display_name if there is one
 *     test (mail), of "cloudepctl mail test"               nothing, no params at all
 *
 * Texts or integers. Codes go to addresses that nobody has confirmed, so those templates have nothing in them that
 * a stranger could write.
 */
#ifndef CLOUDEP_MESSAGE_H
#define CLOUDEP_MESSAGE_H

#include <apr_tables.h>
#include "base/store/outbox_store.h"
#include "core/context.h"

/* A mail or text about to be written to the outbox. */
typedef struct cloudep_draft_t {
    const char *tenant_id;
    const char *uid;
    const char *channel;  /* CLOUDEP_CHANNEL_MAIL or CLOUDEP_CHANNEL_SMS */
    const char *target;   /* email address or E.164 number */
    const char *language; /* NULL: as the client of the context reads best, or the server's default */
    const char *template;
    const apr_table_t *params; /* what the template shows; it is sealed. NULL: it is found when the message is sent
                                  (outbox/request.h) */
    apr_int64_t lifetime;      /* seconds after which it is not sent any more */
} cloudep_draft_t;

/** Makes the message that the caller commits with CLOUDEP_SQL_ENQUEUE; from the context's pool. */
cloudep_outcome_t cloudep_message_new(cloudep_context_t *ctx, const cloudep_message_t **message,
                                      const cloudep_draft_t *draft);

/** Whose messages the context's server writes; NULL: the main server's. */
const char *cloudep_outbox_name(const cloudep_context_t *ctx);

/**
 * Has the delivery woken once the answer is out, after a message was committed. Not before: with concealed accounts a
 * delivery that takes the processor from its own answer would show in the time.
 */
static inline void cloudep_outbox_wake(cloudep_context_t *ctx)
{
    ctx->message_committed = 1;
}

#endif
