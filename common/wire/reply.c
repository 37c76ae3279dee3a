/*
 * reply.c - the one writer of answers: envelope, headers, status.
 */
#include "core/private.h"

#include <http_protocol.h>
#include <apr_strings.h>
#include "base/text/json.h"

#define SUCCESS "{\"code\":" CLOUDEP_SUCCESS_CODE ",\"message\":\"SUCCESS\""
#define CONTENT_TYPE "application/json; charset=utf-8"
#define RETRY_AFTER_DEFAULT 5 /* seconds; for a 423 or 503 that knows no better */

static json_t *error_list(const apr_array_header_t *errors)
{
    json_t *list = json_array();

    for (int i = 0; i < errors->nelts; i++) {
        const cloudep_field_error_t *error = &APR_ARRAY_IDX(errors, i, cloudep_field_error_t);

        (void)json_array_append_new(list, json_pack("{ss,ss}", "field", error->field, "reason", error->reason));
    }
    return list;
}

const char *cloudep_problem_text(request_rec *r, const cloudep_problem_t *problem)
{
    json_t *envelope = cloudep_json_own(json_pack("{si,ss,ss}", "code", cloudep_problem_code(problem), "message",
                                                  problem->message, "request_id", cloudep_request_id(r)),
                                        r->pool);

    if (envelope && problem->errors && cloudep_problem_status(problem) == HTTP_BAD_REQUEST) {
        (void)json_object_set_new(envelope, "errors", error_list(problem->errors));
    }
    return cloudep_json_text(envelope, r->pool);
}

static const char *success_text(request_rec *r, const json_t *data)
{
    const char *text = cloudep_json_text(data, r->pool);

    if (!data) {
        return SUCCESS "}";
    }
    return text ? apr_pstrcat(r->pool, SUCCESS ",\"data\":", text, "}", NULL) : NULL;
}

void cloudep_reply_challenge(request_rec *r, apr_table_t *headers, const char *error)
{
    apr_table_setn(headers, "WWW-Authenticate",
                   error ? apr_psprintf(r->pool, "Bearer realm=\"CloudEP\", error=\"%s\"", error)
                         : "Bearer realm=\"CloudEP\"");
}

void cloudep_reply_headers(request_rec *r, apr_table_t *headers, const cloudep_problem_t *problem)
{
    int status = problem ? cloudep_problem_status(problem) : HTTP_OK;

    apr_table_setn(headers, "Cache-Control", "no-store");
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
    apr_table_setn(headers, "X-Request-Id", cloudep_request_id(r));
    if (problem && (status == HTTP_UNAUTHORIZED || (status == HTTP_FORBIDDEN && problem->challenge))) {
        cloudep_reply_challenge(r, headers, problem->challenge);
    }
    if (status == HTTP_TOO_MANY_REQUESTS || status == HTTP_LOCKED || status == HTTP_SERVICE_UNAVAILABLE) {
        apr_int64_t seconds = problem->retry_after ? problem->retry_after : RETRY_AFTER_DEFAULT;

        apr_table_setn(headers, "Retry-After", apr_psprintf(r->pool, "%" APR_INT64_T_FMT, seconds));
    }
}

int cloudep_reply(request_rec *r, const cloudep_problem_t *problem, const json_t *data)
{
    const char *text = problem ? cloudep_problem_text(r, problem) : success_text(r, data);

    if (!text) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, APR_ENOMEM, r, CENO(110) "answer could not be written as JSON");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    r->status = problem ? cloudep_problem_status(problem) : HTTP_OK;
    cloudep_reply_headers(r, r->headers_out, problem);
    apr_table_unset(r->headers_in, "Range"); /* a part of an answer is no envelope */
    ap_set_content_type(r, CONTENT_TYPE);
    ap_set_content_length(r, (apr_off_t)strlen(text));
    ap_rputs(text, r);
    return OK;
}

int cloudep_reply_document(request_rec *r, const cloudep_document_t *document)
{
    cloudep_reply_headers(r, r->headers_out, NULL);
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
