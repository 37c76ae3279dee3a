/*
 * idp.h - where members' passwords live: what an identity provider does, and which one this server uses.
 *
 * One is an httpd provider (ap_register_provider) of the group and version below; CloudEPIdentityProvider names it.
 */
#ifndef CLOUDEP_IDP_H
#define CLOUDEP_IDP_H

#include "base/store/member_store.h"
#include "core/settings.h"
#include "core/context.h"

#define CLOUDEP_IDP_GROUP "cloudep-idp"
#define CLOUDEP_IDP_VERSION "0"

/* A user as an identity provider knows it; uid is ours and makes every call repeatable. */
typedef struct cloudep_idp_user_t {
    const cloudep_tenant_t *tenant;
    const char *uid; /* NULL: there is no such account, take as long as if there were */
    const char *email;
    const char *display_name;
    const char *language;
    const cloudep_member_t *member; /* for verify: whose password it is; NULL: nobody's */
    int proved;                     /* the address is: another user of that name there is no hindrance */
    int first_password;             /* they have none yet, so the provider may not know them */
} cloudep_idp_user_t;

/*
 * Where an identity provider works: a request or the background sweep (r NULL then). No database connection
 * is held while a provider is at work.
 */
typedef struct cloudep_idp_context_t {
    struct server_rec *s;
    struct request_rec *r;
    apr_pool_t *p;
    const cloudep_config_t *config;
} cloudep_idp_context_t;

/*
 * APR_SUCCESS; CLOUDEP_EFORGED: wrong password or no such user; CLOUDEP_EREFUSED: the provider has the account
 * blocked, or refuses the password (*reason says why); CLOUDEP_ECONFLICT: the email belongs to someone else
 * there; CLOUDEP_EPROVIDER, CLOUDEP_EDATABASE, CLOUDEP_EOVERLOAD, CLOUDEP_EDATA, CLOUDEP_EUNSET: could not.
 * APR_INCOMPLETE (create only): the provider may do it yet. A removal now could come before the user, so the member has
 * to stay reserved until the sweep undoes it.
 */
typedef struct cloudep_idp_t {
    const char *name;
    /** What keep() makes is a PHC string that is stored with the member's row; create and remove have nothing to do. */
    int stored_here;
    /** Whether this server's configuration is enough for it. */
    int (*configured)(const cloudep_config_t *config);
    /**
     * What is kept of a registrant's password until the address is confirmed, when create() needs it.
     * @param kept text from ctx->p that nobody reads the password from who has the database alone
     */
    apr_status_t (*keep)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                         const char **kept, const char **reason);
    /**
     * Creates the user with the password of which that was kept; again for the same uid: success.
     * @param kept NULL: with a password that nobody knows
     */
    apr_status_t (*create)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                           const char **reason);
    /** Takes as long as create() for somebody who is not to be created. */
    void (*pretend)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password);
    /**
     * Checks a password as it was typed: in the form that the stored one has, see base/text/opaque_string.h. Takes the
     * same time whether or not the user exists. The others are given passwords in their form.
     */
    apr_status_t (*verify)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password);
    /**
     * Sets a new password and lifts the provider's own lock. *phc NULL: that is done. Else nothing has changed yet: it
     * counts once cloudep_password_change() has stored *phc, in the statement that ends what the old one let in.
     */
    apr_status_t (*set_password)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                 const char **phc, const char **reason);
    /** Marks the email as confirmed. */
    apr_status_t (*confirm)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);
    /**
     * Gives the user another email, which is proved, and makes it the user name; where another user has that name, the
     * uid is. With first_password a user who is not there is a success.
     */
    apr_status_t (*change_email)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);
    /** Whether the users of an OpenID issuer are users of this provider; NULL: of none. */
    int (*is_issuer)(const cloudep_config_t *config, const char *issuer);
    /** Removes the user; gone already: success. */
    apr_status_t (*remove)(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);
} cloudep_idp_t;

/** The identity provider of this server and the context to call it with. */
const cloudep_idp_t *cloudep_idp(const cloudep_context_t *ctx, cloudep_idp_context_t *at);

/**
 * Undoes a registration that did not come to its end: user at the provider, member's row, the invite's use. What
 * fails here is finished by the sweep.
 */
void cloudep_undo_registration(cloudep_context_t *ctx, const cloudep_idp_user_t *user);

/** Removes users at the provider. @param uids array of const char * */
apr_status_t cloudep_remove_users(const cloudep_idp_context_t *at, const cloudep_tenant_t *tenant,
                                  const apr_array_header_t *uids);

/** Removes an abandoned or deleted member at the provider and then here. */
apr_status_t cloudep_finish_removal(const cloudep_idp_context_t *at, const cloudep_idp_user_t *user);

extern const cloudep_idp_t cloudep_idp_local;
extern const cloudep_idp_t cloudep_idp_zitadel;

#endif
