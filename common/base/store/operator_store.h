/*
 * operator_store.h - what only the operator asks of the database: tenants, invites, members, sessions, lockouts,
 * events and migrations, one statement a step.
 *
 * Every row is one cell with one JSON object: the operator's tool shows it as it is or lays it out for people.
 * Times in it are RFC 3339 in UTC. Statements that change something return what they changed, so no row means
 * that there was nothing to change. Pages go up from a cursor (NULL: from the start) and hold at most limit rows.
 *
 * Every function returns as cloudep_db_run, and what its comment adds. tenant_id is the tenant's UUID.
 */
#ifndef CLOUDEP_OPERATOR_STORE_H
#define CLOUDEP_OPERATOR_STORE_H

#include "base/store/db.h"

/* A time as the tool shows it, in SQL: "to_char(t.created_at" CLOUDEP_OPERATOR_UTC ")". */
#define CLOUDEP_OPERATOR_UTC " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'"

/* ---- Tenants -------------------------------------------------------------------------------------------- */

/* A tenant to be made or changed; NULL leaves a field as it is (or at its default). */
typedef struct cloudep_operator_tenant_t {
    const char *slug;
    const char *name;
    const char *registration;      /* "true" or "false" */
    const char *login;             /* "true" or "false" */
    const char *totp_issuer;       /* "": none */
    const char *organization;      /* "": none */
    const char *exchange_password; /* "true" or "false" */
    const char *add_uris;          /* a JSON array of texts */
    const char *remove_uris;       /* a JSON array of texts */
} cloudep_operator_tenant_t;

/** CLOUDEP_ECONFLICT: the slug is taken. name must be there, remove_uris is not looked at. */
apr_status_t cloudep_operator_tenant_add(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                         const cloudep_operator_tenant_t *tenant);
/** No row: no tenant of that slug. */
apr_status_t cloudep_operator_tenant_set(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                         const cloudep_operator_tenant_t *tenant);
apr_status_t cloudep_operator_tenant_show(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *slug);
/** By slug. */
apr_status_t cloudep_operator_tenant_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *after,
                                          int limit);

/* ---- Invites -------------------------------------------------------------------------------------------- */

/**
 * seconds: how long it is good for, or expires_at: RFC 3339; both NULL: for ever.
 * CLOUDEP_ECONFLICT: the tenant has that code.
 */
apr_status_t cloudep_operator_invite_add(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                         const char *code, int uses, const char *seconds, const char *expires_at);
/** By code. */
apr_status_t cloudep_operator_invite_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                          const char *after, int limit);
/** No row: no such code. Revoking a revoked invite changes nothing. */
apr_status_t cloudep_operator_invite_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                            const char *tenant_id, const char *code);

/* ---- Members: named by uid or by email, the other is NULL ----------------------------------------------- */

typedef struct cloudep_operator_member_t {
    const char *tenant_id;
    const char *uid;
    const char *email;
} cloudep_operator_member_t;

/*
 * What becomes of a member. A step that was made before is made again: it ends what sessions are left.
 */
typedef enum {
    CLOUDEP_OPERATOR_SUSPEND, /* from active */
    CLOUDEP_OPERATOR_RESUME,  /* from suspended */
    CLOUDEP_OPERATOR_DELETE   /* from any status; the server's sweep removes user and row */
} cloudep_operator_member_step_e;

/** The row has "before", "status" and "changed"; *ended: how many sessions have ended. APR_NOTFOUND: no such member. */
apr_status_t cloudep_operator_member_step(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, int *ended,
                                          const cloudep_operator_member_t *who, cloudep_operator_member_step_e step);
apr_status_t cloudep_operator_member_show(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                          const cloudep_operator_member_t *who);
/** By email; status NULL: any. */
apr_status_t cloudep_operator_member_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                          const char *status, const char *after, int limit);

/* ---- Sessions ------------------------------------------------------------------------------------------- */

/** By id; uid NULL: of all members. Only those that live, unless over is set. */
apr_status_t cloudep_operator_session_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                           const char *tenant_id, const char *uid, int over, const char *after,
                                           int limit);
/**
 * Ends the session of that id, or all of that member (the other is NULL), or (all set) every one of the tenant.
 * One row: {"sessions_ended": number}.
 */
apr_status_t cloudep_operator_session_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                             const char *tenant_id, const char *id, const char *uid, int all);

/* ---- Lockouts and events -------------------------------------------------------------------------------- */

/** By key ("kind/subject"). Only those that still block, unless over is set. */
apr_status_t cloudep_operator_lockout_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                           const char *tenant_id, int over, const char *after, int limit);
/**
 * Forgets the lockout of that key, or all whose subject is that uid (the other is NULL), or (all set) every one of
 * the tenant. One row: {"lockouts_cleared": number}.
 */
apr_status_t cloudep_operator_lockout_clear(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                            const char *tenant_id, const char *key, const char *uid, int all);
/** Newest first; uid and name NULL: any. after: the id to go on behind. */
apr_status_t cloudep_operator_event_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                         const char *uid, const char *name, const char *after, int limit);

/* ---- Migrations ----------------------------------------------------------------------------------------- */

typedef struct cloudep_operator_schema_t {
    int schema;     /* the schema cloudep exists */
    int may_create; /* and this user may make tables in it */
    int app_role;   /* the role cloudep_app exists */
    int table;      /* cloudep.migrations exists */
} cloudep_operator_schema_t;

/** What is there, asked so that a user without any right gets an answer, too. */
apr_status_t cloudep_operator_schema(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_schema_t *schema);
/** Makes cloudep.migrations when it is not there; any number of runs may do so at once. */
apr_status_t cloudep_operator_migration_table(cloudep_db_t *db, apr_pool_t *p);
/** Applied ones by version: {"version", "name", "checksum", "applied_at"}. */
apr_status_t cloudep_operator_migration_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows);
/**
 * Applies one migration and writes its row in the same transaction, waiting for other runs.
 * @param name [a-z0-9_]+, without the number
 * @param checksum hexadecimal
 * @param sql must not begin or end a transaction
 * @return CLOUDEP_ECONFLICT: the version is applied already, or sql itself broke a unique constraint
 */
apr_status_t cloudep_operator_migration_apply(cloudep_db_t *db, apr_pool_t *p, int version, const char *name,
                                              const char *checksum, const char *sql);

#endif
