/*
 * public_document.c - see public_document.h.
 */
#include "public_document.h"

#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_escape.h>
#include <apr_sha1.h>
#include <apr_strings.h>
#include "base/text/json.h"
#include "base/text/origin.h"
#include "core/passkey_domain.h"
#include "core/request.h"
#include "service/token.h"

/* A new key is published this long, or longer, before it signs, so a server that looks again in time knows it. */
#define MAX_AGE "public, max-age=300"

static const char *etag_of(apr_pool_t *p, const char *text)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha1;

    apr_sha1_init(&sha1);
    apr_sha1_update(&sha1, text, (unsigned)strlen(text));
    apr_sha1_final(digest, &sha1);
    return apr_pstrcat(p, "\"", apr_pescape_hex(p, digest, sizeof(digest), 0), "\"", NULL);
}

/* text NULL: this server has no such document. */
static int send_document(request_rec *r, const char *text, const char *type)
{
    int status;

    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!text) {
        return HTTP_NOT_FOUND;
    }
    ap_set_content_type(r, type);
    apr_table_setn(r->headers_out, "Cache-Control", MAX_AGE);
    apr_table_setn(r->headers_out, "Access-Control-Allow-Origin", "*");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "ETag", etag_of(r->pool, text));
    status = ap_meets_conditions(r);
    if (status != OK) {
        return status;
    }
    ap_set_content_length(r, (apr_off_t)strlen(text));
    ap_rputs(text, r);
    return OK;
}

static int is_for(const request_rec *r, const char *handler)
{
    return r->handler && !strcmp(r->handler, handler) && !r->main;
}

int jwks_handler(request_rec *r)
{
    return is_for(r, "cloudep-jwks")
               ? send_document(r, cloudep_public_keys(cloudep_request_context(r)), "application/jwk-set+json")
               : DECLINED;
}

/* ---- authorization server metadata ---- */

#define WELL_KNOWN "/.well-known/"
#define OAUTH_SERVER WELL_KNOWN "oauth-authorization-server"

/*
 * We are no authorization server that a client could ask for anything by OAuth, so there are neither endpoints nor
 * grants. RFC 8414 would have empty lists left out (3.2), but it requires the one and takes a missing other one for
 * "authorization_code" and "implicit" (2).
 */
static const char *metadata(apr_pool_t *p, const char *issuer, const char *origin)
{
    const char *keys = apr_pstrcat(p, origin, WELL_KNOWN "jwks.json", NULL);

    return cloudep_json_text(cloudep_json_own(json_pack("{ss,ss,s[],s[]}", "issuer", issuer, "jwks_uri", keys,
                                                        "response_types_supported", "grant_types_supported"),
                                              p),
                             p);
}

/* The path of an issuer stands behind the well-known one, without a slash at its end (RFC 8414 3.1). */
static int is_path_of(const request_rec *r, const char *path)
{
    const size_t prefix = strlen(OAUTH_SERVER);
    size_t length = strlen(path);

    length -= path[length - 1] == '/';
    return !strncmp(r->uri, OAUTH_SERVER, prefix) && strlen(r->uri) == prefix + length &&
           !strncmp(r->uri + prefix, path, length);
}

int oauth_server_handler(request_rec *r)
{
    const cloudep_context_t *ctx;
    cloudep_target_t issuer;

    if (!is_for(r, "cloudep-oauth-server")) {
        return DECLINED;
    }
    ctx = cloudep_request_context(r);
    if (!cloudep_public_keys(ctx) || cloudep_target_read(&issuer, r->pool, ctx->config->issuer) != APR_SUCCESS ||
        !is_path_of(r, issuer.path)) {
        return send_document(r, NULL, NULL);
    }
    return send_document(r, metadata(r->pool, ctx->config->issuer, issuer.origin), "application/json");
}

int webauthn_handler(request_rec *r)
{
    return is_for(r, "cloudep-webauthn")
               ? send_document(r, cloudep_passkey_document(cloudep_request_context(r)->config), "application/json")
               : DECLINED;
}
