/*
 * cookie.c - see cookie.h.
 *
 * The header is taken apart at ";" and, as httpd joins several headers Cookie by it, at ",". What is not ours stays to
 * the letter. Names are compared without case, as browsers compare the prefix "__Host-", but read with it.
 */
#include "access/cookie.h"

#include <http_protocol.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "core/config.h"
#include "core/request.h"
#include "core/runtime.h"

#define PREFIX "__Host-"

static const char *const names[CLOUDEP_COOKIE_COUNT] = {
    [CLOUDEP_COOKIE_SESSION] = PREFIX "cloudep",         [CLOUDEP_COOKIE_VISITOR] = PREFIX "cloudep-visitor",
    [CLOUDEP_COOKIE_PENDING] = PREFIX "cloudep-pending", [CLOUDEP_COOKIE_ENTER] = PREFIX "cloudep-enter",
    [CLOUDEP_COOKIE_ENTERED] = PREFIX "cloudep-entered", [CLOUDEP_COOKIE_BROWSER] = PREFIX "cloudep-browser",
};

/* Whether a browser would not keep a cookie that is Secure, as there is no TLS. An issuer with http is on loopback. */
static int is_plain(const request_rec *r)
{
    const char *issuer = cloudep_config_of(r->server)->issuer;

    return issuer && !strncmp(issuer, "http://", strlen("http://"));
}

static const char *name_of(const request_rec *r, cloudep_cookie_e which)
{
    return which != CLOUDEP_COOKIE_BROWSER && is_plain(r) ? names[which] + strlen(PREFIX) : names[which];
}

/* ---- taken out of the request ---- */

/* One cookie of the header, where it stands there. */
typedef struct pair_t {
    const char *name;
    apr_size_t name_length;
    const char *value;
    apr_size_t value_length;
    const char *end; /* of all of it */
} pair_t;

static pair_t pair_at(const char *at)
{
    pair_t pair = {.end = at + strcspn(at, ";,")};
    const char *last = pair.end;

    while (at < last && apr_isspace(*at)) {
        at++;
    }
    while (last > at && apr_isspace(last[-1])) {
        last--;
    }
    pair.name = at;
    while (at < last && *at != '=') {
        at++;
    }
    pair.value = at < last ? at + 1 : last;
    pair.value_length = (apr_size_t)(last - pair.value);
    while (at > pair.name && apr_isspace(at[-1])) {
        at--;
    }
    pair.name_length = (apr_size_t)(at - pair.name);
    return pair;
}

static int has_name(const pair_t *pair, const char *name)
{
    return strlen(name) == pair->name_length && !strncasecmp(pair->name, name, pair->name_length);
}

static int is_ours(const request_rec *r, const pair_t *pair)
{
    const char *host_name = names[CLOUDEP_COOKIE_SESSION];
    const apr_size_t length = strlen(host_name);

    if (pair->name_length >= length && !strncasecmp(pair->name, host_name, length) &&
        (pair->name_length == length || pair->name[length] == '-')) {
        return 1;
    }
    for (int which = 0; which < CLOUDEP_COOKIE_COUNT; which++) {
        if (has_name(pair, name_of(r, which))) {
            return 1;
        }
    }
    return pair->value_length >= strlen(CLOUDEP_XSRF_MARK) &&
           !strncmp(pair->value, CLOUDEP_XSRF_MARK, strlen(CLOUDEP_XSRF_MARK)) &&
           has_name(pair, cloudep_config_of(r->server)->xsrf_cookie);
}

static void keep(request_rec *r, const pair_t *pair)
{
    cloudep_request_t *state = cloudep_request(r);
    const char *name = apr_pstrmemdup(r->pool, pair->name, pair->name_length);

    if (!state->cookies) {
        state->cookies = apr_array_make(r->pool, 2, sizeof(cloudep_cookie_t));
    }
    APR_ARRAY_PUSH(state->cookies, cloudep_cookie_t) =
        (cloudep_cookie_t){name, apr_pstrmemdup(r->pool, pair->value, pair->value_length)};
}

/* Copies a header without the cookies that are ours, which are kept. NULL: there is none of ours. */
static char *without_ours(request_rec *r, const char *header)
{
    char *rest = apr_pstrdup(r->pool, header);
    char *to = rest;
    int found = 0;

    for (const char *at = header; at;) {
        const pair_t pair = pair_at(at);
        const apr_size_t length = (apr_size_t)(pair.end - at) + (*pair.end ? 1 : 0);

        if (is_ours(r, &pair)) {
            keep(r, &pair);
            found = 1;
        }
        else {
            memcpy(to, at, length);
            to += length;
        }
        at = *pair.end ? pair.end + 1 : NULL;
    }
    while (to > rest && (apr_isspace(to[-1]) || to[-1] == ';' || to[-1] == ',')) {
        to--;
    }
    *to = '\0';
    return found ? rest + strspn(rest, " \t") : NULL;
}

static int take_cookies(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Cookie");
    const char *rest = header ? without_ours(r, header) : NULL;

    if (rest && *rest) {
        apr_table_setn(r->headers_in, "Cookie", rest);
    }
    else if (rest) {
        apr_table_unset(r->headers_in, "Cookie");
    }
    return DECLINED;
}

/* ---- read ---- */

/* What was taken out of the request that the client sent; NULL: nothing. */
static const apr_array_header_t *cookies_of(const request_rec *r)
{
    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    return cloudep_request_seen(r) ? cloudep_request_seen(r)->cookies : NULL;
}

const char *cloudep_cookie(request_rec *r, cloudep_cookie_e which)
{
    const apr_array_header_t *cookies = cookies_of(r);
    const char *name = name_of(r, which);
    const char *value = NULL;

    for (int i = 0; cookies && i < cookies->nelts; i++) {
        const cloudep_cookie_t *cookie = &APR_ARRAY_IDX(cookies, i, cloudep_cookie_t);

        if (!strcmp(cookie->name, name)) {
            value = value ? "" : cookie->value;
        }
    }
    return value;
}

/* ---- set ---- */

static void set(request_rec *r, const char *name, const char *value, apr_int64_t max_age, int secure, int readable)
{
    const char *age = max_age ? apr_psprintf(r->pool, "; Max-Age=%" APR_INT64_T_FMT, max_age < 0 ? 0 : max_age) : "";

    /* Those of err_headers_out go out with whatever answers the request. */
    apr_table_addn(r->err_headers_out, "Set-Cookie",
                   apr_pstrcat(r->pool, name, "=", value, "; Path=/", age, secure ? "; Secure" : "",
                               readable ? "" : "; HttpOnly", "; SameSite=Lax", NULL));
}

void cloudep_cookie_set(request_rec *r, cloudep_cookie_e which, const char *value, apr_int64_t max_age)
{
    const char *name = name_of(r, which);

    set(r, name, value, max_age, name == names[which], 0);
}

void cloudep_cookie_remove(request_rec *r, cloudep_cookie_e which)
{
    cloudep_cookie_set(r, which, "", -1);
}

void cloudep_cookie_set_readable(request_rec *r, const char *name, const char *value, apr_int64_t max_age)
{
    set(r, name, value, max_age, !is_plain(r), 1);
}

void cloudep_cookie_register_hooks(void)
{
    ap_hook_post_read_request(take_cookies, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
