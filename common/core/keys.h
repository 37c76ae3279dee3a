/*
 * keys.h - the key sets of a server: those that sign and verify tokens, those that seal secrets, and what is derived.
 */
#ifndef CLOUDEP_KEYS_H
#define CLOUDEP_KEYS_H

#include <httpd.h>
#include "core/settings.h"

/* As the members of cloudep_part_t that they are. */

apr_status_t cloudep_signing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error);
apr_status_t cloudep_sealing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error);
/** After the other two. CloudEPRefreshTokens: which key refresh tokens are signed with. */
apr_status_t cloudep_refresh_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error);

/** Which key signs, and which seals. */
apr_status_t cloudep_signing_keys_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p,
                                        const char **said);
apr_status_t cloudep_sealing_keys_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p,
                                        const char **said);

/**
 * After the sealing keys. CloudEPSessionKeys: what session cookies and XSRF tokens are made with. Whoever holds these
 * can forge cookies, but no tokens: keys of tokens are derived from sealing keys, by labels of their own.
 */
apr_status_t cloudep_session_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error);

/** Whether there is a key that session cookies are made with. */
int cloudep_has_session_keys(const cloudep_config_t *config);
/** Whether there is a private key that signs. */
int cloudep_can_sign(const cloudep_config_t *config);
/** Whether there are keys that verify; public ones are enough. */
int cloudep_can_verify(const cloudep_config_t *config);
/** Whether there is a key that seals. */
int cloudep_can_seal(const cloudep_config_t *config);

#endif
