/*
 * keys.c - see keys.h. Keys are read once, as root, before the children drop their privileges.
 */
#include "core/keys.h"

#include <string.h>
#include "base/crypto/mac.h"
#include "base/jose/keyfile.h"

#define REFRESH_LABEL "refresh token" /* of the derived keys; another one would end every session */

apr_status_t cloudep_signing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    (void)s;
    if (!config->signing_file) {
        return APR_SUCCESS;
    }
    if (!config->issuer) {
        *error = "CloudEPSigningKeys needs CloudEPIssuer";
        return CLOUDEP_EUNSET;
    }
    return cloudep_keyfile_load(&config->run->signing, pconf, config->signing_file, error);
}

apr_status_t cloudep_sealing_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    apr_status_t rv;

    (void)s;
    if (!config->sealing_file) {
        return APR_SUCCESS;
    }
    rv = cloudep_keyfile_load(&config->run->sealing, pconf, config->sealing_file, error);
    config->run->challenges.keys = config->run->sealing;
    return rv;
}

apr_status_t cloudep_refresh_keys_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                          const char **error)
{
    cloudep_runtime_t *run = config->run;
    const char *how = config->refresh_tokens ? config->refresh_tokens : cloudep_can_seal(config) ? "hmac" : "signed";
    const int hmac = !strcmp(how, "hmac");
    apr_status_t rv;

    (void)s;
    if (!hmac && strcmp(how, "signed") != 0) {
        *error = "CloudEPRefreshTokens must be hmac or signed";
        return CLOUDEP_EREFUSED;
    }
    if (hmac && !cloudep_can_seal(config)) {
        *error = "CloudEPRefreshTokens hmac needs CloudEPSealingKeys: its key is derived from them";
        return CLOUDEP_EUNSET;
    }
    /* Both kinds are read, whichever is written. */
    rv = cloudep_derive_jwks(&run->refresh, pconf, run->sealing, REFRESH_LABEL);
    if (rv != APR_SUCCESS) {
        *error = "the key of refresh tokens could not be derived from CloudEPSealingKeys";
        return rv;
    }
    run->refresh_key = cloudep_jwks_active(hmac ? run->refresh : run->signing, CLOUDEP_KEY_SIGN);
    return APR_SUCCESS;
}

int cloudep_can_sign(const cloudep_config_t *config)
{
    return config->run->signing && cloudep_jwks_active(config->run->signing, CLOUDEP_KEY_SIGN);
}

int cloudep_can_verify(const cloudep_config_t *config)
{
    return config->run->signing != NULL;
}

int cloudep_can_seal(const cloudep_config_t *config)
{
    return config->run->sealing && cloudep_jwks_active(config->run->sealing, CLOUDEP_KEY_SEAL);
}
