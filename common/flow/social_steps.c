/*
 * social_steps.c - see social_steps.h.
 */
#include "flow/social_steps.h"

#include <string.h>
#include <strings.h>

cloudep_outcome_t cloudep_social_check_redirect(const cloudep_tenant_t *tenant, apr_size_t field, const char *uri)
{
    size_t length = strlen(uri);

    for (const char *at = tenant->redirect_uris; at && *at; at = strchr(at, '\n') + 1) {
        if (!strncmp(at, uri, length) && at[length] == '\n') {
            return cloudep_done();
        }
    }
    return cloudep_invalid(field, CLOUDEP_RULE_NOT_ALLOWED, "is not one that the tenant allows");
}

cloudep_outcome_t cloudep_social_depart(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                                        cloudep_social_start_t *out)
{
    cloudep_social_redirect_t redirect;
    cloudep_outcome_t outcome = cloudep_social_begin(ctx, social, browser, &redirect);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    *out = (cloudep_social_start_t){.oauth_url = redirect.url,
                                    .session_id = redirect.session_id,
                                    .browser = redirect.browser,
                                    .expires_in = redirect.expires_in};
    return outcome;
}

/* What a provider says in place of a code. Apple has a word of its own, LINE writes in capitals. The words are the
 * provider's, so they are not logged. */
static cloudep_outcome_t read_error(cloudep_context_t *ctx, const char *error)
{
    if (!strcasecmp(error, "access_denied") || !strcmp(error, "user_cancelled_authorize")) {
        return cloudep_refuse(CLOUDEP_LOGIN_CANCELLED);
    }
    CLOUDEP_LOG(ctx, WARNING, 0, CENO(1221) "the provider answers with an error in place of a code");
    return cloudep_refuse(CLOUDEP_PROVIDER_FAILED);
}

cloudep_outcome_t cloudep_social_arrive(cloudep_context_t *ctx, const char *purpose,
                                        const cloudep_social_callback_t *in, const cloudep_social_login_t **login)
{
    cloudep_outcome_t outcome =
        cloudep_social_return(ctx, purpose, in->state, in->browser, in->session_id, in->issuer, login);

    return cloudep_failed(outcome) || !in->error ? outcome : read_error(ctx, in->error);
}
