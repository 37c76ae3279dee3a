/*
 * login_page.c - see login_page.h.
 */
#include "guard/login_page.h"

#include <http_protocol.h>
#include <apr_strings.h>
#include "access/asked.h"
#include "access/entry_cookie.h"
#include "access/origin.h"
#include "access/place.h"
#include "access/session_cookie.h"
#include "core/module.h"

#define LONGEST_RETURN 5000 /* bytes of return_to as the value of a query: the login page's server has to take it */

/* A client is taken for a browser that navigates when its Accept names HTML, and JSON not before it. */
static int accepts_page(const request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    const char *html = accept ? ap_strstr_c(accept, "text/html") : NULL;
    const char *json = accept ? ap_strstr_c(accept, "application/json") : NULL;

    return html && (!json || html < json);
}

int cloudep_is_navigation(const request_rec *r)
{
    const char *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    const char *dest = apr_table_get(r->headers_in, "Sec-Fetch-Dest");

    if (strcmp(cloudep_asked_method(r), "GET") != 0 || apr_table_get(r->headers_in, "Upgrade")) {
        return 0;
    }
    if (mode) {
        return !strcmp(mode, "navigate") && (!dest || !strcmp(dest, "document"));
    }
    /* A browser without Fetch Metadata. Scripts ask with an Origin, or say what they are. */
    return accepts_page(r) && !apr_table_get(r->headers_in, "Origin") &&
           !apr_table_get(r->headers_in, "X-Requested-With");
}

/* ---- where to come back to ---- */

static const char *address(request_rec *r, const char *origin, const char *path)
{
    return cloudep_query_value(r->pool, apr_pstrcat(r->pool, origin, path, NULL));
}

/* As the value of a query. One that is too long goes without its own query, or leads to the first page. */
static const char *return_to(request_rec *r, const char *origin)
{
    const char *path = cloudep_target_path(r->pool, cloudep_asked_path(r));
    const char *value = address(r, origin, path);

    if (strlen(value) > LONGEST_RETURN) {
        value = address(r, origin, apr_pstrmemdup(r->pool, path, strcspn(path, "?")));
    }
    return strlen(value) > LONGEST_RETURN ? address(r, origin, "/") : value;
}

/* ---- a login page on another host ---- */

/* A page that is a path is of this one. */
static int is_elsewhere(const request_rec *r, const char *page, const char *origin)
{
    cloudep_target_t target;

    return cloudep_target_read(&target, r->pool, page) == APR_SUCCESS && target.origin &&
           strcmp(target.origin, origin) != 0;
}

/* Whether that page can lead back here: its server looks into the same list. */
static int leads_back(request_rec *r, const char *origin)
{
    if (cloudep_is_application(r, origin)) {
        return 1;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  CENO(1480) "%s is not among CloudEPApplicationOrigin, so that the login page, on another host, could "
                             "not lead back there: the answer is 401",
                  origin);
    return 0;
}

/*
 * Whoever was let in here a moment ago and has no session cookie that counts will have none the next time either: they
 * would go round and round. One whose session has ended since has a genuine cookie.
 */
static int goes_round(request_rec *r)
{
    cloudep_session_cookie_t cookie = {0};
    const char *reason;

    if (!cloudep_entry_is_recent(r) || cloudep_session_cookie(r, &cookie, &reason) == APR_SUCCESS) {
        return 0;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  CENO(1481) "a browser that was let in a moment ago has no session cookie that counts (%s): it is not "
                             "sent to the login page again",
                  reason);
    return 1;
}

/* What that page needs to hand its session over to this very browser; NULL: it could not be made. */
static const char *make_enter(request_rec *r)
{
    const char *digest;
    const apr_status_t rv = cloudep_entry_begin(r, &digest);

    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, CENO(1482) "the cookie for coming back could not be made");
        return NULL;
    }
    return apr_pstrcat(r->pool, "&enter=", digest, NULL);
}

/* ---- the redirect ---- */

const char *cloudep_login_address(request_rec *r, const char *need)
{
    const char *page = cloudep_place_of(r)->login_page;
    const char *origin =
        page && cloudep_takes_session_cookie(r) && cloudep_is_navigation(r) ? cloudep_own_origin(r) : NULL;
    const char *enter = "";

    if (!origin) {
        return NULL;
    }
    if (is_elsewhere(r, page, origin)) {
        enter = leads_back(r, origin) && !goes_round(r) ? make_enter(r) : NULL;
    }
    return enter ? apr_pstrcat(r->pool, page, "?return_to=", return_to(r, origin), need ? "&need=" : "",
                               need ? need : "", enter, NULL)
                 : NULL;
}

int cloudep_send_to_login(request_rec *r, const char *need)
{
    /* Neither a part of another page nor the ErrorDocument of a failure is what somebody asked for. */
    const char *url = r->main || (r->prev && r->status != HTTP_OK) ? NULL : cloudep_login_address(r, need);

    if (!url) {
        return DECLINED;
    }
    apr_table_setn(r->headers_out, "Location", url);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->err_headers_out, "Referrer-Policy", "no-referrer");
    return HTTP_SEE_OTHER;
}
