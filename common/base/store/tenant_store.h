/*
 * tenant_store.h - tenants and invites as the modules read them. What the operator writes is operator_store.h.
 */
#ifndef CLOUDEP_TENANT_STORE_H
#define CLOUDEP_TENANT_STORE_H

#include "base/store/db.h"
#include "base/export.h"

typedef struct cloudep_tenant_t {
    const char *id; /* UUID */
    const char *slug;
    const char *name;
    int registration;          /* new members may come */
    int login;                 /* members may log in */
    const char *redirect_uris; /* allowed ones, a newline after each */
    const char *totp_issuer;   /* NULL: the name */
    const char *organization;  /* at the identity provider, NULL: none */
} cloudep_tenant_t;

/* What stands between a client and a registration. */
typedef struct cloudep_admission_t {
    const cloudep_tenant_t *tenant;
    int invite_known;
    int invite_expired;
    int invite_used_up;
    int email_taken;
} cloudep_admission_t;

/** @return APR_NOTFOUND: no tenant of that slug; else as cloudep_db_run */
CLOUDEP_DECLARE(apr_status_t)
cloudep_tenant_by_slug(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *slug);

/** @return APR_NOTFOUND: no tenant of that id (a UUID); else as cloudep_db_run */
CLOUDEP_DECLARE(apr_status_t)
cloudep_tenant_by_id(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant, const char *id);

/**
 * Looks at tenant, invite and email at once, taking nothing. email may be NULL (not asked).
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_tenant_admission(cloudep_db_t *db, apr_pool_t *p, cloudep_admission_t *admission, const char *slug,
                         const char *invite_code, const char *email);

/* The columns of a tenant, for statements of other stores that join it as t, and their number. */
#define CLOUDEP_TENANT_COLUMNS                                                                                         \
    "t.id, t.slug, t.name, t.registration, t.login, array_to_string(t.redirect_uris, E'\\n') || E'\\n', "              \
    "t.totp_issuer, t.organization"
#define CLOUDEP_TENANT_COLUMN_COUNT 8

/** Reads a tenant from a row; NULL when the join found none. */
const cloudep_tenant_t *cloudep_tenant_of_row(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column);

/** PostgreSQL's text for true. */
static inline int cloudep_cell_true(const cloudep_rows_t *rows, int row, int column)
{
    const char *cell = cloudep_cell(rows, row, column);

    return cell && cell[0] == 't';
}

#endif
