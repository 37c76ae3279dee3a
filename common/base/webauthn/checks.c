/*
 * checks.c - the steps that registration and assertion share.
 */
#include "base/webauthn/checks.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

cloudep_webauthn_reason_t cloudep_webauthn_check_data(const cloudep_authenticator_data_t *data,
                                                      const cloudep_webauthn_rule_t *rule, int user_presence_required)
{
    unsigned char rp_id_hash[CLOUDEP_RP_ID_HASH_LEN];

    if (!EVP_Digest(rule->rp_id, strlen(rule->rp_id), rp_id_hash, NULL, EVP_sha256(), NULL)) {
        return CLOUDEP_WEBAUTHN_UNABLE;
    }
    if (CRYPTO_memcmp(data->rp_id_hash, rp_id_hash, sizeof(rp_id_hash)) != 0) { /* 7.1 step 14, 7.2 step 15 */
        return CLOUDEP_WEBAUTHN_RP_ID;
    }
    if (!(data->flags & CLOUDEP_FLAG_UP) && user_presence_required) { /* 7.1 step 15, 7.2 step 16 */
        return CLOUDEP_WEBAUTHN_USER_PRESENCE;
    }
    if (!(data->flags & CLOUDEP_FLAG_UV) && rule->user_verification_required) { /* 7.1 step 16, 7.2 step 17 */
        return CLOUDEP_WEBAUTHN_USER_VERIFICATION;
    }
    if (data->flags & CLOUDEP_FLAG_BS && !(data->flags & CLOUDEP_FLAG_BE)) { /* 7.1 step 17, 7.2 step 18 */
        return CLOUDEP_WEBAUTHN_BACKUP_STATE;
    }
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}
