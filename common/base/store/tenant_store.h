/*
 * tenant_store.h - tenants and invites as the modules read them. What the operator writes is operator_store.h.
 */
#ifndef CLOUDEP_TENANT_STORE_H
#define CLOUDEP_TENANT_STORE_H

#include "base/export.h"
#include "base/store/record.h"

/* clang-format off */

#define CLOUDEP_TENANT_COLUMNS(FIRST, NEXT, tenant) \
    FIRST(TEXT, id, tenant ".id") /* UUID */ \
    NEXT(TEXT, slug, tenant ".slug") \
    NEXT(TEXT, name, tenant ".name") \
    NEXT(BOOLEAN, registration, tenant ".registration") /* new members may come */ \
    NEXT(BOOLEAN, login, tenant ".login") /* members may log in */ \
    NEXT(BOOLEAN, code_login, tenant ".code_login") /* by a code that is sent, too */ \
    NEXT(BOOLEAN, sms_login, tenant ".sms_login") /* by a code to the login phone, too */ \
    NEXT(BOOLEAN, totp_login, tenant ".totp_login") /* by a code of the authenticator alone, too */ \
    NEXT(TEXT, redirect_uris, /* allowed ones, a newline after each */ \
         "array_to_string(" tenant ".redirect_uris, E'\\n') || E'\\n'") \
    NEXT(TEXT, totp_issuer, tenant ".totp_issuer") /* NULL: the name */ \
    NEXT(TEXT, organization, tenant ".organization") /* at the identity provider, NULL: none */

typedef struct cloudep_tenant_t {
    CLOUDEP_TENANT_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_tenant_t;

#define CLOUDEP_TENANT_COLUMN_COUNT (CLOUDEP_TENANT_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, ""))

/* clang-format on */

/* What stands between a client and a registration. */
typedef struct cloudep_admission_t {
    const cloudep_tenant_t *tenant;
    int invite_known;
    int invite_expired;
    int invite_used_up;
    int email_taken;
    int email_pending; /* by a registration that nobody has confirmed */
} cloudep_admission_t;

/** @return APR_NOTFOUND: no tenant of that slug; else as cloudep_db_run */
apr_status_t cloudep_tenant_by_slug(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *slug);

/** @return APR_NOTFOUND: no tenant of that id (a UUID); else as cloudep_db_run */
apr_status_t cloudep_tenant_by_id(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *id);

/**
 * Looks at tenant, invite and email at once, taking nothing. email may be NULL (not asked).
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run
 */
apr_status_t cloudep_tenant_admission(cloudep_db_t *db, apr_pool_t *p, cloudep_admission_t *admission, const char *slug,
                                      const char *invite_code, const char *email);

/* An origin that a tenant lists for CORS. */
typedef struct cloudep_tenant_origin_t {
    const char *tenant_id;
    const char *slug;
    const char *origin;
} cloudep_tenant_origin_t;

/** Those of all tenants: an array of cloudep_tenant_origin_t. As cloudep_db_run */
apr_status_t cloudep_tenant_origins(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **origins);

/** Reads CLOUDEP_SQL_TENANT (sql.h) from a row, beginning at column; NULL when the join found none. */
const cloudep_tenant_t *cloudep_tenant_of_row(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column);

#endif
