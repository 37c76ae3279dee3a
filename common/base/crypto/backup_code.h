/*
 * backup_code.h - the ten codes that stand in for a lost authenticator: making them and recognising one.
 *
 * Eight digits from the CSPRNG, shown once. What is stored is a keyed hash that belongs to tenant and member, so the
 * table alone tells no code and a row copied to another member is worth nothing. A rotated sealing key keeps the codes
 * valid: each stored text names the key it was made with.
 */
#ifndef CLOUDEP_BACKUP_CODE_H
#define CLOUDEP_BACKUP_CODE_H

#include <apr_tables.h>
#include "base/export.h"
#include "base/jose/jwk.h"

#define CLOUDEP_BACKUP_CODES 10
#define CLOUDEP_BACKUP_CODE_DIGITS 8

/**
 * Makes a new set for a member.
 * @param codes   array of const char *, for the member's eyes only; from pool
 * @param stored  what to keep of them, with a space between two; from pool
 * @return APR_SUCCESS; CLOUDEP_EUNSET: no sealing key; APR_EGENERAL: no randomness, or OpenSSL failed
 */
apr_status_t cloudep_backup_codes_make(apr_array_header_t **codes, const char **stored, apr_pool_t *pool,
                                       const cloudep_jwks_t *keys, const char *tenant_id, const char *uid);

/**
 * Finds the stored text of a code. All of them are compared, so that the time taken tells nothing.
 * @param found   the one of stored that code belongs to; NULL unless APR_SUCCESS
 * @param code    digits, spaces already removed
 * @param stored  array of const char *
 * @return APR_SUCCESS; CLOUDEP_EFORGED: it is none of them; else as cloudep_mac_check. A stored text whose key is gone
 *         from the set matches nothing
 */
apr_status_t cloudep_backup_code_find(const char **found, apr_pool_t *pool, const cloudep_jwks_t *keys,
                                      const char *tenant_id, const char *uid, const char *code,
                                      const apr_array_header_t *stored);

#endif
