/*
 * account.h - what many flows begin with: a tenant, an account, a uid, a session, the rules for passwords.
 */
#ifndef CLOUDEP_ACCOUNT_H
#define CLOUDEP_ACCOUNT_H

#include "base/store/session_store.h"
#include "core/context.h"

/** A uid for a new member. */
cloudep_outcome_t cloudep_new_uid(cloudep_context_t *ctx, const char **uid);

/** The tenant of a slug, noted for the event. TENANT_UNKNOWN. */
cloudep_outcome_t cloudep_find_tenant(cloudep_context_t *ctx, const char *slug, const cloudep_tenant_t **tenant);

/** The tenant of an id that something of ours has named. TENANT_UNKNOWN: it was removed meanwhile. */
cloudep_outcome_t cloudep_find_tenant_by_id(cloudep_context_t *ctx, const char *id, const cloudep_tenant_t **tenant);

/** Tenant and member by what a client typed, noted for the event. *member NULL: nobody of that email. TENANT_UNKNOWN.
 */
cloudep_outcome_t cloudep_find_account(cloudep_context_t *ctx, const char *slug, const char *email,
                                       const cloudep_tenant_t **tenant, const cloudep_member_t **member);

/**
 * A session about to begin, with an id, its lifetimes from the settings and the client's address; from the context's
 * pool. Nothing is stored yet.
 * @param amr how the member proved who they are (RFC 8176)
 * @param opened_with by which credential, see session_store.h
 */
cloudep_outcome_t cloudep_session_new(cloudep_context_t *ctx, cloudep_session_t **session, const char *tenant_id,
                                      const char *uid, const char *amr, const char *opened_with);

/**
 * To be asked once a session was opened and before anybody is told of it: ends the member's oldest ones beyond
 * CloudEPSessionsPerMember.
 */
cloudep_outcome_t cloudep_session_opened(cloudep_context_t *ctx, const cloudep_session_t *session);

/**
 * A new password in the form that is hashed (RFC 8265), which every place that sets one goes through. FIELD_INVALID at
 * the member field (an offsetof) of the flow's input: it has control characters or the like.
 */
cloudep_outcome_t cloudep_form_password(cloudep_context_t *ctx, const char **form, apr_size_t field,
                                        const char *password);

/**
 * What the password rules say of that form, and the file of breached passwords. words: NULL-ended, what an attacker
 * tries first. FIELD_INVALID at the member field (an offsetof) of the flow's input.
 */
cloudep_outcome_t cloudep_check_password_rules(cloudep_context_t *ctx, apr_size_t field, const char *password,
                                               const char *const *words);

#endif
