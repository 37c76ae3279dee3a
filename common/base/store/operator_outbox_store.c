/*
 * operator_outbox_store.c - the operator's statements on the outbox: what waits and why, again, and a test.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>
#include "base/store/outbox_store.h"

#define UTC CLOUDEP_OPERATOR_UTC

/* clang-format off */

#define STATE                                                                                                          \
    "CASE WHEN o.delivered_at IS NOT NULL THEN 'delivered'"                                                            \
    "     WHEN o.failed_at IS NOT NULL THEN 'given up'"                                                                \
    "     WHEN o.attempts = 0 THEN 'waiting'"                                                                          \
    "     ELSE 'put off'"                                                                                              \
    " END"

#define ROW                                                                                                            \
    "json_build_object("                                                                                               \
    "    'id', o.id,"                                                                                                  \
    "    'tenant', (SELECT t.slug FROM cloudep.tenants t WHERE t.id = o.tenant_id),"                                   \
    "    'outbox', o.outbox,"                                                                                          \
    "    'channel', o.channel,"                                                                                        \
    "    'template', o.template,"                                                                                      \
    "    'target', o.target,"                                                                                          \
    "    'state', " STATE ","                                                                                          \
    "    'attempts', o.attempts,"                                                                                      \
    "    'age_seconds', floor(extract(epoch FROM now() - o.created_at))::bigint,"                                      \
    "    'created_at', to_char(o.created_at" UTC "),"                                                                  \
    "    'next_attempt_at', CASE WHEN o.delivered_at IS NULL AND o.failed_at IS NULL"                                  \
    "                            THEN to_char(o.next_attempt_at" UTC ") END,"                                          \
    "    'expires_at', to_char(o.expires_at" UTC "),"                                                                  \
    "    'last_error', o.last_error)"

static const cloudep_statement_t list = {
    .label = "operator_outbox_list",
    .sql =
        "SELECT " ROW
        "  FROM cloudep.outbox o"
        " WHERE (%s::boolean OR o.delivered_at IS NULL)"
        "   AND (%s IS NULL OR o.tenant_id = %s::uuid)"
        "   AND (%s IS NULL OR o.outbox = %s)"
        "   AND (%s IS NULL OR (o.created_at, o.id) < (SELECT a.created_at, a.id"
        "                                                FROM cloudep.outbox a"
        "                                               WHERE a.id = %s::uuid))"
        " ORDER BY o.created_at DESC, o.id DESC"
        " LIMIT %s::integer",
    .parameters = 8,
    .repeatable = 1,
};

static const cloudep_statement_t show = {
    .label = "operator_outbox_show",
    .sql =
        "SELECT " ROW
        "  FROM cloudep.outbox o"
        " WHERE o.id = %s::uuid",
    .parameters = 1,
    .repeatable = 1,
};

/* No lease reaches farther than its own length: what is due later is in nobody's hands. */
static const cloudep_statement_t retry = {
    .label = "operator_outbox_retry",
    .sql =
        "WITH hurried AS ("
        "    UPDATE cloudep.outbox o"
        "       SET next_attempt_at = now()"
        "     WHERE o.delivered_at IS NULL"
        "       AND o.failed_at IS NULL"
        "       AND o.next_attempt_at > now() + %s::integer * interval '1 second'"
        "       AND (o.id = %s::uuid OR %s::boolean)"
        "       AND (%s IS NULL OR o.outbox = %s)"
        " RETURNING o.id"
        ") "
        "SELECT json_build_object('messages_hurried', (SELECT count(*) FROM hurried))",
    .parameters = 5,
    .repeatable = 1,
};

static const cloudep_statement_t test = {
    .label = "operator_outbox_test",
    .sql =
        "INSERT INTO cloudep.outbox AS o (tenant_id, outbox, channel, target, language, template, expires_at)"
        " VALUES ('00000000-0000-0000-0000-000000000000', %s, '" CLOUDEP_CHANNEL_MAIL "', %s, %s,"
        "         '" CLOUDEP_TEMPLATE_TEST "', now() + interval '10 minutes') "
        "RETURNING " ROW,
    .parameters = 3,
};

static const cloudep_statement_t has_worker = {
    .label = "operator_outbox_has_worker",
    .sql =
        "SELECT 1"
        "  FROM cloudep.outbox_workers"
        " WHERE name = %s"
        "   AND seen_at >= now() - interval '5 minutes'",
    .parameters = 1,
    .repeatable = 1,
};

/* clang-format on */

apr_status_t cloudep_operator_outbox_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                          const char *outbox, int delivered, const char *after, int limit)
{
    const char *args[] = {
        delivered ? "true" : "false", tenant_id, tenant_id, outbox, outbox, after, after, apr_itoa(p, limit)};

    return cloudep_db_run(db, p, rows, &list, args);
}

apr_status_t cloudep_operator_outbox_show(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *id)
{
    return cloudep_db_run(db, p, rows, &show, (const char *const[]){id});
}

apr_status_t cloudep_operator_outbox_retry(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *id,
                                           int all, const char *outbox)
{
    const char *args[] = {apr_itoa(p, CLOUDEP_OUTBOX_LEASE), id, all ? "true" : "false", outbox, outbox};

    return cloudep_db_run(db, p, rows, &retry, args);
}

apr_status_t cloudep_operator_outbox_test(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *outbox,
                                          const char *target, const char *language)
{
    return cloudep_db_run(db, p, rows, &test, (const char *const[]){outbox, target, language});
}

apr_status_t cloudep_operator_outbox_has_worker(cloudep_db_t *db, apr_pool_t *p, int *found, const char *outbox)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &has_worker, (const char *const[]){outbox});

    if (rv == APR_SUCCESS) {
        *found = rows->count > 0;
    }
    return rv;
}
