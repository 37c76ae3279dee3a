/*
 * link_store.h - one-time links as they are kept, and what undoing does.
 *
 * used_at says that a link serves no more: it was used, or what it undoes is beyond doubt
 * (CLOUDEP_SQL_SPEND_UNDO).
 */
#ifndef CLOUDEP_LINK_STORE_H
#define CLOUDEP_LINK_STORE_H

#include "base/store/session_store.h"

/* Kinds. They are also the word before the token in the address. */
#define CLOUDEP_LINK_RESET "reset"
#define CLOUDEP_LINK_FIRST_PASSWORD "first_password"
#define CLOUDEP_LINK_UNDO "undo"

#define CLOUDEP_UNDOES_TOTP "totp"
#define CLOUDEP_UNDOES_EMAIL "email"
#define CLOUDEP_UNDOES_PASSKEY "passkey"

/* Seconds that a link is good for: to reset a password, to set the first one, to undo something. */
#define CLOUDEP_LINK_LIFETIME 3600
#define CLOUDEP_INVITATION_LIFETIME (7 * 24 * 3600)
#define CLOUDEP_UNDO_LIFETIME (72 * 3600)

/* clang-format off */

/*
 * The undo of an enrolment dies when its factor was used in a login beside a credential that is older than it: that
 * was the owner. A code of the mailbox, or a passkey alone, is no such credential. opened: the session; which: the
 * links of the factor.
 */
#define CLOUDEP_SQL_SPEND_UNDO(opened, which) \
    "UPDATE cloudep.links AS link" \
    " SET used_at = now()" \
    " FROM " opened \
    " WHERE link.tenant_id = " opened ".tenant_id" \
    "   AND link.uid = " opened ".uid" \
    "   AND " which \
    "   AND link.used_at IS NULL" \
    "   AND CASE split_part(" opened ".opened_with, ':', 1)" \
    "       WHEN '" CLOUDEP_OPENED_PASSWORD "' THEN NOT EXISTS (" \
    "         SELECT FROM cloudep.credentials AS credential" \
    "         WHERE credential.tenant_id = link.tenant_id" \
    "           AND credential.uid = link.uid" \
    "           AND credential.updated_at >= link.undoes_at)" \
    "       WHEN 'identity' THEN EXISTS (" \
    "         SELECT FROM cloudep.identities AS identity" \
    "         WHERE identity.tenant_id = link.tenant_id" \
    "           AND identity.uid = link.uid" \
    "           AND identity.id = split_part(" opened ".opened_with, ':', 2)::uuid" \
    "           AND identity.created_at < link.undoes_at)" \
    "       ELSE false END"

/* clang-format on */

/* A link that is still good. */
typedef struct cloudep_link_t {
    const char *tenant_id;
    const char *digest;
    const char *uid;
    const char *kind;
    const char *undoes;    /* with CLOUDEP_LINK_UNDO */
    apr_int64_t undoes_at; /* when that was done, Unix milliseconds */
    const char *restores;  /* with CLOUDEP_UNDOES_EMAIL: the address before */
} cloudep_link_t;

/** Adds a link of a member, good for as long as its kind is. @return APR_NOTFOUND: no such member; else as
 * cloudep_db_run */
apr_status_t cloudep_link_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link);

/** The link of a digest. @return APR_NOTFOUND: none, used, dead or expired; else as cloudep_db_run */
apr_status_t cloudep_link_find(cloudep_db_t *db, apr_pool_t *p, cloudep_link_t *link, const char *tenant_id,
                               const char *digest);

/** Uses a link up: of all who try, one succeeds. @return APR_NOTFOUND: another one was first, or it expired */
apr_status_t cloudep_link_use(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link);

/** Puts a link back, for the one who used it, when the step after that failed. It expires when it would have. */
apr_status_t cloudep_link_restore(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link);

/**
 * Uses a link up and undoes what it is for: an enrolment, or a change of the login email. Whatever lets in and was
 * added since goes too: TOTP, passkeys, linked accounts, a login phone; with an email the links that were mailed since,
 * and the reservations of addresses. The password goes (it is due: a reset sets the next), all sessions end, lockouts
 * are forgotten, the notice is enqueued.
 * @return APR_NOTFOUND: another one was first, it died or expired, or its member is neither active nor suspended;
 *         CLOUDEP_ECONFLICT: another member has the address: nothing was done; else as cloudep_db_run
 */
apr_status_t cloudep_link_undo(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link,
                               const cloudep_message_t *notice);

#endif
