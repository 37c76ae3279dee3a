/*
 * exchange.h - the member that an id_token at token/exchange stands for.
 */
#ifndef CLOUDEP_OIDC_EXCHANGE_H
#define CLOUDEP_OIDC_EXCHANGE_H

#include "base/store/member_store.h"
#include "core/context.h"

/**
 * The member that an id_token of CloudEPExchangeIssuer means. ID_TOKEN_INVALID; MEMBER_UNKNOWN: nobody here.
 * @param opened_with set to what a session by it is opened with, see session_store.h
 * @param session_id set to what the session that it opens is to be called, the same for the same token within
 *        CloudEPRefreshGrace; left as it is where CloudEPExchangeSingleUse is Off
 */
cloudep_outcome_t cloudep_exchange_member(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *id_token,
                                          const cloudep_member_t **member, const char **opened_with,
                                          const char **session_id);

#endif
