/*
 * contact_store.c - writes verified business emails and phones.
 */
#include "base/store/contact_store.h"

#define SET(column)                                                                                                    \
    "WITH a AS (SELECT %s::text AS value),"                                                                            \
    " was AS (SELECT m.tenant_id, m.uid, m." column " IS DISTINCT FROM a.value AS changed FROM cloudep.members m, a"   \
    " WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid AND m.status = 'active' FOR UPDATE OF m),"                     \
    " m AS (UPDATE cloudep.members m SET " column " = a.value, " column "_verified_at = now(), updated_at = now()"     \
    " FROM a, was w WHERE m.tenant_id = w.tenant_id AND m.uid = w.uid RETURNING m.uid),"                               \
    " told AS (SELECT tenant_id, uid FROM was WHERE changed),"                                                         \
    " mail AS (" CLOUDEP_SQL_ENQUEUE("told") ") SELECT uid FROM m"

/* In the order of cloudep_contact_e. */
static const cloudep_statement_t set[] = {
    {.label = "contact_set_email", .sql = SET("business_email"), .parameters = 3 + CLOUDEP_ENQUEUE_PARAMETERS},
    {.label = "contact_set_phone", .sql = SET("business_phone"), .parameters = 3 + CLOUDEP_ENQUEUE_PARAMETERS},
};

apr_status_t cloudep_contact_set(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 cloudep_contact_e contact, const char *value, const cloudep_message_t *message)
{
    const char *args[] = {value, tenant_id, uid, CLOUDEP_ENQUEUE_ARGS(message)};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &set[contact], args);

    return rv == APR_SUCCESS && rows->count == 0 ? APR_NOTFOUND : rv;
}
