/*
 * social_record.h - the inside of a login at a social provider, for the files that begin and end it.
 */
#ifndef CLOUDEP_SOCIAL_RECORD_H
#define CLOUDEP_SOCIAL_RECORD_H

#include "base/cache/challenge.h"
#include "oidc/social.h"

/* Who started a login, and what the provider has to be told at its end. */
typedef struct cloudep_social_proof_t {
    const char *session_id;
    const char *browser;
    const char *verifier;
    const char *nonce;
} cloudep_social_proof_t;

struct cloudep_social_login_t {
    cloudep_social_t social;
    cloudep_social_proof_t proof;
    cloudep_challenge_t *challenge;
};

/** Seals what is to be remembered and stores it; *state names it. CLOUDEP_ECACHE, CLOUDEP_EUNSET, APR_ENOMEM. */
apr_status_t cloudep_social_remember(const char **state, cloudep_context_t *ctx, const cloudep_social_t *social,
                                     const cloudep_social_proof_t *proof);

/** What a state names; it is as good afterwards as before. STATE_INVALID, LOGIN_LOST. */
cloudep_outcome_t cloudep_social_recall(cloudep_context_t *ctx, const char *purpose, const char *state,
                                        cloudep_social_login_t **login);

/** Of all requests that bring the same state one gets through; the others are STATE_INVALID. */
cloudep_outcome_t cloudep_social_use_up(cloudep_context_t *ctx, const cloudep_social_login_t *login);

/** STATE_INVALID: one answer for all that is wrong with a state; the log has the reason. */
cloudep_outcome_t cloudep_social_refuse_state(cloudep_context_t *ctx, const char *why);

/** Keeps a name for the end of a login, sealed; the first one stays. What fails is logged: a name is no more. */
void cloudep_social_keep_name(cloudep_context_t *ctx, const cloudep_social_login_t *login, const char *name);

/** The name that was kept; NULL: none. */
const char *cloudep_social_kept_name(cloudep_context_t *ctx, const cloudep_social_login_t *login);

#endif
