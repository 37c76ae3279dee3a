/*
 * code.h - one-time codes, TOTP codes and backup codes as people type or paste them.
 */
#ifndef CLOUDEP_TEXT_CODE_H
#define CLOUDEP_TEXT_CODE_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/status.h"

/**
 * Read the digits of a code: spaces of all kinds, invisible characters, dashes and dots are dropped wherever they
 * stand ("837-614", "123 456"), digits of any script become ASCII ones. Six digits are an OTP or TOTP code, eight a
 * backup code.
 * @param digits ASCII digits only, in @a pool; NULL on failure
 * @param text the code; NUL-terminated
 * @param min fewest digits, at least 1
 * @param max most digits
 * @return APR_SUCCESS; CLOUDEP_EMALFORMED: another character, bad UTF-8, or not so many digits
 */
apr_status_t cloudep_normalize_digits(const char **digits, const char *text, apr_size_t min, apr_size_t max,
                                      apr_pool_t *pool);

#endif
