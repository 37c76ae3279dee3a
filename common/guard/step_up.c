/*
 * step_up.c - where the session cookie lets in: a session that lacks no more than a proof is asked for it.
 *
 * Lines "Require" combine in any way, so what a session lacks is found by trying them: as it is, as if it were fresh,
 * and as if it had given a second factor too. Only if that would let it in is the browser sent to prove it; whoever
 * lacks a tenant or a claim gets 403, as no proof would help them.
 */
#include "guard/guard.h"

#include <http_log.h>
#include <http_request.h>
#include "access/place.h"
#include "core/request.h"
#include "guard/login_page.h"

/* For tries: what they find is no failure yet, and so not for the log. */
static const struct ap_logconf quiet = {.level = APLOG_EMERG};

int cloudep_is_taken_as_proved(request_rec *r, unsigned proof)
{
    const cloudep_request_t *state = cloudep_request_seen(r);

    return state && (state->taken_as_proved & proof);
}

/* What "Require" says of a request whose session is taken as if it had these proofs. */
static int authorize(request_rec *r, unsigned proofs, int quietly)
{
    cloudep_request_t *state = cloudep_request(r);
    const struct ap_logconf *log = r->log;
    int verdict;

    state->authorizing = 1;
    state->taken_as_proved = proofs;
    r->log = quietly ? &quiet : log;
    verdict = ap_run_auth_checker(r);
    r->log = log;
    if (quietly) {
        apr_table_unset(r->err_headers_out, "WWW-Authenticate");
    }
    state->taken_as_proved = 0;
    state->authorizing = 0;
    return verdict;
}

/* The proof that would let it in, as the login page is told; NULL: none would. */
static const char *lacking(request_rec *r)
{
    if (authorize(r, CLOUDEP_PROOF_FRESH, 1) == OK) {
        return "fresh";
    }
    return authorize(r, CLOUDEP_PROOF_FRESH | CLOUDEP_PROOF_MFA, 1) == OK ? "mfa" : NULL;
}

static int step_up(request_rec *r)
{
    const char *need;
    int verdict;

    if (!cloudep_is_guarded(r) || !cloudep_takes_session_cookie(r) || !cloudep_guard_principal(r) ||
        cloudep_request(r)->authorizing) {
        return DECLINED;
    }
    verdict = authorize(r, 0, 1);
    if (verdict == OK || verdict == DECLINED) {
        return verdict;
    }
    need = cloudep_place_of(r)->login_page && cloudep_is_navigation(r) ? lacking(r) : NULL;
    if (need && cloudep_send_to_login(r, need) == HTTP_SEE_OTHER) {
        return HTTP_SEE_OTHER;
    }
    /* Once more, for the log. Another login would not help whoever is known. */
    verdict = authorize(r, 0, 0);
    return verdict == HTTP_UNAUTHORIZED ? HTTP_FORBIDDEN : verdict;
}

void cloudep_step_up_register_hooks(void)
{
    ap_hook_check_authz(step_up, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
}
