/*
 * outbox_store.c - claims messages and writes down what became of them.
 *
 * All times are the database's: nodes need not agree on the hour. A row is due while it is neither delivered nor
 * failed; a lease only moves its next attempt into the future, so a node that dies gives its rows back by that.
 */
#include "base/store/outbox_store.h"

#include <apr_strings.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

#define ROW(kind, name, sql) CLOUDEP_COLUMN(cloudep_outbox_row_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_OUTBOX_COLUMNS(ROW, ROW, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_outbox_row_t, columns);

enum { ENQUEUE, CLAIM, RECIPIENT, DELIVERED, RETRY, GIVE_UP, RELEASE, SEEN, WAITING };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [ENQUEUE] = {
        .label = "outbox_enqueue",
        .sql =
            "WITH recipient AS ("
            "  SELECT %s::uuid AS tenant_id, %s::uuid AS uid"
            ")"
            " " CLOUDEP_SQL_ENQUEUE("recipient"),
    },
    /* Whoever wrote a row was there then, so its own age counts as a sign of life of its name. */
    [CLAIM] = {
        .label = "outbox_claim",
        .sql =
            "WITH due AS ("
            "  SELECT message.tenant_id, message.id, message.next_attempt_at AS due_at,"
            "         message.expires_at <= now() AS late"
            "  FROM cloudep.outbox AS message"
            "  WHERE message.delivered_at IS NULL"
            "    AND message.failed_at IS NULL"
            "    AND message.next_attempt_at <= now()"
            "    AND (message.expires_at <= now()"
            "      OR (message.channel = %s"
            "        AND (message.outbox = %s"
            "          OR (%s::boolean"
            "            AND (message.outbox IS NULL"
            "              OR (message.created_at < now() - interval '5 minutes'"
            "                AND NOT EXISTS ("
            "                  SELECT FROM cloudep.outbox_workers AS worker"
            "                  WHERE worker.name = message.outbox"
            "                    AND worker.seen_at >= now() - interval '5 minutes')))))))"
            "  ORDER BY message.next_attempt_at"
            "  LIMIT %s::integer"
            "  FOR UPDATE OF message SKIP LOCKED"
            "), leased AS ("
            "  UPDATE cloudep.outbox AS message"
            "  SET attempts = message.attempts + CASE WHEN due.late THEN 0 ELSE 1 END,"
            "      next_attempt_at = now() + %s::interval,"
            "      failed_at = CASE WHEN due.late THEN now() END,"
            "      params = CASE WHEN due.late THEN NULL ELSE message.params END,"
            "      last_error = CASE WHEN due.late THEN coalesce('expired; ' || message.last_error, 'expired')"
            "                        ELSE message.last_error END"
            "  FROM due"
            "  WHERE message.tenant_id = due.tenant_id"
            "    AND message.id = due.id"
            "  RETURNING message.*, due.due_at, due.late"
            ")"
            " SELECT " CLOUDEP_OUTBOX_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "leased")
            " FROM leased"
            " ORDER BY leased.due_at",
    },
    [RECIPIENT] = {
        .label = "outbox_recipient",
        .sql =
            "SELECT member.uid, tenant.name, member.display_name"
            " FROM cloudep.outbox AS message"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = message.tenant_id"
            "   AND member.uid = message.uid"
            "   AND member.status IN ('active', 'suspended')"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = member.tenant_id"
            " WHERE message.tenant_id = %s::uuid"
            "   AND message.id = %s::uuid",
        .repeatable = 1,
    },
    [DELIVERED] = {
        .label = "outbox_delivered",
        .sql =
            "UPDATE cloudep.outbox"
            " SET delivered_at = now(), params = NULL, last_error = NULL"
            " WHERE tenant_id = %s::uuid"
            "   AND id = %s::uuid"
            "   AND delivered_at IS NULL",
        .repeatable = 1,
    },
    [RETRY] = {
        .label = "outbox_retry",
        .sql =
            "UPDATE cloudep.outbox"
            " SET last_error = %s,"
            "     next_attempt_at = least(expires_at, now() + interval '1 second'"
            "         * least(900, (5 + random()) * 2 ^ least(greatest(attempts - 1, 0), 8)))"
            " WHERE tenant_id = %s::uuid"
            "   AND id = %s::uuid"
            "   AND delivered_at IS NULL"
            "   AND failed_at IS NULL",
        .repeatable = 1,
    },
    [GIVE_UP] = {
        .label = "outbox_give_up",
        .sql =
            "UPDATE cloudep.outbox"
            " SET failed_at = now(), params = NULL, last_error = %s"
            " WHERE tenant_id = %s::uuid"
            "   AND id = %s::uuid"
            "   AND delivered_at IS NULL"
            "   AND failed_at IS NULL",
        .repeatable = 1,
    },
    /* Not repeatable: a second time would forget a second attempt. */
    [RELEASE] = {
        .label = "outbox_release",
        .sql =
            "UPDATE cloudep.outbox"
            " SET next_attempt_at = now(), attempts = greatest(attempts - 1, 0)"
            " WHERE tenant_id = %s::uuid"
            "   AND id = %s::uuid"
            "   AND delivered_at IS NULL"
            "   AND failed_at IS NULL",
    },
    /* Every child says so: one write in half a minute is enough. */
    [SEEN] = {
        .label = "outbox_seen",
        .sql =
            "INSERT INTO cloudep.outbox_workers AS worker (name)"
            " VALUES (%s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET seen_at = now()"
            " WHERE worker.seen_at < now() - interval '30 seconds'",
        .repeatable = 1,
    },
    /* A decoy's message is never sent. */
    [WAITING] = {
        .label = "outbox_waiting",
        .sql =
            "SELECT count(*), coalesce(floor(extract(epoch FROM now() - min(message.created_at))), 0)::bigint"
            " FROM cloudep.outbox AS message"
            " WHERE message.delivered_at IS NULL"
            "   AND message.failed_at IS NULL"
            "   AND (message.expires_at IS NULL OR message.expires_at > now())"
            "   AND message.channel = %s"
            "   AND message.target <> %s",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_outbox_statements = CLOUDEP_STATEMENT_LIST(statements);

void cloudep_message_args(cloudep_args_t *args, const cloudep_message_t *message)
{
    cloudep_arg(args, message->outbox);
    cloudep_arg(args, message->channel);
    cloudep_arg(args, message->target);
    cloudep_arg(args, message->language);
    cloudep_arg(args, message->template);
    cloudep_arg(args, message->params);
    cloudep_arg(args, message->lifetime);
    cloudep_arg(args, message->traceparent);
}

apr_status_t cloudep_outbox_enqueue(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(message->tenant_id, message->uid);

    cloudep_message_args(args, message);
    return cloudep_db_run(db, p, NULL, &statements[ENQUEUE], args);
}

const char *cloudep_outbox_aad(apr_pool_t *p, const char *tenant_id, const char *target, const char *template)
{
    return apr_pstrcat(p, "outbox:", tenant_id, ":", target, ":", template, NULL);
}

apr_status_t cloudep_outbox_claim(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **rows,
                                  const cloudep_outbox_share_t *share, int limit)
{
    return cloudep_record_list(rows, p, db, &record, &statements[CLAIM],
                               CLOUDEP_ARGS(share->channel, share->name, cloudep_arg_boolean(share->is_main),
                                            apr_itoa(p, limit), cloudep_arg_seconds(p, CLOUDEP_OUTBOX_LEASE)));
}

apr_status_t cloudep_outbox_seen(cloudep_db_t *db, apr_pool_t *p, const char *name)
{
    return cloudep_db_run(db, p, NULL, &statements[SEEN], CLOUDEP_ARGS(name));
}

apr_status_t cloudep_outbox_recipient(cloudep_db_t *db, apr_pool_t *p, cloudep_outbox_recipient_t *recipient,
                                      const char *tenant_id, const char *id)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[RECIPIENT], CLOUDEP_ARGS(tenant_id, id));

    if (rv == APR_SUCCESS) {
        recipient->uid = cloudep_cell(rows, 0, 0);
        recipient->tenant_name = cloudep_cell(rows, 0, 1);
        recipient->display_name = cloudep_cell(rows, 0, 2);
    }
    return rv;
}

apr_status_t cloudep_outbox_delivered(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id)
{
    return cloudep_db_run(db, p, NULL, &statements[DELIVERED], CLOUDEP_ARGS(tenant_id, id));
}

apr_status_t cloudep_outbox_retry(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                  const char *error)
{
    return cloudep_db_run(db, p, NULL, &statements[RETRY], CLOUDEP_ARGS(error, tenant_id, id));
}

apr_status_t cloudep_outbox_give_up(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                    const char *error)
{
    return cloudep_db_run(db, p, NULL, &statements[GIVE_UP], CLOUDEP_ARGS(error, tenant_id, id));
}

apr_status_t cloudep_outbox_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id)
{
    return cloudep_db_run(db, p, NULL, &statements[RELEASE], CLOUDEP_ARGS(tenant_id, id));
}

apr_status_t cloudep_outbox_waiting(cloudep_db_t *db, apr_pool_t *p, cloudep_outbox_waiting_t *waiting,
                                    const char *channel)
{
    cloudep_rows_t *rows;
    apr_status_t rv =
        cloudep_db_run_one(db, p, &rows, &statements[WAITING], CLOUDEP_ARGS(channel, CLOUDEP_DECOY_TARGET));

    if (rv == APR_SUCCESS) {
        waiting->messages = apr_atoi64(cloudep_cell(rows, 0, 0));
        waiting->oldest = apr_atoi64(cloudep_cell(rows, 0, 1));
    }
    return rv;
}
