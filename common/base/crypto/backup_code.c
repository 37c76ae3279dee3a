/*
 * backup_code.c - makes and recognises backup codes.
 */
#include "base/crypto/backup_code.h"

#include <apr_strings.h>
#include <string.h>
#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#define LABEL "cloudep backup code"

static const char *bound(apr_pool_t *pool, const char *tenant_id, const char *uid, const char *code)
{
    return apr_pstrcat(pool, tenant_id, "|", uid, "|", code, NULL);
}

static int is_among(const apr_array_header_t *codes, const char *code)
{
    for (int i = 0; i < codes->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(codes, i, const char *), code)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t cloudep_backup_codes_make(apr_array_header_t **codes, const char **stored, apr_pool_t *pool,
                                       const cloudep_jwks_t *keys, const char *tenant_id, const char *uid)
{
    const char *text = NULL;

    *codes = apr_array_make(pool, CLOUDEP_BACKUP_CODES, sizeof(const char *));
    *stored = NULL;
    while ((*codes)->nelts < CLOUDEP_BACKUP_CODES) {
        const char *code;
        const char *mac;
        const char *data;
        apr_status_t rv = cloudep_random_digits(&code, CLOUDEP_BACKUP_CODE_DIGITS, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (is_among(*codes, code)) {
            continue;
        }
        data = bound(pool, tenant_id, uid, code);
        rv = cloudep_mac(&mac, pool, keys, NULL, LABEL, data, strlen(data));
        if (rv != APR_SUCCESS) {
            return rv;
        }
        APR_ARRAY_PUSH(*codes, const char *) = code;
        text = text ? apr_pstrcat(pool, text, " ", mac, NULL) : mac;
    }
    *stored = text;
    return APR_SUCCESS;
}

apr_status_t cloudep_backup_code_find(const char **found, apr_pool_t *pool, const cloudep_jwks_t *keys,
                                      const char *tenant_id, const char *uid, const char *code,
                                      const apr_array_header_t *stored)
{
    const char *data = bound(pool, tenant_id, uid, code);

    *found = NULL;
    for (int i = 0; i < stored->nelts; i++) {
        const char *text = APR_ARRAY_IDX(stored, i, const char *);
        apr_status_t rv = cloudep_mac_check(pool, keys, LABEL, data, strlen(data), text);

        if (rv == APR_SUCCESS) {
            *found = text;
        }
        else if (rv != CLOUDEP_EFORGED && rv != APR_NOTFOUND) {
            *found = NULL;
            return rv;
        }
    }
    return *found ? APR_SUCCESS : CLOUDEP_EFORGED;
}
