/*
 * keys.c - see keys.h. Keys are read once, as root, before the children drop their privileges.
 */
#include "core/keys.h"

#include "base/jose/keyfile.h"

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
