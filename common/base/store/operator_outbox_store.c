/*
 * operator_outbox_store.c - the operator's statements on the outbox: what waits and why, again, and a test.
 */
#include <apr_strings.h>
#include "base/store/operator_store.h"
#include "base/store/outbox_store.h"
#include "base/store/statements.h"

#define MESSAGE(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_message_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_OPERATOR_MESSAGE_COLUMNS(MESSAGE, MESSAGE, "")};
const cloudep_record_t cloudep_operator_message_record = CLOUDEP_RECORD(cloudep_operator_message_t, columns);

enum { LIST, SHOW, RETRY, TEST, WORKERS };

/* clang-format off */

#define COLUMNS CLOUDEP_OPERATOR_MESSAGE_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "message")

static const cloudep_statement_t statements[] = {
    [LIST] = {
        .label = "operator_outbox_list",
        .sql =
            "SELECT " COLUMNS
            " FROM cloudep.outbox AS message"
            " WHERE (%s::boolean OR message.delivered_at IS NULL)"
            "   AND (%s IS NULL OR message.tenant_id = %s::uuid)"
            "   AND (%s IS NULL OR message.outbox = %s)"
            "   AND (%s IS NULL OR (message.created_at, message.id) < ("
            "     SELECT last.created_at, last.id"
            "     FROM cloudep.outbox AS last"
            "     WHERE last.id = %s::uuid))"
            " ORDER BY message.created_at DESC, message.id DESC"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [SHOW] = {
        .label = "operator_outbox_show",
        .sql =
            "SELECT " COLUMNS
            " FROM cloudep.outbox AS message"
            " WHERE message.id = %s::uuid",
        .repeatable = 1,
    },
    /* No lease reaches farther than its own length: what is due later is in nobody's hands. */
    [RETRY] = {
        .label = "operator_outbox_retry",
        .sql =
            "WITH hurried AS ("
            "  UPDATE cloudep.outbox AS message"
            "  SET next_attempt_at = now()"
            "  WHERE message.delivered_at IS NULL"
            "    AND message.failed_at IS NULL"
            "    AND message.next_attempt_at > now() + %s::interval"
            "    AND (message.id = %s::uuid OR %s::boolean)"
            "    AND (%s IS NULL OR message.outbox = %s)"
            "  RETURNING message.id"
            ")"
            " SELECT count(*) FROM hurried",
        .repeatable = 1,
    },
    [TEST] = {
        .label = "operator_outbox_test",
        .sql =
            "INSERT INTO cloudep.outbox AS message"
            " (tenant_id, outbox, channel, target, language, template, expires_at)"
            " VALUES ('00000000-0000-0000-0000-000000000000', %s, '" CLOUDEP_CHANNEL_MAIL "', %s, %s,"
            " '" CLOUDEP_TEMPLATE_TEST "', now() + interval '10 minutes')"
            " RETURNING " COLUMNS,
    },
    [WORKERS] = {
        .label = "operator_outbox_workers",
        .sql =
            "SELECT count(*)"
            " FROM cloudep.outbox_workers AS worker"
            " WHERE worker.name = %s"
            "   AND worker.seen_at >= now() - interval '5 minutes'",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_operator_outbox_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_operator_outbox_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                          const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_message_record, &statements[LIST],
                               CLOUDEP_ARGS(cloudep_arg_boolean(filter->over), filter->tenant_id, filter->tenant_id,
                                            filter->outbox, filter->outbox, filter->after, filter->after,
                                            apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_outbox_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_message_t *message,
                                          const char *id)
{
    return cloudep_record_one(message, p, db, &cloudep_operator_message_record, &statements[SHOW], CLOUDEP_ARGS(id));
}

apr_status_t cloudep_operator_outbox_retry(cloudep_db_t *db, apr_pool_t *p, int *count, const char *id, int all,
                                           const char *outbox)
{
    return cloudep_db_number(
        count, p, db, &statements[RETRY],
        CLOUDEP_ARGS(cloudep_arg_seconds(p, CLOUDEP_OUTBOX_LEASE), id, cloudep_arg_boolean(all), outbox, outbox));
}

apr_status_t cloudep_operator_outbox_test(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_message_t *message,
                                          const char *outbox, const char *target, const char *language)
{
    return cloudep_record_one(message, p, db, &cloudep_operator_message_record, &statements[TEST],
                              CLOUDEP_ARGS(outbox, target, language));
}

apr_status_t cloudep_operator_outbox_workers(cloudep_db_t *db, apr_pool_t *p, int *count, const char *outbox)
{
    return cloudep_db_number(count, p, db, &statements[WORKERS], CLOUDEP_ARGS(outbox));
}
