/*
 * api_test.c - operations of the APIs with real flows, on a private PostgreSQL and memcached, without httpd's server: what
 * each field of a request is for, and each member of an answer.
 */
#include "flow.h"
#include "served.h"

#include "../../mod_cloudep_auth/account/operations.h"
#include "../../mod_cloudep_auth/session/operations.h"
#include "../../mod_cloudep_auth/v1/operations.h"
#include "../../mod_cloudep_member/v1/operations.h"

#include "access/mount.h"

static const cloudep_api_t auth = {"cloudep-auth", "/auth", &cloudep_v1, auth_operations, auth_cookie_operations};

static flow_case_t *at;
static request_rec *last;
static const char *token; /* of whoever asks; NULL: nobody */
static json_t *answer;

/* A request, and its answer. */
static int ask(const cloudep_api_t *api, const char *method, const char *address, const char *body)
{
    int status;

    last = request("Content-Type", "application/json");
    last->request_time = at->ctx->now;
    if (token) {
        with(last, "Authorization", apr_pstrcat(p, "Bearer ", token, NULL));
    }
    status = serve(last, api, method, address, body);
    json_decref(answer);
    answer = json_loads(sent.text, 0, NULL);
    return status;
}

static const char *text(const char *path)
{
    json_t *at_path = answer;

    for (const char *name = path; *name && at_path; name += strspn(name, ".")) {
        const apr_size_t length = strcspn(name, ".");
        const char *member = apr_pstrmemdup(p, name, length);

        at_path = json_is_array(at_path) ? json_array_get(at_path, (size_t)apr_atoi64(member)) : json_object_get(at_path, member);
        name += length;
    }
    if (json_is_string(at_path)) {
        return apr_pstrdup(p, json_string_value(at_path));
    }
    return at_path ? apr_pstrdup(p, json_dumps(at_path, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS)) : NULL;
}

int main(void)
{
    flow_start();
    flow_tenant("acme");
    p = flow.pool;
    at = flow_begin();
    p = at->p;
    start_server_with(&flow.config);
    is_int(ask(&auth, "POST", "/auth/register", "{\"tenant_slug\":\"acme\",\"invite_code\":\"open\",\"email\":\"a@x.test\",\"password\":\"" FLOW_PASSWORD "\",\"accept_terms_version\":\"1\"}"), 200, "register");
    printf("# %s\n", sent.text);
    is_str(text("data.expires_in"), "600", "x");
    return done_testing();
}
