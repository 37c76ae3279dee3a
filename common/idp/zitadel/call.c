/*
 * call.c - one call to ZITADEL.
 *
 * What comes back is one of three: a success, an error of ZITADEL's own logic (it has an id), or a failure of the
 * provider. A 404 without an id is a wrong host or an unknown route and never "no such user".
 */
#include "idp/zitadel/zitadel.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include "base/metrics.h"
#include "base/text/json.h"

#define ANSWER_MAX (256 * 1024)
#define ID_MAX 64
#define LAST_TIMEOUT 1000 /* ms, of a call that a child makes before it ends */

#define LOG(ctx, level, ...)                                                                                           \
    do {                                                                                                               \
        if ((ctx)->r) {                                                                                                \
            ap_log_rerror(APLOG_MARK, level, 0, (ctx)->r, __VA_ARGS__);                                                \
        }                                                                                                              \
        else {                                                                                                         \
            ap_log_error(APLOG_MARK, level, 0, (ctx)->s, __VA_ARGS__);                                                 \
        }                                                                                                              \
    } while (0)

int zitadel_is_2xx(const zitadel_answer_t *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

int zitadel_is(const zitadel_answer_t *answer, const char *id)
{
    return !strcmp(answer->id, id);
}

apr_status_t zitadel_unexpected(const cloudep_idp_context_t *ctx, const zitadel_answer_t *answer, const char *what)
{
    LOG(ctx, APLOG_WARNING, CENO(610) "ZITADEL: %s: HTTP %d, code %d, id %s", what, answer->status, answer->code,
        *answer->id ? answer->id : "none");
    return CLOUDEP_EPROVIDER;
}

/* ---- Permits -------------------------------------------------------------------------------------------- */

apr_status_t zitadel_enter(zitadel_permit_t *permit, const cloudep_idp_context_t *ctx, zitadel_kind_e kind)
{
    permit->kind = kind;
    return cloudep_breaker_enter(&permit->probe, zitadel_of(ctx)->breakers[kind]);
}

void zitadel_leave(const cloudep_idp_context_t *ctx, const zitadel_permit_t *permit, cloudep_breaker_end_e end)
{
    const char *what = permit->kind == ZITADEL_PASSWORDS ? "calls with a password" : "calls without a password";
    const char *name = permit->kind == ZITADEL_PASSWORDS ? "zitadel_passwords" : "zitadel";

    switch (cloudep_breaker_leave(zitadel_of(ctx)->breakers[permit->kind], permit->probe, end)) {
    case CLOUDEP_BREAKER_OPENED:
        cloudep_gauge_add(CLOUDEP_METRIC_BREAKERS_OPEN, name, 1);
        LOG(ctx, APLOG_ERR, CENO(611) "ZITADEL fails: no %s for %d s", what, ctx->config->zitadel_pause);
        break;
    case CLOUDEP_BREAKER_CLOSED:
        cloudep_gauge_add(CLOUDEP_METRIC_BREAKERS_OPEN, name, -1);
        LOG(ctx, APLOG_NOTICE, CENO(612) "ZITADEL answers again: %s go on", what);
        break;
    case CLOUDEP_BREAKER_AS_BEFORE:
        break;
    }
}

cloudep_breaker_end_e zitadel_health(apr_status_t rv, const zitadel_answer_t *answer)
{
    if (rv == APR_SUCCESS) {
        return CLOUDEP_BREAKER_WORKED;
    }
    /* No permission, no such route, not valid: ZITADEL works. A client must not open the breaker by such requests. */
    return answer->status == 501 ||
                   (answer->status >= 400 && answer->status < 500 && answer->status != 401 && answer->status != 429)
               ? CLOUDEP_BREAKER_NEITHER
               : CLOUDEP_BREAKER_FAILED;
}

/* ---- One exchange --------------------------------------------------------------------------------------- */

/* Whether ZITADEL may still carry the request out, though no answer of its own was received. */
static int may_be_done_yet(apr_status_t rv, int status)
{
    if (rv == APR_SUCCESS) {
        return status == 502 || status == 503 || status == 504; /* of something in between */
    }
    return rv != APR_ECONNREFUSED && rv != CLOUDEP_EREFUSED && rv != CLOUDEP_EFORGED && rv != CLOUDEP_EUNSET &&
           rv != CLOUDEP_EMALFORMED;
}

static void read_error(zitadel_answer_t *answer, apr_pool_t *p)
{
    const json_t *detail = json_array_get(json_object_get(answer->body, "details"), 0);
    const char *id = json_string_value(json_object_get(detail, "id"));

    answer->code = (int)json_integer_value(json_object_get(answer->body, "code"));
    answer->id = id ? apr_pstrmemdup(p, id, strnlen(id, ID_MAX)) : "";
}

/* ms */
static int timeout_of(const cloudep_config_t *config, const zitadel_request_t *request)
{
    if (request->last) {
        return config->zitadel_timeout < LAST_TIMEOUT ? config->zitadel_timeout : LAST_TIMEOUT;
    }
    return request->hashes ? config->zitadel_password_timeout : config->zitadel_timeout;
}

static apr_status_t transmit(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx,
                             const zitadel_request_t *request, const char *token, const char *body)
{
    const cloudep_zitadel_t *zitadel = zitadel_of(ctx);
    const cloudep_config_t *config = ctx->config;
    apr_array_header_t *headers = apr_array_make(ctx->p, 3, sizeof(const char *));
    const cloudep_http_request_t http = {
        .method = request->method,
        .url = apr_pstrcat(ctx->p, zitadel->url, request->path, NULL),
        .headers = headers,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .once = request->once,
        .ca_file = config->ca_file,
        .connect_timeout = config->zitadel_connect_timeout,
        .total_timeout = timeout_of(config, request),
        .max_bytes = ANSWER_MAX,
        .stop = ctx->r || request->last ? NULL : zitadel_deferred_stop(zitadel->deferred),
    };
    cloudep_http_response_t *response;
    json_t *object;
    const char *reason;
    apr_status_t rv;

    APR_ARRAY_PUSH(headers, const char *) = apr_pstrcat(ctx->p, "Authorization: Bearer ", token, NULL);
    APR_ARRAY_PUSH(headers, const char *) = "Content-Type: application/json";
    APR_ARRAY_PUSH(headers, const char *) = "Accept: application/json";
    *answer = (zitadel_answer_t){.id = ""};
    rv = cloudep_http_exchange(&response, zitadel->http, ctx->p, &http);
    if (rv != APR_SUCCESS) {
        answer->in_doubt = may_be_done_yet(rv, 0);
        answer->lost = answer->in_doubt && !APR_STATUS_IS_TIMEUP(rv);
        return rv;
    }
    answer->status = response->status;
    answer->in_doubt = may_be_done_yet(APR_SUCCESS, response->status);
    if (cloudep_json_parse(&object, &reason, response->body, response->len, ctx->p) == APR_SUCCESS) {
        answer->body = object;
        if (!zitadel_is_2xx(answer)) {
            read_error(answer, ctx->p);
        }
    }
    return APR_SUCCESS;
}

/* Whether the answer is ZITADEL's own, to this request. */
static int is_to_the_point(const zitadel_answer_t *answer)
{
    if (!answer->body) {
        return 0;
    }
    if (zitadel_is_2xx(answer)) {
        return 1;
    }
    /* AUTH...: the service account is no member of the organization. That is a 404 too, but not of the user. */
    return *answer->id && strncmp(answer->id, "AUTH", 4) &&
           (answer->status == 400 || answer->status == 404 || answer->status == 409);
}

/* Sends with a token, and once more with a new one if that was refused. */
static apr_status_t send_with_token(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx,
                                    const zitadel_request_t *request, const char *body)
{
    const char *token = NULL;
    apr_status_t rv = zitadel_token(&token, ctx, NULL);

    if (rv == APR_SUCCESS) {
        rv = transmit(answer, ctx, request, token, body);
    }
    if (rv == APR_SUCCESS && answer->status == 401 && !zitadel_of(ctx)->pat) {
        rv = zitadel_token(&token, ctx, token);
        if (rv == APR_SUCCESS) {
            rv = transmit(answer, ctx, request, token, body);
        }
    }
    return rv;
}

apr_status_t zitadel_exchange(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx,
                              const zitadel_request_t *request)
{
    char *body = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
    char reason[128];
    apr_status_t rv;

    *answer = (zitadel_answer_t){.id = ""};
    if (request->body && !body) {
        return APR_ENOMEM;
    }
    rv = send_with_token(answer, ctx, request, body);
    if (body) {
        OPENSSL_cleanse(body, strlen(body)); /* it may hold a password */
        free(body);
    }
    if (rv == CLOUDEP_EPROVIDER) {
        return rv; /* there was no token: that is logged already */
    }
    if (rv == APR_EINTR) {
        return CLOUDEP_EPROVIDER; /* the child ends: no sign of a failure of ZITADEL */
    }
    if (rv != APR_SUCCESS) {
        LOG(ctx, APLOG_WARNING, CENO(613) "ZITADEL: no answer to %s %s: %s", request->method, request->path,
            rv < APR_OS_START_USERERR ? apr_strerror(rv, reason, sizeof(reason)) : cloudep_status_name(rv));
        return CLOUDEP_EPROVIDER;
    }
    return is_to_the_point(answer)
               ? APR_SUCCESS
               : zitadel_unexpected(ctx, answer, apr_pstrcat(ctx->p, request->method, " ", request->path, NULL));
}

apr_status_t zitadel_call(zitadel_answer_t *answer, const cloudep_idp_context_t *ctx, const zitadel_request_t *request)
{
    zitadel_permit_t permit;
    apr_status_t rv = zitadel_enter(&permit, ctx, request->hashes ? ZITADEL_PASSWORDS : ZITADEL_OTHERS);

    *answer = (zitadel_answer_t){.id = ""};
    if (rv == APR_SUCCESS) {
        rv = zitadel_exchange(answer, ctx, request);
        zitadel_leave(ctx, &permit, zitadel_health(rv, answer));
    }
    return rv;
}
