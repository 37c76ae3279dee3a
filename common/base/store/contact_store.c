/*
 * contact_store.c - writes verified business emails and phones.
 */
#include "base/store/contact_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"

/* clang-format off */

/* The notice goes out if the contact was another one before. */
#define SET(column) \
    "WITH before AS (" \
    "  SELECT tenant_id, uid, " column " AS contact" \
    "  FROM cloudep.members" \
    "  WHERE tenant_id = %s::uuid" \
    "    AND uid = %s::uuid" \
    "    AND status = 'active'" \
    "  FOR UPDATE" \
    "), given AS (" \
    "  SELECT %s::text AS contact" \
    "), member AS (" \
    "  UPDATE cloudep.members AS member" \
    "  SET " column " = given.contact," \
    "      " column "_verified_at = now()," \
    "      updated_at = now()" \
    "  FROM before, given" \
    "  WHERE member.tenant_id = before.tenant_id" \
    "    AND member.uid = before.uid" \
    "  RETURNING member.uid" \
    "), changed AS (" \
    "  SELECT before.tenant_id, before.uid" \
    "  FROM before, given" \
    "  WHERE before.contact IS DISTINCT FROM given.contact" \
    "), mail AS (" CLOUDEP_SQL_ENQUEUE("changed") ")" \
    " SELECT uid FROM member"

static const cloudep_statement_t statements[] = {
    [CLOUDEP_CONTACT_EMAIL] = {
        .label = "contact_set_email",
        .sql = SET("business_email"),
    },
    [CLOUDEP_CONTACT_PHONE] = {
        .label = "contact_set_phone",
        .sql = SET("business_phone"),
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_contact_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_contact_set(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 cloudep_contact_e contact, const char *value, const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, value);

    cloudep_message_args(args, message);
    return cloudep_db_run_one(db, p, NULL, &statements[contact], args);
}
