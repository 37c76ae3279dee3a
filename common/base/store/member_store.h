/*
 * member_store.h - members: their rows and the steps of a registration, one statement a step.
 */
#ifndef CLOUDEP_MEMBER_STORE_H
#define CLOUDEP_MEMBER_STORE_H

#include "base/store/generation.h"
#include "base/store/outbox_store.h"
#include "base/store/tenant_store.h"

struct cloudep_session_t;

typedef enum {
    CLOUDEP_MEMBER_RESERVED, /* the provider has not answered yet */
    CLOUDEP_MEMBER_PENDING,  /* has not confirmed the code */
    CLOUDEP_MEMBER_ACTIVE,
    CLOUDEP_MEMBER_SUSPENDED,
    CLOUDEP_MEMBER_DELETING
} cloudep_member_status_e;

typedef struct cloudep_member_t {
    const char *tenant_id;
    const char *uid;
    cloudep_member_status_e status;
    const char *email;
    const char *origin;   /* platform_native, google, ... */
    const char *provider; /* the identity provider that knows the password */
    const char *display_name;
    const char *avatar;
    const char *phone;
    const char *language;
    const char *currency;
    const char *business_email;
    int business_email_verified;
    const char *business_phone;
    int business_phone_verified;
    int totp_enrolled;
    apr_int64_t created_at; /* Unix milliseconds */
    apr_int64_t updated_at;
    const char *generation;    /* of the credentials when the row was read: a number; see generation.h */
    const char *sessions_from; /* the least one whose sessions live: a number */
    int has_password;
    int password_due; /* it was taken away, and a reset sets the next */
} cloudep_member_t;

/* The columns of a member joined as m, with totp joined as o. */
#define CLOUDEP_MEMBER_COLUMNS                                                                                         \
    "m.tenant_id, m.uid, m.status, m.email, m.origin, m.provider, m.display_name, m.avatar, m.phone, m.language,"      \
    " m.currency, m.business_email, m.business_email_verified_at IS NOT NULL, m.business_phone,"                       \
    " m.business_phone_verified_at IS NOT NULL, o.enrolled_at IS NOT NULL,"                                            \
    " floor(date_part('epoch', m.created_at) * 1000)::bigint, floor(date_part('epoch', m.updated_at) * 1000)::bigint," \
    " m.generation, m.sessions_from, " CLOUDEP_SQL_HAS_PASSWORD ", m.password_due"

#define CLOUDEP_MEMBER_COLUMN_COUNT 22

/** Reads a member from a row (NULL: the join found none). @return CLOUDEP_EDATA: a status that does not exist */
apr_status_t cloudep_member_of_row(apr_pool_t *p, const cloudep_member_t **member, const cloudep_rows_t *rows, int row,
                                   int column);

/** The API's word for a status. */
CLOUDEP_DECLARE(const char *) cloudep_member_status_name(cloudep_member_status_e status);

/** @return APR_NOTFOUND: no such member; else as cloudep_db_run, or CLOUDEP_EDATA */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_by_uid(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member, const char *tenant_id,
                      const char *uid);

/**
 * Tenant and member by what a client typed, in one round trip. *member NULL: nobody of that email.
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run, or CLOUDEP_EDATA
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_by_email(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
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

/* Takes one use of the invite that source (a CTE with tenant_id, code) names, if it is still good; to stand in a CTE.
 */
#define CLOUDEP_SQL_USE_INVITE(source)                                                                                 \
    "UPDATE cloudep.invites i SET uses = i.uses + 1 FROM " source " WHERE i.tenant_id = " source                       \
    ".tenant_id AND i.code = " source ".code AND i.revoked_at IS NULL"                                                 \
    " AND (i.expires_at IS NULL OR i.expires_at > now()) AND i.uses < i.max_uses RETURNING i.id"

/**
 * Takes one use of the invite and the email, or neither.
 * @return CLOUDEP_ECONFLICT: the email is taken; APR_NOTFOUND: the invite is (no longer) good; CLOUDEP_ELOCKED: its row
 *         stayed locked; else as cloudep_db_run
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_reserve(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant);

/** reserved -> pending, with the message that tells the code. @return APR_NOTFOUND: not reserved; else as
 * cloudep_db_run */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_await_code(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message);

/**
 * pending -> active, and opens the session, of whatever generation the member is: nothing changes the credentials of
 * one who is pending, and no second request finds it pending.
 * @return APR_NOTFOUND: not pending; else as cloudep_db_run
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_activate(cloudep_db_t *db, apr_pool_t *p, struct cloudep_session_t *session);

/** reserved (or deleting) -> deleting: nobody else finishes it now. @return APR_NOTFOUND: neither */
apr_status_t cloudep_member_abandon(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid);

/** Removes the row of a member that is deleting; a use of an invite that never led to a member is given back. */
apr_status_t cloudep_member_purge(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid);

/**
 * Claims members that never arrived (reserved longer than reserved_age, pending longer than pending_age seconds) or
 * never left (deleting, untouched for reserved_age seconds or freshly marked by the operator) and marks them deleting.
 * @param members rows of tenant id, uid, email, provider, organization
 */
apr_status_t cloudep_member_claim_unfinished(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **members,
                                             int reserved_age, int pending_age, int limit);

/* What PATCH may change; NULL: leave, "": clear. */
typedef struct cloudep_profile_t {
    const char *display_name;
    const char *avatar;
    const char *language;
    const char *currency;
    const char *phone;
} cloudep_profile_t;

/** Changes a profile and returns the member as it is then. @return APR_NOTFOUND: no such member; else as cloudep_db_run
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_member_update_profile(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member, const char *tenant_id,
                              const char *uid, const cloudep_profile_t *profile);

#endif
