/*
 * api_provider.h - accounts at an OpenID provider, for tests of the APIs.
 */
#ifndef CLOUDEP_TEST_API_PROVIDER_H
#define CLOUDEP_TEST_API_PROVIDER_H

#include "provider.h" /* first, as api.h has short names of its own */

#include "api.h"

/* One parameter of the address that the browser is sent to, which stands there in the answer. */
static const char *parameter(const char *address, const char *name)
{
    const char *url = text(address);
    const char *found = url ? strstr(url, apr_pstrcat(p, name, "=", NULL)) : NULL;

    return found ? apr_pstrndup(p, found + strlen(name) + 1, strcspn(found + strlen(name) + 1, "&")) : "";
}

/* Has the provider say who came, at the start whose address stands there in the answer. */
static void provider_says(const char *address, const char *subject, const char *email)
{
    json_t *claims =
        provider_with(provider_claims(subject), json_pack("{ss,ss,sb}", "nonce", parameter(address, "nonce"), "email",
                                                          email, "email_verified", 1));

    peer_answers(&provider.peer, PROVIDER_TOKEN, 200,
                 apr_psprintf(p, "{\"token_type\":\"Bearer\",\"id_token\":\"%s\"}", provider_signs(at, claims)));
}

#endif
