/*
 * enter.c - /.cloudep/enter: where a browser comes back from the login page of another host.
 *
 * It is answered on every virtual host with CloudEPDatabase On, before anything else looks at the request: whatever is
 * guarded there, and wherever its paths are mapped to. It sets the session cookie of this host, of kind guard, and goes
 * to the path that was stored with the code, never to one from the address.
 */
#include "guard/guard.h"

#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include "access/entry_cookie.h"
#include "access/origin.h"
#include "access/session_cookie.h"
#include "core/needs.h"
#include "core/request.h"
#include "core/runtime.h"
#include "flow/handoff.h"
#include "wire/v1/v1.h"

#define PATH CLOUDEP_OWN_PATHS "enter"
#define CODE "code="

/* The page for whom a code does not let in. There is nothing to repeat, so it leads to the front page. */
static const char page[] =
    "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<title>This address is over</title><h1>This address is over</h1>"
    "<p>It was good for one use, for half a minute, in one browser that keeps cookies. "
    "Please <a href=\"/\">begin again</a>.</p>"
    "<p lang=\"zh-TW\">這個網址已失效：它只能在保留 Cookie 的同一個瀏覽器中、半分鐘內使用一次。請<a "
    "href=\"/\">重新開始</a>。</p></html>";

/* The code in a query "code=..." alone; NULL: it is another query. */
static const char *code_of(const request_rec *r)
{
    const char *code = r->args && !strncmp(r->args, CODE, strlen(CODE)) ? r->args + strlen(CODE) : NULL;

    return code && !strpbrk(code, "&%+") ? code : NULL;
}

static int refuse(request_rec *r, cloudep_outcome_t outcome)
{
    const int status = cloudep_v1_code(NULL, outcome.reason, NULL).status;

    if (status >= HTTP_INTERNAL_SERVER_ERROR) {
        return status;
    }
    cloudep_answer_headers(r, r->headers_out, HTTP_BAD_REQUEST, outcome);
    apr_table_setn(r->headers_out, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    r->status = HTTP_BAD_REQUEST;
    ap_set_content_type(r, "text/html; charset=utf-8");
    ap_set_content_length(r, sizeof(page) - 1);
    ap_rwrite(page, sizeof(page) - 1, r);
    return OK;
}

/* Sets the session cookie of this host and goes to where the browser wanted. */
static int let_in(request_rec *r, const char *origin, const cloudep_entered_t *entered)
{
    const cloudep_session_cookie_t cookie = {.kind = CLOUDEP_COOKIE_GUARD,
                                             .tenant_id = entered->tenant_id,
                                             .session_id = entered->session_id,
                                             .uid = entered->uid};
    const apr_status_t rv = cloudep_session_cookie_set(r, &cookie);

    if (rv != APR_SUCCESS) {
        (void)cloudep_failure(cloudep_request_context(r), rv, "making a cookie");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    cloudep_entry_note(r);
    return cloudep_send_redirect(r, apr_pstrcat(r->pool, origin, entered->path, NULL));
}

/* A quick handler. */
static int enter(request_rec *r, int lookup)
{
    cloudep_context_t *ctx;
    cloudep_entry_t in;
    cloudep_entered_t out;
    cloudep_outcome_t outcome;

    if (lookup || strcmp(r->uri ? r->uri : "", PATH) != 0 || !cloudep_config_of(r->server)->database) {
        return DECLINED;
    }
    ctx = cloudep_request_context(r);
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET || r->header_only) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (ctx->config->off & (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SESSION_KEYS)) {
        return HTTP_NOT_IMPLEMENTED;
    }
    in = (cloudep_entry_t){code_of(r), cloudep_own_origin(r), cloudep_entry_digest(r)};
    if (!in.code || !in.origin) {
        return refuse(r, cloudep_refuse(CLOUDEP_REQUEST_MALFORMED));
    }
    outcome = cloudep_take_over(ctx, &in, &out);
    return cloudep_failed(outcome) ? refuse(r, outcome) : let_in(r, in.origin, &out);
}

void cloudep_enter_register_hooks(void)
{
    /* Before a cache's. */
    ap_hook_quick_handler(enter, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
