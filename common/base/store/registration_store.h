/*
 * registration_store.h - attempts: what somebody typed who registers, until its code is confirmed.
 *
 * A pending member may have many attempts, of people who know nothing of each other. What each of them typed goes into
 * the member's row with the code that was mailed for it, and with no other. An attempt has a uid of its own, which is
 * the member's from then on, and the user's at the identity provider.
 */
#ifndef CLOUDEP_REGISTRATION_STORE_H
#define CLOUDEP_REGISTRATION_STORE_H

#include "base/store/session_store.h"

typedef struct cloudep_registration_attempt_t {
    const char *tenant_id;
    const char *uid;
    const char *member_uid; /* of the row that is reserved or pending; one that does not exist where nobody may tell */
    const char *email;      /* that the code goes to */
    const char *challenge_id;
    const char *password; /* as the identity provider keeps it until then; NULL: none was given, as for what follows */
    const char *display_name;
    const char *language;
    const char *terms_version;
    int marketing_opt_in;
} cloudep_registration_attempt_t;

/**
 * reserved -> pending: stores the first attempt, whose uid the row has, with the message that tells its code.
 * @param credential the PHC string to be stored for the member; NULL: the identity provider has the password
 * @return APR_NOTFOUND: not reserved; else as cloudep_db_run
 */
apr_status_t cloudep_registration_begin(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                        const char *credential, const cloudep_message_t *message);

/** Stores one more attempt, with the message that tells its code. @return as cloudep_db_run */
apr_status_t cloudep_registration_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                      const cloudep_message_t *message);

/** Names an attempt's new challenge, with the message that tells its code. @return APR_NOTFOUND: it has ended */
apr_status_t cloudep_registration_renew(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                        const cloudep_message_t *message);

/* clang-format off: one column a line */

#define CLOUDEP_REGISTRATION_COLUMNS(FIRST, NEXT, attempt, member)                                                     \
    FIRST(TEXT, uid, attempt ".uid")                                                                                   \
    NEXT(TEXT, email, attempt ".email")                                                                                \
    NEXT(TEXT, language, "coalesce(" attempt ".language, " member ".language)")                                        \
    NEXT(BOOLEAN, pending, "coalesce(" member ".status = 'pending', false)") /* it can be confirmed */

typedef struct cloudep_registration_state_t {
    CLOUDEP_REGISTRATION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_registration_state_t;

/* clang-format on */

/**
 * The attempt whose newest challenge that is, or was. @param lifetime seconds that an attempt lives
 * @return APR_NOTFOUND: none, or it is over; else as cloudep_db_run
 */
apr_status_t cloudep_registration_by_challenge(cloudep_db_t *db, apr_pool_t *p, cloudep_registration_state_t *state,
                                               const char *tenant_id, const char *challenge_id, int lifetime);

/* clang-format off: one column a line */

#define CLOUDEP_CONFIRMATION_COLUMNS(FIRST, NEXT, before)                                                              \
    FIRST(TEXT, member_uid, before ".member_uid")                                                                      \
    NEXT(TEXT, password, before ".password")                                                                           \
    NEXT(TEXT, display_name, before ".display_name")                                                                   \
    NEXT(TEXT, language, before ".language")                                                                           \
    NEXT(BOOLEAN, user_is_there, before ".users = ARRAY[" before ".uid]")        /* and nobody else's */               \
    NEXT(LIST, others, "array_remove(" before ".users, " before ".uid)::text[]") /* users who may be there */

/* What the confirmation that holds the lease finds. */
typedef struct cloudep_leased_t {
    CLOUDEP_CONFIRMATION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_leased_t;

/* clang-format on */

/**
 * Takes the lease on the pending member of an attempt, before its user is made at the identity provider; from then on
 * that user may be there.
 * @param lease   a UUID of this confirmation's own
 * @param seconds after which the lease may be taken over
 * @return APR_NOTFOUND: not pending, the attempt is over, or another one has the lease; else as cloudep_db_run
 */
apr_status_t cloudep_registration_lease(cloudep_db_t *db, apr_pool_t *p, cloudep_leased_t *leased,
                                        const char *tenant_id, const char *uid, const char *lease, int seconds);

/**
 * Gives the lease back; who may be at the identity provider stays noted.
 * @param kept_for NULL; or the attempt that alone may have it before it runs out, as its user may yet be made there
 * @return as cloudep_db_run
 */
apr_status_t cloudep_registration_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id,
                                          const char *member_uid, const char *lease, const char *kept_for);

/* How an attempt is confirmed, and what it turned out to lack. */
typedef struct cloudep_confirming_t {
    const char *lease;   /* NULL: none is needed */
    int stores_password; /* its password is a PHC string, to be stored */
    int drops_password;  /* it has none, whatever was typed: the identity provider refused it */
    int has_password;    /* set */
    int has_terms;       /* set */
} cloudep_confirming_t;

/**
 * pending -> active: gives the member the attempt's uid and what was typed for it, ends all its attempts, and opens the
 * session.
 * @param session of the attempt's tenant and uid; its times are set
 * @return APR_NOTFOUND: not pending, the attempt is over, or the lease is another one's; else as cloudep_db_run
 */
apr_status_t cloudep_registration_confirm(cloudep_db_t *db, apr_pool_t *p, cloudep_confirming_t *how,
                                          cloudep_session_t *session);

/* clang-format off: one column a line */

/* A pending member whose confirmation never came to its end. */
#define CLOUDEP_STALE_COLUMNS(FIRST, NEXT, member, tenant)                                                             \
    FIRST(TEXT, tenant_id, member ".tenant_id")                                                                        \
    NEXT(TEXT, uid, member ".uid")                                                                                     \
    NEXT(TEXT, organization, tenant ".organization")   /* the tenant's, NULL: none */                                  \
    NEXT(LIST, users, member ".provider_uids::text[]") /* who may be at the identity provider */

typedef struct cloudep_stale_t {
    CLOUDEP_STALE_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_stale_t;

/* clang-format on */

/**
 * Takes over leases that ran out, for those seconds.
 * @param members array of cloudep_stale_t, maybe empty; from p
 */
apr_status_t cloudep_registration_take_over(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **members,
                                            const char *lease, int seconds, int limit);

/** Gives such a lease back after all users were removed: nobody is at the identity provider. */
apr_status_t cloudep_registration_cleared(cloudep_db_t *db, apr_pool_t *p, const cloudep_stale_t *member,
                                          const char *lease);

/** Removes up to a thousand attempts that are older than lifetime seconds. */
apr_status_t cloudep_registration_remove_old(cloudep_db_t *db, apr_pool_t *p, int lifetime);

#endif
