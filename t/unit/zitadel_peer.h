/*
 * zitadel_peer.h - a ZITADEL for the unit tests of its provider: a peer that answers as the test says.
 *
 *     zitadel_begin();                  keys, directives, and the start of a server
 *     zitadel_child();                  a child that has called nobody yet
 *     zitadel_child_ends();             its threads have made their last calls
 *
 * No case has a request, so that what is logged goes to the server's log (flow_shim.c).
 */
#ifndef CLOUDEP_TEST_ZITADEL_PEER_H
#define CLOUDEP_TEST_ZITADEL_PEER_H

#include "base/text/b64.h"
#include "flow.h"
#include "folder.h"
#include "idp/zitadel/zitadel.h"
#include "peer.h"

#define ZITADEL_SESSIONS "POST /v2/sessions"
#define ZITADEL_USERS "POST /v2/users/human"
#define ZITADEL_UID "0b9cf2a6-6f0f-4a3e-9a3e-3f0e6f2d7a11"
#define ZITADEL_PATH "/v2/users/" ZITADEL_UID
#define ZITADEL_PAT "a-personal-access-token"

static struct {
    peer_t peer;
    apr_pool_t *child;
    const cloudep_idp_t *idp;
} zitadel = {.idp = &cloudep_idp_zitadel};

static const cloudep_tenant_t zitadel_tenant = {
    .id = "7d0c2d4e-1f5e-4a57-8e38-3d9b1c1f0a01", .slug = "zit", .organization = "an-organization"};

static inline apr_status_t zitadel_prepare(const char **error)
{
    *error = NULL;
    return cloudep_zitadel_prepare(NULL, &flow.config, flow.pool, error);
}

/** A child that has called nobody yet. */
static inline void zitadel_child(void)
{
    if (apr_pool_create(&zitadel.child, flow.pool) != APR_SUCCESS) {
        flow_bail_out("no pool");
    }
    flow_must(cloudep_http_create(&flow.run.http, zitadel.child), "the HTTP client");
    flow_must(cloudep_zitadel_child_init(NULL, &flow.config, zitadel.child), "the client of ZITADEL");
}

static inline void zitadel_child_ends(void)
{
    apr_pool_destroy(zitadel.child);
}

static inline void zitadel_sealing_keys(void)
{
    json_t *set = json_pack("{s[{ss,ss,ss,ss}]}", "keys", "kty", "oct", "alg", "A256GCM", "kid", "sealing", "k",
                            cloudep_b64_encode(flow.pool, "01234567890123456789012345678901", 32));
    const char *error;

    flow_must(cloudep_jwks_from_json(&flow.run.sealing, flow.pool, set, CLOUDEP_JWKS_OWN, &error), "sealing keys");
    json_decref(set);
}

static inline void zitadel_begin(void)
{
    const char *error, *token;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&flow.pool, NULL) != APR_SUCCESS) {
        flow_bail_out("no APR");
    }
    (void)signal(SIGPIPE, SIG_IGN); /* as httpd does */
    flow_settings();
    zitadel_sealing_keys();
    flow_must(cloudep_http_startup(flow.pool), "libcurl");
    peer_start(&zitadel.peer);
    folder_make(flow.pool);
    token = folder_file("token", ZITADEL_PAT "\n", 0600);
    flow.run.idp = zitadel.idp;
    flow.config.provider = "zitadel";
    flow.config.zitadel_url = apr_pstrcat(flow.pool, zitadel.peer.url, "/", NULL);
    flow.config.zitadel_token_file = token;
    flow_must(zitadel_prepare(&error), error ? error : "the directives");
    (void)unlink(token);
    zitadel_child();
}

/** Where a provider works. */
static inline cloudep_idp_context_t zitadel_context(flow_case_t *at)
{
    return (cloudep_idp_context_t){.p = at->p, .config = &flow.config};
}

/** An error of ZITADEL's own logic. */
static inline const char *zitadel_error(int code, const char *id)
{
    return apr_psprintf(flow.pool, "{\"code\":%d,\"message\":\"so\",\"details\":[{\"id\":\"%s\"}]}", code, id);
}

/** The body of the last request of that kind, to be released; an empty object: there was none. */
static inline json_t *zitadel_body(const char *name)
{
    const char *body = strstr(peer_request(&zitadel.peer, name), "\r\n\r\n");
    json_t *json = body ? json_loads(body + 4, 0, NULL) : NULL;

    return json ? json : json_object();
}

/** Whether the last request of that kind had that in its body; names as "email.isVerified". */
static inline int zitadel_was_sent(const char *name, const char *member, const char *value, const char *what)
{
    json_t *body = zitadel_body(name);
    const json_t *found = body;
    char *rest = apr_pstrdup(flow.pool, member);
    const char *part;
    const char *text;
    int same;

    while ((part = apr_strtok(rest, ".", &rest))) {
        found = json_is_array(found) ? json_array_get(found, (size_t)strtoul(part, NULL, 10))
                                     : json_object_get(found, part);
    }
    text = json_is_boolean(found)   ? (json_is_true(found) ? "true" : "false")
           : json_is_integer(found) ? apr_ltoa(flow.pool, (long)json_integer_value(found))
                                    : json_string_value(found);
    same = is_str(text, value, what);
    json_decref(body);
    return same;
}

/** Reports whether a status is the one wanted. */
static inline int is_status(apr_status_t got, apr_status_t want, const char *name)
{
    return is_str(cloudep_status_name(got), cloudep_status_name(want), name);
}

/** Waits until a request of that kind has come so often; in vain: no more than a hang allows. */
static inline int zitadel_is_asked(const char *name, int times)
{
    for (int tries = 0; tries < 6000 && peer_asked(&zitadel.peer, name) < times; tries++) {
        (void)usleep(5000);
    }
    return peer_asked(&zitadel.peer, name) >= times;
}

#endif
