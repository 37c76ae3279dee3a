/*
 * token_exchange.h - an id_token of the company's own login for a session of ours.
 */
#ifndef CLOUDEP_TOKEN_EXCHANGE_H
#define CLOUDEP_TOKEN_EXCHANGE_H

#include "flow/login.h"

typedef struct cloudep_exchange_t {
    const char *tenant_slug;
    const char *id_token;
} cloudep_exchange_t;

/** TENANT_UNKNOWN, ID_TOKEN_INVALID, MEMBER_UNKNOWN, and as cloudep_complete_login(). */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_exchange_token(cloudep_context_t *ctx, const cloudep_exchange_t *in, cloudep_login_result_t *out);

#endif
