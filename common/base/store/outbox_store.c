/*
 * outbox_store.c - claims messages and writes down what became of them.
 *
 * All times are the database's: nodes need not agree on the hour. A row is due while it is neither delivered nor
 * failed; a lease only moves its next attempt into the future, so a node that dies gives its rows back by that.
 */
#include "base/store/outbox_store.h"

#include <apr_strings.h>

/* clang-format off */

static const cloudep_statement_t enqueue = {
    .label = "outbox_enqueue",
    .sql =
        "WITH source AS ("
        "    SELECT %s::uuid AS tenant_id, %s::uuid AS uid"
        ") "
        CLOUDEP_SQL_ENQUEUE("source"),
    .parameters = 2 + CLOUDEP_ENQUEUE_PARAMETERS,
};

/* Whoever wrote a row was there then, so its own age counts as a sign of life of its name. */
static const cloudep_statement_t claim = {
    .label = "outbox_claim",
    .sql =
        "WITH due AS ("
        "    SELECT o.tenant_id, o.id, o.next_attempt_at AS due_at, o.expires_at <= now() AS late"
        "      FROM cloudep.outbox o"
        "     WHERE o.delivered_at IS NULL"
        "       AND o.failed_at IS NULL"
        "       AND o.next_attempt_at <= now()"
        "       AND (o.expires_at <= now()"
        "            OR (o.channel = %s"
        "                AND (o.outbox = %s"
        "                     OR (%s::boolean"
        "                         AND (o.outbox IS NULL"
        "                              OR (o.created_at < now() - interval '5 minutes'"
        "                                  AND NOT EXISTS ("
        "                                      SELECT FROM cloudep.outbox_workers w"
        "                                       WHERE w.name = o.outbox"
        "                                         AND w.seen_at >= now() - interval '5 minutes')))))))"
        "     ORDER BY o.next_attempt_at"
        "     LIMIT %s::integer"
        "       FOR UPDATE OF o SKIP LOCKED"
        "), "
        "leased AS ("
        "    UPDATE cloudep.outbox o"
        "       SET attempts = o.attempts + CASE WHEN due.late THEN 0 ELSE 1 END,"
        "           next_attempt_at = now() + %s::integer * interval '1 second',"
        "           failed_at = CASE WHEN due.late THEN now() END,"
        "           params = CASE WHEN due.late THEN NULL ELSE o.params END,"
        "           last_error = CASE WHEN due.late THEN coalesce('expired; ' || o.last_error, 'expired')"
        "                             ELSE o.last_error END"
        "      FROM due"
        "     WHERE o.tenant_id = due.tenant_id"
        "       AND o.id = due.id"
        " RETURNING o.*, due.due_at, due.late"
        ") "
        "SELECT tenant_id, id, channel, target, language, template, params, attempts, late,"
        "       floor(extract(epoch FROM created_at))::bigint"
        "  FROM leased"
        " ORDER BY due_at",
    .parameters = 5,
};

static const cloudep_statement_t delivered = {
    .label = "outbox_delivered",
    .sql =
        "UPDATE cloudep.outbox"
        "   SET delivered_at = now(), params = NULL, last_error = NULL"
        " WHERE tenant_id = %s::uuid"
        "   AND id = %s::uuid"
        "   AND delivered_at IS NULL",
    .parameters = 2,
    .repeatable = 1,
};

static const cloudep_statement_t retry = {
    .label = "outbox_retry",
    .sql =
        "UPDATE cloudep.outbox"
        "   SET last_error = %s,"
        "       next_attempt_at = least(expires_at,"
        "                               now() + interval '1 second'"
        "                                     * least(900, (5 + random()) * 2 ^ least(greatest(attempts - 1, 0), 8)))"
        " WHERE tenant_id = %s::uuid"
        "   AND id = %s::uuid"
        "   AND delivered_at IS NULL"
        "   AND failed_at IS NULL",
    .parameters = 3,
    .repeatable = 1,
};

static const cloudep_statement_t give_up = {
    .label = "outbox_give_up",
    .sql =
        "UPDATE cloudep.outbox"
        "   SET failed_at = now(), params = NULL, last_error = %s"
        " WHERE tenant_id = %s::uuid"
        "   AND id = %s::uuid"
        "   AND delivered_at IS NULL"
        "   AND failed_at IS NULL",
    .parameters = 3,
    .repeatable = 1,
};

/* Not repeatable: a second time would forget a second attempt. */
static const cloudep_statement_t release = {
    .label = "outbox_release",
    .sql =
        "UPDATE cloudep.outbox"
        "   SET next_attempt_at = now(), attempts = greatest(attempts - 1, 0)"
        " WHERE tenant_id = %s::uuid"
        "   AND id = %s::uuid"
        "   AND delivered_at IS NULL"
        "   AND failed_at IS NULL",
    .parameters = 2,
};

/* Every child says so: one write in half a minute is enough. */
static const cloudep_statement_t seen = {
    .label = "outbox_seen",
    .sql =
        "INSERT INTO cloudep.outbox_workers AS w (name) VALUES (%s) "
        "ON CONFLICT (name) DO UPDATE SET seen_at = now()"
        " WHERE w.seen_at < now() - interval '30 seconds'",
    .parameters = 1,
    .repeatable = 1,
};

/* clang-format on */

apr_status_t cloudep_outbox_enqueue(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message)
{
    const char *args[] = {message->tenant_id, message->uid, CLOUDEP_ENQUEUE_ARGS(message)};

    return cloudep_db_run(db, p, NULL, &enqueue, args);
}

const char *cloudep_outbox_aad(apr_pool_t *p, const char *tenant_id, const char *target, const char *template)
{
    return apr_pstrcat(p, "outbox:", tenant_id, ":", target, ":", template, NULL);
}

apr_status_t cloudep_outbox_claim(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **rows,
                                  const cloudep_outbox_share_t *share, int limit)
{
    cloudep_rows_t *found;
    const char *args[] = {share->channel, share->name, share->is_main ? "true" : "false", apr_itoa(p, limit),
                          apr_itoa(p, CLOUDEP_OUTBOX_LEASE)};
    apr_status_t rv = cloudep_db_run(db, p, &found, &claim, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *rows = apr_array_make(p, found->count, sizeof(cloudep_outbox_row_t));
    for (int i = 0; i < found->count; i++) {
        cloudep_outbox_row_t *row = apr_array_push(*rows);

        row->tenant_id = cloudep_cell(found, i, 0);
        row->id = cloudep_cell(found, i, 1);
        row->channel = cloudep_cell(found, i, 2);
        row->target = cloudep_cell(found, i, 3);
        row->language = cloudep_cell(found, i, 4);
        row->template = cloudep_cell(found, i, 5);
        row->params = cloudep_cell(found, i, 6);
        row->attempts = (int)apr_atoi64(cloudep_cell(found, i, 7));
        row->expired = *cloudep_cell(found, i, 8) == 't';
        row->created_at = apr_time_from_sec(apr_atoi64(cloudep_cell(found, i, 9)));
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_outbox_delivered(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id)
{
    return cloudep_db_run(db, p, NULL, &delivered, (const char *const[]){tenant_id, id});
}

apr_status_t cloudep_outbox_retry(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                  const char *error)
{
    return cloudep_db_run(db, p, NULL, &retry, (const char *const[]){error, tenant_id, id});
}

apr_status_t cloudep_outbox_give_up(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id,
                                    const char *error)
{
    return cloudep_db_run(db, p, NULL, &give_up, (const char *const[]){error, tenant_id, id});
}

apr_status_t cloudep_outbox_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *id)
{
    return cloudep_db_run(db, p, NULL, &release, (const char *const[]){tenant_id, id});
}

apr_status_t cloudep_outbox_seen(cloudep_db_t *db, apr_pool_t *p, const char *name)
{
    return cloudep_db_run(db, p, NULL, &seen, (const char *const[]){name});
}
