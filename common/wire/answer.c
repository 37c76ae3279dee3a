/*
 * answer.c - the one place that writes to clients: status, headers, body.
 */
#include "wire/wire.h"

#include <http_core.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include "access/cors.h"
#include "core/module.h"
#include "core/request.h"

#define RETRY_AFTER_DEFAULT 5 /* seconds; for a 423, 429 or 503 that knows no better */

const char *cloudep_bearer_error(cloudep_reason_e reason)
{
    switch (reason) {
    case CLOUDEP_TOKEN_INVALID:
    case CLOUDEP_REFRESH_TOKEN_INVALID:
    case CLOUDEP_SUBJECT_GONE:
    case CLOUDEP_ID_TOKEN_INVALID:
        return "invalid_token";
    case CLOUDEP_TENANT_MISMATCH:
    case CLOUDEP_SECOND_FACTOR_TOO_OLD:
    case CLOUDEP_FRESH_PROOF_NEEDED:
        return "insufficient_scope";
    default:
        return NULL;
    }
}

void cloudep_bearer_challenge(request_rec *r, apr_table_t *headers, const char *error)
{
    const char *name = ap_auth_name(r); /* quotes in it are escaped */
    const char *realm = apr_pstrcat(r->pool, "Bearer realm=\"", name ? name : "CloudEP", "\"", NULL);

    apr_table_setn(headers, "WWW-Authenticate",
                   error ? apr_pstrcat(r->pool, realm, ", error=\"", error, "\"", NULL) : realm);
}

void cloudep_answer_headers(request_rec *r, apr_table_t *headers, int status, cloudep_outcome_t outcome)
{
    const char *error = cloudep_bearer_error(outcome.reason);

    apr_table_setn(headers, "Cache-Control", "no-store");
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
    apr_table_setn(headers, "X-Request-Id", cloudep_request_id(r));
    cloudep_cors_headers(r, headers);
    if (status == HTTP_UNAUTHORIZED || (status == HTTP_FORBIDDEN && error)) {
        cloudep_bearer_challenge(r, headers, error);
    }
    /* An invite without uses left may never have one again. */
    if (outcome.reason != CLOUDEP_INVITE_USED_UP &&
        (status == HTTP_TOO_MANY_REQUESTS || status == HTTP_LOCKED || status == HTTP_SERVICE_UNAVAILABLE)) {
        apr_int64_t seconds = outcome.retry_after ? outcome.retry_after : RETRY_AFTER_DEFAULT;

        apr_table_setn(headers, "Retry-After", apr_psprintf(r->pool, "%" APR_INT64_T_FMT, seconds));
    }
}

int cloudep_send(request_rec *r, const cloudep_answer_t *answer, cloudep_outcome_t outcome)
{
    if (!answer->text) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, APR_ENOMEM, r, CENO(110) "answer could not be written as JSON");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    r->status = answer->status;
    cloudep_answer_headers(r, r->headers_out, answer->status, outcome);
    apr_table_unset(r->headers_in, "Range"); /* no part of a JSON object is of use */
    ap_set_content_type(r, answer->type);
    ap_set_content_length(r, (apr_off_t)strlen(answer->text));
    ap_rputs(answer->text, r);
    return OK;
}

int cloudep_send_redirect(request_rec *r, const char *location)
{
    cloudep_answer_headers(r, r->headers_out, HTTP_SEE_OTHER, cloudep_done());
    apr_table_setn(r->headers_out, "Location", location);
    /* What the address has in its query is for that page alone. */
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    r->status = HTTP_SEE_OTHER;
    ap_set_content_length(r, 0);
    return OK;
}

void cloudep_answer_nothing(cloudep_call_t *call)
{
    static const cloudep_document_t no_content = {0};

    call->document = &no_content;
}

int cloudep_send_document(request_rec *r, const cloudep_document_t *document)
{
    cloudep_answer_headers(r, r->headers_out, HTTP_OK, cloudep_done());
    if (!document->type) {
        r->status = HTTP_NO_CONTENT;
        return OK;
    }
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    ap_set_content_type(r, document->type);
    ap_set_content_length(r, (apr_off_t)document->length);
    ap_rwrite(document->bytes, (int)document->length, r);
    return OK;
}
