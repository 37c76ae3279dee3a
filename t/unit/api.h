/*
 * api.h - operations of the APIs with real flows, on a private PostgreSQL and memcached, without httpd's server: a
 * member of the tenant "acme", and what they ask.
 */
#ifndef CLOUDEP_TEST_API_H
#define CLOUDEP_TEST_API_H

#include "flow.h"
#include "served.h"
#include "take_cookies.h"

#include "../../mod_cloudep_auth/v1/operations.h"
#include "../../mod_cloudep_member/v1/operations.h"

#include "access/cookie.h"
#include "access/mount.h"
#include "base/crypto/totp.h"
#include "base/version.h"
#include "core/needs.h"
#include "core/passkey_domain.h"

static const cloudep_api_t auth = {"cloudep-auth", "/auth", &cloudep_v1, auth_operations, auth_cookie_operations};
static const cloudep_api_t members = {"cloudep-member", "/members", &cloudep_v1, member_operations, NULL};

/* ---- asking ---- */

static flow_case_t *at;
static apr_time_t ahead; /* of the clock; microseconds */
static request_rec *last;
static const char *token; /* of whoever asks; NULL: nobody */
static apr_table_t *jar;  /* of a browser; NULL: it is none */
static json_t *answer;

static int keep_cookie(void *unused, const char *name, const char *value)
{
    const char *end = strchr(value, '=');
    const char *key = apr_pstrmemdup(p, value, (apr_size_t)(end - value));

    (void)unused;
    (void)name;
    apr_table_set(jar, key, apr_pstrmemdup(p, end + 1, strcspn(end + 1, ";")));
    return 1;
}

static int send_cookie(void *r, const char *name, const char *value)
{
    apr_table_mergen(((request_rec *)r)->headers_in, "Cookie", apr_pstrcat(p, name, "=", value, NULL));
    return 1;
}

/* A request, and its answer. A body that does not begin with "{" is a form. */
static int ask(const cloudep_api_t *api, const char *method, const char *address, const char *body)
{
    int status;

    last =
        with(request("Content-Type", body && *body != '{' ? "application/x-www-form-urlencoded" : "application/json"),
             "User-Agent", "Browser/1");
    last->request_time = apr_time_now() + ahead;
    if (token) {
        with(last, "Authorization", apr_pstrcat(p, "Bearer ", token, NULL));
    }
    if (jar) {
        apr_table_do(send_cookie, last, jar, NULL);
        with(last, "Cookie",
             apr_table_get(last->headers_in, "Cookie") ? apr_table_get(last->headers_in, "Cookie") : "");
        with(last, "X-XSRF-TOKEN", apr_table_get(jar, "XSRF-TOKEN") ? apr_table_get(jar, "XSRF-TOKEN") : "");
        (void)take_cookies(last);
    }
    status = serve(last, api, method, address, body);
    if (jar) {
        apr_table_do(keep_cookie, NULL, last->err_headers_out, "Set-Cookie", NULL);
    }
    json_decref(answer);
    answer = json_loads(sent.text, 0, NULL);
    return status;
}

static json_t *find(const char *path)
{
    json_t *found = answer;

    while (*path && found) {
        const apr_size_t length = strcspn(path, ".");
        const char *name = apr_pstrmemdup(p, path, length);

        found = json_is_array(found) ? json_array_get(found, (size_t)apr_atoi64(name)) : json_object_get(found, name);
        path += length + (path[length] == '.');
    }
    return found;
}

/* What is at "a.b.0" of the answer: a text as it is, JSON of anything else; NULL: nothing. */
static const char *text(const char *path)
{
    json_t *found = find(path);
    char *dumped;
    const char *kept;

    if (!found || json_is_string(found)) {
        return found ? apr_pstrdup(p, json_string_value(found)) : NULL;
    }
    dumped = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    kept = apr_pstrdup(p, dumped);
    free(dumped);
    return kept;
}

/* The answer at a path is that JSON, with its members in order; '' stand for "". */
static void is_json(const char *path, const char *want, const char *name)
{
    char *quoted = apr_pstrdup(p, want);

    for (char *c = quoted; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    is_str(text(path), quoted, name);
}

/* A body with '' in place of "", as in printf. */
__attribute__((format(printf, 1, 2))) static const char *body(const char *format, ...)
{
    va_list args;
    char *made;

    va_start(args, format);
    made = apr_pvsprintf(p, format, args);
    va_end(args);
    for (char *c = made; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return made;
}

static const char *value(const char *sql, const char *argument)
{
    char *found = postgres_value(sql, argument, NULL);
    const char *kept = found ? apr_pstrdup(p, found) : NULL;

    free(found);
    return kept;
}

/* ---- members ---- */

static const char *uid, *session_id;

/* A new member, who asks from now on. */
static void newcomer(const char *email)
{
    token = NULL;
    (void)ask(&auth, "POST", "/auth/register",
              body("{'tenant_slug':'acme','invite_code':'open','email':'%s','password':'" FLOW_PASSWORD
                   "','accept_terms_version':'1'}",
                   email));
    uid = text("data.uid");
    (void)ask(&auth, "POST", "/auth/register/confirm",
              body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", text("data.challenge_id"),
                   flow_code(at, email, "registration")));
    token = text("data.access_token");
    session_id = value("SELECT id FROM cloudep.sessions WHERE uid = $1::uuid", uid);
    if (!uid || !token || !session_id) {
        flow_bail_out(sent.text);
    }
}

static void sql_of(const char *sql)
{
    free(postgres_value(sql, uid, NULL));
}

/* ---- authenticators ---- */

static unsigned char secret[64];
static apr_size_t secret_size;

/* The secret as people type it (RFC 4648). */
static void learn_secret(const char *typed)
{
    unsigned bits = 0, count = 0;

    secret_size = 0;
    for (; *typed; typed++) {
        bits = bits << 5 | (unsigned)(*typed >= 'A' ? *typed - 'A' : *typed - '2' + 26);
        count += 5;
        if (count >= 8) {
            count -= 8;
            secret[secret_size++] = (unsigned char)(bits >> count);
        }
    }
}

/* The authenticator's next code, as time goes on. */
static const char *next_code(void)
{
    char *code = apr_palloc(p, CLOUDEP_TOTP_DIGITS + 1);

    ahead += apr_time_from_sec(CLOUDEP_TOTP_PERIOD);
    (void)cloudep_totp_code(code, secret, secret_size, cloudep_totp_step(apr_time_now() + ahead));
    return code;
}

/* ---- the server ---- */

/* Once, before everything else. */
static void start_api(void)
{
    static const cloudep_passkey_domain_t passkeys = {.rp_id = "x.test"};

    flow_start();
    flow_access();
    flow_tenant("acme");
    flow.config.account_url = "https://id.test/account/";
    flow.config.passkey_domain = "x.test";
    flow.run.passkeys = &passkeys;
    at = flow_begin();
    p = at->p;
    start_server_with(&flow.config);
    cloudep_cookie_register_hooks();
}

#endif
