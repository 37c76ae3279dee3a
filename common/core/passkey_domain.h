/*
 * passkey_domain.h - CloudEPPasskeyDomain: the domain that passkeys are for (the relying party's id), and the pages
 * that may use them.
 *
 * A passkey is bound to that domain for good. Pages are known by their origin, as browsers write it; apps for Android
 * by "android:apk-key-hash:" and the SHA-256 of the certificate that signs them. Pages on other domains may use the
 * passkeys when this domain says so at /.well-known/webauthn (WebAuthn Level 3 section 5.11).
 */
#ifndef CLOUDEP_PASSKEY_DOMAIN_H
#define CLOUDEP_PASSKEY_DOMAIN_H

#include <apr_pools.h>
#include "core/settings.h"

struct server_rec;

typedef struct cloudep_passkey_domain_t {
    const char *rp_id;
    const char *const *origins; /* ended by NULL: all that may use the passkeys */
    const char *document;       /* what /.well-known/webauthn says: JSON */
} cloudep_passkey_domain_t;

/** Checks domain and origins; the prepare of a part (core/parts.h). Sets config->run->passkeys, NULL without domain. */
apr_status_t cloudep_passkey_domain_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                            const char **error);

/** What /.well-known/webauthn says; NULL: there are no passkeys here. */
CLOUDEP_DECLARE(const char *) cloudep_passkey_document(const cloudep_config_t *config);

/** Whether there are passkeys here. */
int cloudep_has_passkeys(const cloudep_config_t *config);

#endif
