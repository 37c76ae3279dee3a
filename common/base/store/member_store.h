/*
 * member_store.h - members: their rows and the steps of a registration, one statement a step.
 */
#ifndef CLOUDEP_MEMBER_STORE_H
#define CLOUDEP_MEMBER_STORE_H

#include "base/store/outbox_store.h"
#include "base/store/tenant_store.h"

struct cloudep_session_t;

/* clang-format off */

/* Every status, and its word in the database and in the API. */
#define CLOUDEP_MEMBER_STATUSES(X) \
    X(RESERVED, "reserved") /* the provider has not answered yet */ \
    X(PENDING, "pending") /* has not confirmed the code */ \
    X(ACTIVE, "active") \
    X(SUSPENDED, "suspended") \
    X(DELETING, "deleting")

#define CLOUDEP_MEMBER_STATUS(name, word) CLOUDEP_MEMBER_##name,
typedef enum { CLOUDEP_MEMBER_STATUSES(CLOUDEP_MEMBER_STATUS) CLOUDEP_MEMBER_STATUS_COUNT } cloudep_member_status_e;

#define CLOUDEP_MEMBER_COLUMNS(FIRST, NEXT, member, totp) \
    FIRST(TEXT, tenant_id, member ".tenant_id") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, status_name, member ".status") \
    NEXT(TEXT, email, member ".email") \
    NEXT(TEXT, origin, member ".origin") /* platform_native, google, ... */ \
    NEXT(TEXT, provider, member ".provider") /* the identity provider that knows the password */ \
    NEXT(TEXT, display_name, member ".display_name") \
    NEXT(TEXT, avatar, member ".avatar") \
    NEXT(TEXT, phone, member ".phone") \
    NEXT(TEXT, language, member ".language") \
    NEXT(TEXT, currency, member ".currency") \
    NEXT(TEXT, business_email, member ".business_email") \
    NEXT(BOOLEAN, business_email_verified, member ".business_email_verified_at IS NOT NULL") \
    NEXT(TEXT, business_phone, member ".business_phone") \
    NEXT(BOOLEAN, business_phone_verified, member ".business_phone_verified_at IS NOT NULL") \
    NEXT(TEXT, login_phone, member ".login_phone") /* E.164, proved; business_phone opens nothing */ \
    NEXT(JSON, attributes, member ".attributes") /* a JSON object that operators write, or NULL */ \
    NEXT(BOOLEAN, totp_enrolled, totp ".enrolled_at IS NOT NULL") \
    NEXT(NUMBER, created_at, CLOUDEP_SQL_MILLISECONDS(member ".created_at")) /* Unix milliseconds */ \
    NEXT(NUMBER, updated_at, CLOUDEP_SQL_MILLISECONDS(member ".updated_at")) \
    NEXT(TEXT, generation, member ".generation") /* of the credentials: a number; see generation_store.h */ \
    NEXT(TEXT, sessions_from, member ".sessions_from") /* the least one whose sessions live: a number */ \
    NEXT(BOOLEAN, has_password, CLOUDEP_SQL_HAS_PASSWORD(member)) \
    NEXT(BOOLEAN, password_due, member ".password_due") /* it was taken away, and a reset sets the next */ \
    NEXT(BOOLEAN, password_form, member ".password_form") /* the provider has it in RFC 8265's form */

#define CLOUDEP_MEMBER_COLUMN_COUNT (0 CLOUDEP_MEMBER_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, "", ""))

typedef struct cloudep_member_t {
    cloudep_member_status_e status;
    CLOUDEP_MEMBER_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_member_t;

/* clang-format on */

/**
 * Reads CLOUDEP_SQL_MEMBER (sql.h) from a row, beginning at column (NULL: the join found none).
 * @return CLOUDEP_EDATA: a status that does not exist
 */
apr_status_t cloudep_member_of_row(apr_pool_t *p, const cloudep_member_t **member, const cloudep_rows_t *rows, int row,
                                   int column);

/** The API's word for a status. */
CLOUDEP_DECLARE(const char *) cloudep_member_status_name(cloudep_member_status_e status);

/** The status of that word. @return CLOUDEP_EDATA: there is none */
apr_status_t cloudep_member_status_of(cloudep_member_status_e *status, const char *name);

/** @return APR_NOTFOUND: no such member; else as cloudep_db_run, or CLOUDEP_EDATA */
apr_status_t cloudep_member_by_uid(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                   const char *tenant_id, const char *uid);

/** The member whose login phone (E.164) it is. @return APR_NOTFOUND: nobody's; else as cloudep_db_run, or CLOUDEP_EDATA
 */
apr_status_t cloudep_member_by_login_phone(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                           const char *tenant_id, const char *phone);

/**
 * Tenant and member by what a client typed, in one round trip. *member NULL: nobody of that email.
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run, or CLOUDEP_EDATA
 */
apr_status_t cloudep_member_by_email(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *slug, const char *email);

/* Somebody who registers. */
typedef struct cloudep_applicant_t {
    const char *tenant_id;
    const char *uid; /* ours, made before anything else knows of it */
    const char *email;
    const char *invite_code;
    const char *origin;
    const char *provider;
    const char *display_name;
    const char *language;
    const char *terms_version;
    int marketing_opt_in;
} cloudep_applicant_t;

/**
 * Takes one use of the invite and the email, or neither.
 * @return CLOUDEP_ECONFLICT: the email is taken; APR_NOTFOUND: the invite is (no longer) good; CLOUDEP_ELOCKED: its row
 *         stayed locked; else as cloudep_db_run
 */
apr_status_t cloudep_member_reserve(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant);

/**
 * pending -> active, of a registration that a node of 1.0.0 began: without attempts. Opens the session, of whatever
 * generation the member is: nothing changes the credentials of one who is pending, and no second request finds it
 * pending.
 * @return APR_NOTFOUND: not pending, or not such a one; else as cloudep_db_run
 */
apr_status_t cloudep_member_activate(cloudep_db_t *db, apr_pool_t *p, struct cloudep_session_t *session);

/**
 * active -> deleting: the member leaves. All sessions end and the notice is enqueued; the sweep removes user and row.
 * @return APR_NOTFOUND: not active; else as cloudep_db_run
 */
apr_status_t cloudep_member_leave(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                  const cloudep_message_t *notice);

/** reserved (or deleting) -> deleting: nobody else finishes it now. @return APR_NOTFOUND: neither */
apr_status_t cloudep_member_abandon(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid);

/** Removes the row of a member that is deleting; a use of an invite that never led to a member is given back. */
apr_status_t cloudep_member_purge(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid);

/* clang-format off */

/* A member that is to be removed. */
#define CLOUDEP_UNFINISHED_COLUMNS(FIRST, NEXT, member, tenant) \
    FIRST(TEXT, tenant_id, member ".tenant_id") \
    NEXT(TEXT, uid, member ".uid") \
    NEXT(TEXT, email, member ".email") \
    NEXT(TEXT, organization, tenant ".organization") /* the tenant's, NULL: none */ \
    NEXT(LIST, others, /* users beside uid who may be at the identity provider */ \
         "array_remove(" member ".provider_uids, " member ".uid)::text[]")

typedef struct cloudep_unfinished_t {
    CLOUDEP_UNFINISHED_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_unfinished_t;

/* clang-format on */

/**
 * Claims members that never arrived (reserved longer than reserved_age, pending longer than pending_age seconds,
 * without an attempt that is younger and none being confirmed) or never left (deleting, untouched for reserved_age
 * seconds or freshly marked by the operator) and marks them deleting.
 * @param members array of cloudep_unfinished_t, maybe empty; from p
 * @return as cloudep_db_run
 */
apr_status_t cloudep_member_claim_unfinished(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **members,
                                             int reserved_age, int pending_age, int limit);

/* What PATCH may change; NULL: leave, "": clear. */
typedef struct cloudep_profile_t {
    const char *display_name;
    const char *avatar;
    const char *language;
    const char *currency;
    const char *phone;
    const char *terms_version; /* accepted now; never "" */
} cloudep_profile_t;

/** Changes a profile and returns the member as it is then. @return APR_NOTFOUND: no such member; else as cloudep_db_run
 */
apr_status_t cloudep_member_update_profile(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                           const char *tenant_id, const char *uid, const cloudep_profile_t *profile);

#endif
