/*
 * operator_store.h - what only the operator asks of the database: tenants, invites, members, sessions, lockouts,
 * events, mail and migrations, one statement a step.
 *
 * Rows come as structs, each with a record that names its columns, so that a tool can write them as JSON. Times in them
 * are RFC 3339 in UTC, NULL where there is none. Texts and lists live in p.
 *
 * Every function returns as cloudep_db_run, and what its comment adds. tenant_id is the tenant's UUID.
 */
#ifndef CLOUDEP_OPERATOR_STORE_H
#define CLOUDEP_OPERATOR_STORE_H

#include "base/store/generation_store.h"
#include "base/store/record.h"

/* clang-format off */

/* ---- Lists -------------------------------------------------------------------------------------------------- */

/* Which rows of a list, and how many: pages go up from a cursor. A list looks at what its comment names. */
typedef struct cloudep_operator_filter_t {
    const char *tenant_id;
    const char *uid;    /* NULL: any member's */
    const char *status; /* NULL: any */
    const char *name;   /* NULL: any */
    const char *outbox; /* NULL: any */
    int over;           /* those that are over, too */
    const char *after;  /* the cursor to go on behind; NULL: from the start */
    int limit;          /* at most so many rows */
} cloudep_operator_filter_t;

/* A list of records of one kind: *list is an array of structs. */
typedef apr_status_t cloudep_operator_list_t(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                             const cloudep_operator_filter_t *filter);

/* What is to end: a thing itself (own), those of a member (uid) or every one of the tenant (all); one of them is set. */
typedef struct cloudep_operator_selection_t {
    const char *tenant_id;
    const char *own;
    const char *uid;
    int all;
} cloudep_operator_selection_t;

/* Ends what is selected; *count: how many there were. */
typedef apr_status_t cloudep_operator_end_t(cloudep_db_t *db, apr_pool_t *p, int *count,
                                            const cloudep_operator_selection_t *selection);

/* ---- Tenants ------------------------------------------------------------------------------------------------ */

#define CLOUDEP_OPERATOR_TENANT_COLUMNS(FIRST, NEXT, tenant) \
    FIRST(TEXT, slug, tenant ".slug") \
    NEXT(TEXT, name, tenant ".name") \
    NEXT(TEXT, id, tenant ".id") \
    NEXT(BOOLEAN, registration, tenant ".registration") \
    NEXT(BOOLEAN, login, tenant ".login") \
    NEXT(LIST, redirect_uris, tenant ".redirect_uris") \
    NEXT(LIST, origins, tenant ".origins") \
    NEXT(TEXT, totp_issuer, tenant ".totp_issuer") \
    NEXT(TEXT, organization, tenant ".organization") \
    NEXT(BOOLEAN, exchange_password, tenant ".exchange_password") \
    NEXT(BOOLEAN, code_login, tenant ".code_login") \
    NEXT(BOOLEAN, sms_login, tenant ".sms_login") \
    NEXT(BOOLEAN, totp_login, tenant ".totp_login") \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(tenant ".created_at")) \
    NEXT(TEXT, updated_at, CLOUDEP_SQL_RFC3339(tenant ".updated_at"))

typedef struct cloudep_operator_tenant_t {
    CLOUDEP_OPERATOR_TENANT_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_tenant_t;
extern const cloudep_record_t cloudep_operator_tenant_record;

/* A tenant to be made or changed; NULL leaves a field as it is (or at its default). */
typedef struct cloudep_operator_tenant_change_t {
    const char *slug;
    const char *name;
    const char *registration;              /* "true" or "false" */
    const char *login;                     /* "true" or "false" */
    const char *totp_issuer;               /* "": none */
    const char *organization;              /* "": none */
    const char *exchange_password;         /* "true" or "false" */
    const char *code_login;                /* the same */
    const char *sms_login;                 /* "true" or "false" */
    const char *totp_login;                /* the same */
    const apr_array_header_t *add_uris;    /* const char * */
    const apr_array_header_t *remove_uris; /* const char * */
    const apr_array_header_t *add_origins; /* const char * */
    const apr_array_header_t *remove_origins; /* const char * */
} cloudep_operator_tenant_change_t;

/** name must be there, what is to be removed is not looked at. @return CLOUDEP_ECONFLICT: the slug is taken */
apr_status_t cloudep_operator_tenant_add(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                         const cloudep_operator_tenant_change_t *change);
/** *tenant: as it is then. @return APR_NOTFOUND: no tenant of that slug */
apr_status_t cloudep_operator_tenant_set(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                         const cloudep_operator_tenant_change_t *change);
/** *count: how many members can log in now, and could not by anything once what the change turns off is off. */
apr_status_t cloudep_operator_tenant_locks_out(cloudep_db_t *db, apr_pool_t *p, int *count,
                                               const cloudep_operator_tenant_change_t *change);
/** @return APR_NOTFOUND: no tenant of that slug */
apr_status_t cloudep_operator_tenant_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                          const char *slug);
#define CLOUDEP_OPERATOR_TENANT_CONTENTS_COLUMNS(FIRST, NEXT, contents) \
    FIRST(INTEGER, members, contents ".members") \
    NEXT(INTEGER, invites, contents ".invites") \
    NEXT(INTEGER, events, contents ".events") \
    NEXT(INTEGER, messages, contents ".messages")

/* What would go with a tenant. */
typedef struct cloudep_operator_tenant_contents_t {
    CLOUDEP_OPERATOR_TENANT_CONTENTS_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_tenant_contents_t;
extern const cloudep_record_t cloudep_operator_tenant_contents_record;

apr_status_t cloudep_operator_tenant_contents(cloudep_db_t *db, apr_pool_t *p,
                                              cloudep_operator_tenant_contents_t *contents, const char *tenant_id);
/** Removes a tenant and what no member of it had. @return APR_NOTFOUND: it has members still, or is gone */
apr_status_t cloudep_operator_tenant_delete(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id);
/** By slug, which is the cursor; tenant_id is not looked at. */
cloudep_operator_list_t cloudep_operator_tenant_list;

/* ---- Invites ------------------------------------------------------------------------------------------------ */

#define CLOUDEP_OPERATOR_INVITE_COLUMNS(FIRST, NEXT, invite) \
    FIRST(TEXT, code, invite ".code") \
    NEXT(TEXT, id, invite ".id") \
    NEXT(TEXT, state, \
         "CASE WHEN " invite ".revoked_at IS NOT NULL THEN 'revoked'" \
         "     WHEN " invite ".expires_at <= now() THEN 'expired'" \
         "     WHEN " invite ".uses >= " invite ".max_uses THEN 'used up'" \
         "     ELSE 'open' END") \
    NEXT(INTEGER, uses, invite ".uses") \
    NEXT(INTEGER, max_uses, invite ".max_uses") \
    NEXT(TEXT, expires_at, CLOUDEP_SQL_RFC3339(invite ".expires_at")) \
    NEXT(TEXT, revoked_at, CLOUDEP_SQL_RFC3339(invite ".revoked_at")) \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(invite ".created_at"))

typedef struct cloudep_operator_invite_t {
    CLOUDEP_OPERATOR_INVITE_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_invite_t;
extern const cloudep_record_t cloudep_operator_invite_record;

/**
 * seconds: how long it is good for, or expires_at: RFC 3339; both NULL: for ever.
 * @return CLOUDEP_ECONFLICT: the tenant has that code
 */
apr_status_t cloudep_operator_invite_add(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_invite_t *invite,
                                         const char *tenant_id, const char *code, int uses, const char *seconds,
                                         const char *expires_at);
/** Revoking a revoked invite changes nothing. @return APR_NOTFOUND: no such code */
apr_status_t cloudep_operator_invite_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_invite_t *invite,
                                            const char *tenant_id, const char *code);
/** By code, which is the cursor. */
cloudep_operator_list_t cloudep_operator_invite_list;

/* ---- Members ------------------------------------------------------------------------------------------------ */

/* What a list says of a member. */
#define CLOUDEP_OPERATOR_MEMBER_COLUMNS(FIRST, NEXT, member) \
    FIRST(TEXT, email, member ".email") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, status, member ".status") \
    NEXT(TEXT, origin, member ".origin") \
    NEXT(TEXT, provider, member ".provider") \
    NEXT(TEXT, display_name, member ".display_name") \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(member ".created_at"))

typedef struct cloudep_operator_member_t {
    CLOUDEP_OPERATOR_MEMBER_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_member_t;
extern const cloudep_record_t cloudep_operator_member_record;

/* What there is to say of one. */
#define CLOUDEP_OPERATOR_MEMBER_DETAILS_COLUMNS(FIRST, NEXT, member) \
    FIRST(TEXT, email, member ".email") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, status, member ".status") \
    NEXT(TEXT, origin, member ".origin") \
    NEXT(TEXT, provider, member ".provider") \
    NEXT(TEXT, display_name, member ".display_name") \
    NEXT(TEXT, avatar, member ".avatar") \
    NEXT(TEXT, phone, member ".phone") \
    NEXT(TEXT, language, member ".language") \
    NEXT(TEXT, currency, member ".currency") \
    NEXT(TEXT, business_email, member ".business_email") \
    NEXT(TEXT, business_email_verified_at, CLOUDEP_SQL_RFC3339(member ".business_email_verified_at")) \
    NEXT(TEXT, business_phone, member ".business_phone") \
    NEXT(TEXT, business_phone_verified_at, CLOUDEP_SQL_RFC3339(member ".business_phone_verified_at")) \
    NEXT(TEXT, terms_version, member ".terms_version") \
    NEXT(TEXT, terms_accepted_at, CLOUDEP_SQL_RFC3339(member ".terms_accepted_at")) \
    NEXT(BOOLEAN, marketing_opt_in, member ".marketing_opt_in") \
    NEXT(TEXT, invite, /* the code it registered with */ \
         "(SELECT invite.code FROM cloudep.invites AS invite" \
         " WHERE invite.tenant_id = " member ".tenant_id AND invite.id = " member ".invite_id)") \
    NEXT(LIST, identities, /* issuer and subject, a space between */ \
         "ARRAY(SELECT identity.issuer || ' ' || identity.subject FROM cloudep.identities AS identity" \
         " WHERE identity.tenant_id = " member ".tenant_id AND identity.uid = " member ".uid)") \
    NEXT(BOOLEAN, password, CLOUDEP_SQL_HAS_PASSWORD(member)) \
    NEXT(BOOLEAN, password_due, member ".password_due") /* it was taken away, and a reset sets the next */ \
    NEXT(INTEGER, ways_in, member ".ways_in") \
    NEXT(BOOLEAN, totp, /* enrolled */ \
         "EXISTS (SELECT FROM cloudep.totp AS totp" \
         " WHERE totp.tenant_id = " member ".tenant_id AND totp.uid = " member ".uid" \
         " AND totp.enrolled_at IS NOT NULL)") \
    NEXT(NUMBER, sessions, /* live ones */ \
         "(SELECT count(*) FROM cloudep.sessions AS session" \
         " WHERE session.tenant_id = " member ".tenant_id AND session.uid = " member ".uid" \
         " AND " CLOUDEP_SQL_LIVE("session") " AND " CLOUDEP_SQL_CURRENT("session", member) ")") \
    NEXT(TEXT, login_phone, member ".login_phone") \
    NEXT(JSON, attributes, member ".attributes") /* an object, or NULL */ \
    NEXT(TEXT, reserved_by, member ".reserved_by") /* not NULL: only keeps the address, which was that member's */ \
    NEXT(TEXT, activated_at, CLOUDEP_SQL_RFC3339(member ".activated_at")) \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(member ".created_at")) \
    NEXT(TEXT, updated_at, CLOUDEP_SQL_RFC3339(member ".updated_at"))

typedef struct cloudep_operator_member_details_t {
    CLOUDEP_OPERATOR_MEMBER_DETAILS_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_member_details_t;
extern const cloudep_record_t cloudep_operator_member_details_record;

/* A member by uid or by email; the other is NULL. */
typedef struct cloudep_operator_member_name_t {
    const char *tenant_id;
    const char *uid;
    const char *email;
} cloudep_operator_member_name_t;

/* What becomes of a member. A step that was made before is made again: it ends what sessions are left. */
typedef enum {
    CLOUDEP_OPERATOR_SUSPEND, /* from active */
    CLOUDEP_OPERATOR_RESUME,  /* from suspended */
    CLOUDEP_OPERATOR_DELETE   /* from any status; the server's sweep removes user and row */
} cloudep_operator_member_step_e;

/* What a step did. */
#define CLOUDEP_OPERATOR_STEP_COLUMNS(FIRST, NEXT, member, status_after) \
    FIRST(TEXT, email, member ".email") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, before, member ".status") /* the step */ \
    NEXT(TEXT, status, /* after it; the same as before where the step does not begin from there */ \
         "CASE WHEN " member ".changes THEN " status_after " ELSE " member ".status END") \
    NEXT(BOOLEAN, changed, member ".changes") \
    NEXT(NUMBER, sessions_ended, "0") /* told by the statement after it */

typedef struct cloudep_operator_step_t {
    CLOUDEP_OPERATOR_STEP_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_operator_step_t;
extern const cloudep_record_t cloudep_operator_step_record;

/** @return APR_NOTFOUND: no such member */
apr_status_t cloudep_operator_member_step(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_step_t *step,
                                          const cloudep_operator_member_name_t *who,
                                          cloudep_operator_member_step_e what);
/* What the operator did to a member's way in. */
#define CLOUDEP_OPERATOR_RESET_COLUMNS(FIRST, NEXT, member, reset) \
    FIRST(TEXT, email, member ".email") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, status, member ".status") \
    NEXT(BOOLEAN, done, "EXISTS (SELECT FROM " reset ")") /* else there was nothing to reset */ \
    NEXT(NUMBER, sessions, /* that go on */ \
         "(SELECT count(*) FROM cloudep.sessions AS session WHERE session.tenant_id = " member ".tenant_id" \
         " AND session.uid = " member ".uid AND session.revoked_at IS NULL AND session.expires_at > now())")

typedef struct cloudep_operator_reset_t {
    CLOUDEP_OPERATOR_RESET_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_operator_reset_t;
extern const cloudep_record_t cloudep_operator_reset_record;

/**
 * Removes a member's TOTP and backup codes, also one that is being enrolled, has no session count as proved by it, and
 * forgets wrong codes. A server of that outbox (NULL: the main one) mails the notice.
 * @return APR_NOTFOUND: no such member
 */
apr_status_t cloudep_operator_totp_reset(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_reset_t *reset,
                                         const cloudep_operator_member_name_t *who, const char *outbox);
/** Asks for a link to set a new password, which a server makes and mails. @return APR_NOTFOUND: no such member */
apr_status_t cloudep_operator_password_reset(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_reset_t *reset,
                                             const cloudep_operator_member_name_t *who, const char *outbox);
#define CLOUDEP_OPERATOR_ATTRIBUTES_MAX 8192 /* bytes of all attributes of a member as JSON; the table's CHECK has it too */

/* A member's attributes after a change. */
#define CLOUDEP_OPERATOR_ATTRIBUTES_COLUMNS(FIRST, NEXT, member) \
    FIRST(TEXT, email, member ".email") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(INTEGER, bytes, "octet_length(" member ".attributes::text)") \
    NEXT(JSON, attributes, member ".attributes")

typedef struct cloudep_operator_attributes_t {
    CLOUDEP_OPERATOR_ATTRIBUTES_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_attributes_t;
extern const cloudep_record_t cloudep_operator_attributes_record;

/**
 * Sets attributes, and removes some. Nothing is stored where bytes would be more than CLOUDEP_OPERATOR_ATTRIBUTES_MAX.
 * @param set    a JSON object
 * @param remove names (const char *), or NULL
 * @return APR_NOTFOUND: no such member
 */
apr_status_t cloudep_operator_member_attributes(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_attributes_t *after,
                                                const cloudep_operator_member_name_t *who, const char *set,
                                                const apr_array_header_t *remove);
/* A member that the operator adds. */
typedef struct cloudep_operator_new_member_t {
    const char *tenant_id;
    const char *email;
    const char *display_name; /* or NULL */
    const char *language;     /* or NULL */
    const char *outbox;       /* of the server that mails the invitation; NULL: the main one */
} cloudep_operator_new_member_t;

/**
 * Adds an active member without a password, and asks for a link to set the first one, which a server makes and mails. A
 * registration of that email that nobody has confirmed gives way.
 * @return CLOUDEP_ECONFLICT: the tenant has a member of that email
 */
apr_status_t cloudep_operator_member_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_operator_new_member_t *member);
/** @return APR_NOTFOUND: no such member */
apr_status_t cloudep_operator_member_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_member_details_t *member,
                                          const cloudep_operator_member_name_t *who);
/** By email, which is the cursor; of one status or of any. */
cloudep_operator_list_t cloudep_operator_member_list;

/* ---- Sessions ----------------------------------------------------------------------------------------------- */

#define CLOUDEP_OPERATOR_SESSION_COLUMNS(FIRST, NEXT, session, member) \
    FIRST(TEXT, id, session ".id") \
    NEXT(TEXT, uid, session ".uid") \
    NEXT(TEXT, email, member ".email") /* NULL: its member is gone */ \
    NEXT(TEXT, state, \
         "CASE WHEN " session ".revoked_at IS NOT NULL THEN 'revoked'" \
         "     WHEN NOT " CLOUDEP_SQL_CURRENT(session, member) " THEN 'revoked'" \
         "     WHEN " session ".expires_at <= now() THEN 'expired'" \
         "     WHEN " session ".idle_expires_at <= now() THEN 'idle'" \
         "     ELSE 'live' END") \
    NEXT(TEXT, amr, session ".amr") \
    NEXT(TEXT, address, session ".address") \
    NEXT(TEXT, user_agent, session ".user_agent") \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(session ".created_at")) \
    NEXT(TEXT, rotated_at, CLOUDEP_SQL_RFC3339(session ".rotated_at")) \
    NEXT(TEXT, expires_at, CLOUDEP_SQL_RFC3339("least(" session ".idle_expires_at, " session ".expires_at)")) \
    NEXT(TEXT, revoked_at, CLOUDEP_SQL_RFC3339(session ".revoked_at")) \
    NEXT(TEXT, revoke_reason, session ".revoke_reason")

typedef struct cloudep_operator_session_t {
    CLOUDEP_OPERATOR_SESSION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_operator_session_t;
extern const cloudep_record_t cloudep_operator_session_record;

/** By id, which is the cursor; of one member or of all; only those that live, unless over is set. */
cloudep_operator_list_t cloudep_operator_session_list;
/** own: a session's id. */
cloudep_operator_end_t cloudep_operator_session_revoke;

/* ---- Lockouts and events ------------------------------------------------------------------------------------ */

#define CLOUDEP_OPERATOR_LOCKOUT_COLUMNS(FIRST, NEXT, lockout) \
    FIRST(TEXT, key, lockout ".kind || '/' || " lockout ".subject || '/' || " lockout ".network") \
    NEXT(TEXT, kind, lockout ".kind") \
    NEXT(TEXT, subject, lockout ".subject") \
    NEXT(TEXT, network, lockout ".network") /* "": all networks that are not known to the account */ \
    NEXT(INTEGER, failures, lockout ".failures") \
    NEXT(TEXT, last_at, CLOUDEP_SQL_RFC3339(lockout ".last_at")) \
    NEXT(TEXT, blocked_until, CLOUDEP_SQL_RFC3339(lockout ".blocked_until"))

typedef struct cloudep_operator_lockout_t {
    CLOUDEP_OPERATOR_LOCKOUT_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_lockout_t;
extern const cloudep_record_t cloudep_operator_lockout_record;

/** By key ("kind/subject"), which is the cursor; only those that still block, unless over is set. */
cloudep_operator_list_t cloudep_operator_lockout_list;
/** own: a key; uid: all lockouts whose subject that is. */
cloudep_operator_end_t cloudep_operator_lockout_clear;

#define CLOUDEP_OPERATOR_EVENT_COLUMNS(FIRST, NEXT, event) \
    FIRST(NUMBER, id, event ".id") \
    NEXT(TEXT, at, CLOUDEP_SQL_RFC3339(event ".at")) \
    NEXT(TEXT, name, event ".name") \
    NEXT(TEXT, outcome, event ".outcome") \
    NEXT(TEXT, reason, event ".reason") \
    NEXT(TEXT, uid, event ".uid") \
    NEXT(TEXT, method, event ".method") \
    NEXT(TEXT, address, event ".address") \
    NEXT(TEXT, user_agent, event ".user_agent") \
    NEXT(TEXT, request_id, event ".request_id") \
    NEXT(INTEGER, count, event ".count") /* what it stands for: failures that were counted */

typedef struct cloudep_operator_event_t {
    CLOUDEP_OPERATOR_EVENT_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_event_t;
extern const cloudep_record_t cloudep_operator_event_record;

/** Newest first, by id, which is the cursor; of one member or of all, of one name or of any. */
cloudep_operator_list_t cloudep_operator_event_list;

/* ---- Mail and SMS ------------------------------------------------------------------------------------------- */

/* The states that a message does not leave. */
#define CLOUDEP_OPERATOR_DELIVERED "delivered"
#define CLOUDEP_OPERATOR_GIVEN_UP "given up"

#define CLOUDEP_OPERATOR_MESSAGE_COLUMNS(FIRST, NEXT, message) \
    FIRST(TEXT, id, message ".id") \
    NEXT(TEXT, tenant, /* its slug; NULL: of no tenant */ \
         "(SELECT tenant.slug FROM cloudep.tenants AS tenant WHERE tenant.id = " message ".tenant_id)") \
    NEXT(TEXT, outbox, message ".outbox") \
    NEXT(TEXT, channel, message ".channel") \
    NEXT(TEXT, template, message ".template") \
    NEXT(TEXT, target, message ".target") \
    NEXT(TEXT, state, \
         "CASE WHEN " message ".delivered_at IS NOT NULL THEN '" CLOUDEP_OPERATOR_DELIVERED "'" \
         "     WHEN " message ".failed_at IS NOT NULL THEN '" CLOUDEP_OPERATOR_GIVEN_UP "'" \
         "     WHEN " message ".attempts = 0 THEN 'waiting'" \
         "     ELSE 'put off' END") \
    NEXT(INTEGER, attempts, message ".attempts") \
    NEXT(NUMBER, age_seconds, CLOUDEP_SQL_SECONDS("now() - " message ".created_at")) \
    NEXT(TEXT, created_at, CLOUDEP_SQL_RFC3339(message ".created_at")) \
    NEXT(TEXT, next_attempt_at, /* NULL: there will be none */ \
         "CASE WHEN " message ".delivered_at IS NULL AND " message ".failed_at IS NULL" \
         "     THEN " CLOUDEP_SQL_RFC3339(message ".next_attempt_at") " END") \
    NEXT(TEXT, expires_at, CLOUDEP_SQL_RFC3339(message ".expires_at")) \
    NEXT(TEXT, last_error, message ".last_error")

typedef struct cloudep_operator_message_t {
    CLOUDEP_OPERATOR_MESSAGE_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_message_t;
extern const cloudep_record_t cloudep_operator_message_record;

/** Newest first; the id is the cursor; of one tenant or of any (NULL), of one outbox or of any; without those that are
 * delivered, unless over is set. */
cloudep_operator_list_t cloudep_operator_outbox_list;
/** @return APR_NOTFOUND: no such message */
apr_status_t cloudep_operator_outbox_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_message_t *message,
                                          const char *id);
/**
 * Makes the message of that id due now, or (all set) every one; of that outbox or (NULL) of any. Those that are due
 * within a minute are left alone: a worker may have them in hand. *count: how many there were.
 */
apr_status_t cloudep_operator_outbox_retry(cloudep_db_t *db, apr_pool_t *p, int *count, const char *id, int all,
                                           const char *outbox);
/** Writes a test mail. outbox NULL: the main server's. language NULL: the server's default. */
apr_status_t cloudep_operator_outbox_test(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_message_t *message,
                                          const char *outbox, const char *target, const char *language);
/** *count: 1 when a worker of that outbox was there within five minutes, else 0. */
apr_status_t cloudep_operator_outbox_workers(cloudep_db_t *db, apr_pool_t *p, int *count, const char *outbox);

/* ---- Migrations --------------------------------------------------------------------------------------------- */

#define CLOUDEP_OPERATOR_SCHEMA_COLUMNS(FIRST, NEXT, namespace) \
    FIRST(BOOLEAN, schema, namespace ".oid IS NOT NULL") /* the schema cloudep exists */ \
    NEXT(BOOLEAN, may_create, /* and this user may make tables in it */ \
         "coalesce(has_schema_privilege(" namespace ".oid, 'CREATE'), false)") \
    NEXT(BOOLEAN, app_role, /* the role cloudep_app exists */ \
         "EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloudep_app')") \
    NEXT(BOOLEAN, table, /* cloudep.migrations exists */ \
         "EXISTS (SELECT FROM pg_class WHERE relnamespace = " namespace ".oid AND relname = 'migrations')")

typedef struct cloudep_operator_schema_t {
    CLOUDEP_OPERATOR_SCHEMA_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_schema_t;

#define CLOUDEP_OPERATOR_MIGRATION_COLUMNS(FIRST, NEXT, migration) \
    FIRST(INTEGER, version, migration ".version") \
    NEXT(TEXT, name, migration ".name") \
    NEXT(TEXT, checksum, migration ".checksum") \
    NEXT(TEXT, applied_at, CLOUDEP_SQL_RFC3339(migration ".applied_at"))

/* What is not as it should be with the role of httpd. */
#define CLOUDEP_OPERATOR_WARNING_COLUMNS(FIRST, NEXT) FIRST(TEXT, text, "warning.text")

typedef struct cloudep_operator_warning_t {
    CLOUDEP_OPERATOR_WARNING_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER)
} cloudep_operator_warning_t;

typedef struct cloudep_operator_migration_t {
    CLOUDEP_OPERATOR_MIGRATION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_operator_migration_t;

/* clang-format on */

/** What is there, asked so that a user without any right gets an answer, too. */
apr_status_t cloudep_operator_schema(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_schema_t *schema);
/** Makes cloudep.migrations when it is not there; any number of runs may do so at once. */
apr_status_t cloudep_operator_migration_table(cloudep_db_t *db, apr_pool_t *p);
/** Applied ones by version. @param list array of cloudep_operator_migration_t */
apr_status_t cloudep_operator_migration_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list);
/**
 * Settings of the role cloudep_app that our statements suffer from, and rights that it should not have.
 * @param list array of cloudep_operator_warning_t
 */
apr_status_t cloudep_operator_migration_warnings(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list);
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
