/*
 * outbox_store.h - the table of mails and SMS to be sent.
 *
 * A message is enqueued by the same statement that makes true what it tells of, so neither can be there without the
 * other: put CLOUDEP_SQL_ENQUEUE (sql.h) into that statement. Afterwards a row is leased to a worker for a while, and
 * then marked delivered, put off or given up. A row loses its params, which hold the code, at its end. Only workers of
 * the row's outbox send it, so that it goes out as the server that wrote it would have it.
 */
#ifndef CLOUDEP_OUTBOX_STORE_H
#define CLOUDEP_OUTBOX_STORE_H

#include <apr_tables.h>
#include "base/store/record.h"
#include "base/export.h"

#define CLOUDEP_CHANNEL_MAIL "mail"
#define CLOUDEP_CHANNEL_SMS "sms"
#define CLOUDEP_TEMPLATE_TEST "test"                        /* of "cloudepctl mail test"; has no params */
#define CLOUDEP_TEMPLATE_RESET_LINK "password_reset_link"   /* its link is made when it is sent */
#define CLOUDEP_TEMPLATE_FORGOT_LINK "password_forgot_link" /* the same; a member asked for it */
#define CLOUDEP_TEMPLATE_INVITATION "member_invitation"     /* the same; the operator added the member */
#define CLOUDEP_TEMPLATE_TOTP_RESET "totp_reset"
#define CLOUDEP_TEMPLATE_LOGIN_PHONE_TAKEN "login_phone_taken"
#define CLOUDEP_DECOY_TARGET "nobody@decoy.invalid" /* of messages to nobody, which expire unsent */

/* Bytes that the name of an outbox may have. */
#define CLOUDEP_OUTBOX_NAME_MAX 255

/* A message about to be enqueued. */
typedef struct cloudep_message_t {
    const char *tenant_id;
    const char *uid;      /* NULL: of no member */
    const char *outbox;   /* CloudEPOutbox of the server that writes it; NULL: the main server's */
    const char *channel;  /* NULL: there is no message, and nothing is enqueued */
    const char *target;   /* email address or E.164 number */
    const char *language; /* BCP 47, or NULL: the server's default */
    const char *template;
    const char *params;      /* sealed JSON object, see cloudep_outbox_aad() */
    const char *lifetime;    /* seconds as decimal text: not sent later than this */
    const char *traceparent; /* of the request that it is sent for; NULL: none */
} cloudep_message_t;

/* For a statement with a CLOUDEP_SQL_ENQUEUE that is to enqueue nothing this time; lives as long as the block around
 * it. */
#define CLOUDEP_NO_MESSAGE (&(const cloudep_message_t){0})

/** Enqueues a message that belongs to no other change. Fails as cloudep_db_run() does. */
apr_status_t cloudep_outbox_enqueue(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message);

/** What the params of a message are sealed with: a record moved to another row does not open. Text from p. */
const char *cloudep_outbox_aad(apr_pool_t *p, const char *tenant_id, const char *target, const char *template);

/* clang-format off */

/* A leased row. */
#define CLOUDEP_OUTBOX_COLUMNS(FIRST, NEXT, leased) \
    FIRST(TEXT, tenant_id, leased ".tenant_id") \
    NEXT(TEXT, id, leased ".id") /* UUID; the same for every try */ \
    NEXT(TEXT, channel, leased ".channel") \
    NEXT(TEXT, target, leased ".target") \
    NEXT(TEXT, language, leased ".language") /* or NULL */ \
    NEXT(TEXT, template, leased ".template") \
    NEXT(TEXT, params, leased ".params") /* sealed, or NULL */ \
    NEXT(INTEGER, attempts, leased ".attempts") /* with this one */ \
    NEXT(TEXT, traceparent, leased ".traceparent") /* or NULL */ \
    NEXT(BOOLEAN, expired, leased ".late") /* its time was over: it has been given up, do not send it */ \
    NEXT(NUMBER, created_at, CLOUDEP_SQL_SECONDS(leased ".created_at") " * 1000000") /* apr_time_t of whole seconds, \
        by the database's clock */

typedef struct cloudep_outbox_row_t {
    CLOUDEP_OUTBOX_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_outbox_row_t;

/* clang-format on */

/* How long a lease holds, in seconds: longer than any try, as afterwards another node takes the message. */
#define CLOUDEP_OUTBOX_LEASE 60

/* Which rows are a worker's. */
typedef struct cloudep_outbox_share_t {
    const char *channel;
    const char *name; /* CloudEPOutbox of its server, or NULL */
    int is_main;      /* the main server's: also those without a name, and those whose name no worker has written for
                         five minutes */
} cloudep_outbox_share_t;

/**
 * Leases up to limit messages of that share and any tenant that are due, oldest first. Nobody else gets
 * them for CLOUDEP_OUTBOX_LEASE seconds. Those whose time is over come back as given up, whosever they are.
 * @param rows  array of cloudep_outbox_row_t, maybe empty; from p
 */
apr_status_t cloudep_outbox_claim(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **rows,
                                  const cloudep_outbox_share_t *share, int limit);

/** Writes that a worker of that name is there; once a minute. */
apr_status_t cloudep_outbox_seen(cloudep_db_t *db, apr_pool_t *p, const char *name);

/* Whom a message is to, for one that has no params. */
typedef struct cloudep_outbox_recipient_t {
    const char *uid;
    const char *tenant_name;
    const char *display_name; /* or NULL */
} cloudep_outbox_recipient_t;

/** @return APR_NOTFOUND: it is of no member who is active or suspended; else as cloudep_db_run */
apr_status_t cloudep_outbox_recipient(cloudep_db_t *db, apr_pool_t *p, cloudep_outbox_recipient_t *recipient,
                                      const char *tenant_id, const char *id);

/** Marks a message as delivered, and erases its params. May be repeated. */
apr_status_t cloudep_outbox_delivered(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id);

/**
 * Puts a message off: 5 s, doubled with each attempt up to 15 min, with jitter; never beyond its expiry.
 * @param error  for the operator: why; no address, no secret
 */
apr_status_t cloudep_outbox_retry(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                  const char *error);

/** Gives a message up for good, and erases its params. */
apr_status_t cloudep_outbox_give_up(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                    const char *error);

/** Hands a leased message back untried: it is due at once, and the attempt does not count. */
apr_status_t cloudep_outbox_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id);

/* What waits in the outbox of a database, whichever server's it is. */
typedef struct cloudep_outbox_waiting_t {
    apr_int64_t messages;
    apr_int64_t oldest; /* how long the oldest has waited, in seconds; 0: there is none */
} cloudep_outbox_waiting_t;

/** What waits of a channel. */
apr_status_t cloudep_outbox_waiting(cloudep_db_t *db, apr_pool_t *p, cloudep_outbox_waiting_t *waiting,
                                    const char *channel);

#endif
