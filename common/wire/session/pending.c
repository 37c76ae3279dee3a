/*
 * pending.c - the pending cookie: "what:id" of all that a browser has under way, a "." between two.
 *
 * An id is a challenge's, which nobody can guess, and whoever has it still needs the code. So it is under no HMAC.
 */
#include "wire/session/session.h"

#include <apr_strings.h>
#include "access/cookie.h"
#include "base/text/validate.h"
#include "core/config.h"

/* What begins with "what:", up to its "."; NULL: there is none. */
static const char *find(const char *cookie, const char *what)
{
    const apr_size_t length = strlen(what);

    while (cookie && *cookie) {
        if (!strncmp(cookie, what, length) && cookie[length] == ':') {
            return cookie + length + 1;
        }
        cookie = ap_strchr_c(cookie, '.');
        cookie = cookie ? cookie + 1 : NULL;
    }
    return NULL;
}

const char *cloudep_pending(cloudep_call_t *call, const char *what)
{
    const char *at = find(cloudep_cookie(call->r, CLOUDEP_COOKIE_PENDING), what);
    const char *id = at ? apr_pstrmemdup(call->ctx->p, at, strcspn(at, ".")) : NULL;

    return id && cloudep_is_id(id) ? id : NULL;
}

void cloudep_pending_set(cloudep_call_t *call, const char *what, const char *id)
{
    static const char *const all[] = {CLOUDEP_PENDING_LOGIN, CLOUDEP_PENDING_SMS,   CLOUDEP_PENDING_RESET,
                                      CLOUDEP_PENDING_PROOF, CLOUDEP_PENDING_EMAIL, CLOUDEP_PENDING_PHONE};
    const char *value = "";

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *other = strcmp(all[i], what) ? cloudep_pending(call, all[i]) : id;

        if (other) {
            value = apr_pstrcat(call->ctx->p, value, *value ? "." : "", all[i], ":", other, NULL);
        }
    }
    if (*value) {
        cloudep_cookie_set(call->r, CLOUDEP_COOKIE_PENDING, value, call->ctx->config->code_lifetime);
    }
    else if (cloudep_cookie(call->r, CLOUDEP_COOKIE_PENDING)) {
        cloudep_cookie_remove(call->r, CLOUDEP_COOKIE_PENDING);
    }
}
