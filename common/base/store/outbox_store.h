/*
 * outbox_store.h - the table of mails and SMS to be sent.
 *
 * A message is enqueued by the same statement that makes true what it tells of, so neither can be there without the
 * other: put CLOUDEP_SQL_ENQUEUE into that statement. Afterwards a row is claimed for a while, and then marked
 * delivered, put off or given up. A row loses its params, which hold the code, at its end.
 */
#ifndef CLOUDEP_OUTBOX_STORE_H
#define CLOUDEP_OUTBOX_STORE_H

#include <apr_tables.h>
#include <apr_time.h>
#include "base/store/db.h"
#include "base/export.h"

#define CLOUDEP_CHANNEL_MAIL "mail"
#define CLOUDEP_CHANNEL_SMS "sms"

/* A message about to be enqueued. */
typedef struct cloudep_message_t {
    const char *tenant_id;
    const char *uid;      /* NULL: of no member */
    const char *channel;  /* NULL: there is no message, and nothing is enqueued */
    const char *target;   /* email address or E.164 number */
    const char *language; /* BCP 47, or NULL: the server's default */
    const char *template;
    const char *params;   /* sealed JSON object, see cloudep_outbox_aad() */
    const char *lifetime; /* seconds as decimal text: not sent later than this */
} cloudep_message_t;

/* For a statement with a CLOUDEP_SQL_ENQUEUE that is to enqueue nothing this time; lives as long as the block around
 * it. */
#define CLOUDEP_NO_MESSAGE (&(const cloudep_message_t){0})

/*
 * One message for each row of a CTE, or table, named source (a string literal) with the columns tenant_id and uid.
 * Returns the new ids. Takes CLOUDEP_ENQUEUE_PARAMETERS parameters:
 *
 *     "WITH changed AS (UPDATE ... RETURNING tenant_id, uid), "
 *     "mail AS (" CLOUDEP_SQL_ENQUEUE("changed") ") SELECT ... FROM changed"
 *     args = {..., CLOUDEP_ENQUEUE_ARGS(message)}
 */
#define CLOUDEP_SQL_ENQUEUE(source)                                                                                    \
    "INSERT INTO cloudep.outbox (tenant_id, uid, channel, target, language, template, params, expires_at) "            \
    "SELECT s.tenant_id, s.uid, m.channel, m.target, m.language, m.template, m.params, "                               \
    "now() + m.lifetime * interval '1 second' FROM " source " s, "                                                     \
    "(SELECT %s::text AS channel, %s::text AS target, %s::text AS language, %s::text AS template, "                    \
    "%s::text AS params, %s::integer AS lifetime) m WHERE m.channel IS NOT NULL RETURNING id"

#define CLOUDEP_ENQUEUE_PARAMETERS 6

/* The parameters of CLOUDEP_SQL_ENQUEUE in their order; m: a pointer to a cloudep_message_t. */
#define CLOUDEP_ENQUEUE_ARGS(m) (m)->channel, (m)->target, (m)->language, (m)->template, (m)->params, (m)->lifetime

/** Enqueues a message that belongs to no other change. Fails as cloudep_db_run() does. */
CLOUDEP_DECLARE(apr_status_t)
cloudep_outbox_enqueue(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message);

/** What the params of a message are sealed with: a record moved to another row does not open. Text from p. */
const char *cloudep_outbox_aad(apr_pool_t *p, const char *tenant_id, const char *target, const char *template);

/* A claimed row. */
typedef struct cloudep_outbox_row_t {
    const char *tenant_id;
    const char *id; /* UUID; the same for every try */
    const char *channel;
    const char *target;
    const char *language; /* or NULL */
    const char *template;
    const char *params;    /* sealed, or NULL */
    int attempts;          /* with this one */
    int expired;           /* its time was over: it has been given up, do not send it */
    apr_time_t created_at; /* by the database's clock */
} cloudep_outbox_row_t;

/* How long a claim holds, in seconds: longer than any try, as afterwards another node takes the message. */
#define CLOUDEP_OUTBOX_CLAIM 60

/**
 * Claims up to limit messages of one channel and any tenant that are due, oldest first. Nobody else gets them for
 * CLOUDEP_OUTBOX_CLAIM seconds. Those whose time is over come back as given up, whatever their channel.
 * @param rows  array of cloudep_outbox_row_t, maybe empty; from p
 */
apr_status_t cloudep_outbox_claim(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **rows, const char *channel,
                                  int limit);

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

/** Hands a claimed message back untried: it is due at once, and the attempt does not count. */
apr_status_t cloudep_outbox_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id);

#endif
