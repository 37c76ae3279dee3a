/*
 * problem.c - the failures that a client is told, made where they are known.
 */
#include "core/private.h"

static const struct {
    int category;
    int status;
} statuses[] = {
    {CLOUDEP_MALFORMED, HTTP_BAD_REQUEST},
    {CLOUDEP_TOO_LARGE, HTTP_REQUEST_ENTITY_TOO_LARGE},
    {CLOUDEP_MISSING, HTTP_BAD_REQUEST},
    {CLOUDEP_UNSUPPORTED, HTTP_METHOD_NOT_ALLOWED},
    {CLOUDEP_DATABASE, HTTP_INTERNAL_SERVER_ERROR},
    {CLOUDEP_ABSENT, HTTP_NOT_FOUND},
    {CLOUDEP_EXISTS, HTTP_CONFLICT},
    {CLOUDEP_WRONG_STATE, HTTP_CONFLICT},
    {CLOUDEP_USED_UP, HTTP_TOO_MANY_REQUESTS},
    {CLOUDEP_LOCKED, HTTP_LOCKED},
    {CLOUDEP_UNAUTHENTICATED, HTTP_UNAUTHORIZED},
    {CLOUDEP_FORBIDDEN, HTTP_FORBIDDEN},
    {CLOUDEP_INTERNAL, HTTP_INTERNAL_SERVER_ERROR},
    {CLOUDEP_OVERLOADED, HTTP_SERVICE_UNAVAILABLE},
    {CLOUDEP_TOO_OFTEN, HTTP_TOO_MANY_REQUESTS},
    {CLOUDEP_UNCONFIGURED, HTTP_NOT_IMPLEMENTED},
    {CLOUDEP_PROVIDER_FAILED, HTTP_BAD_GATEWAY},
};

int cloudep_problem_status(const cloudep_problem_t *problem)
{
    if (problem->status) {
        return problem->status;
    }
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].category == problem->category) {
            return statuses[i].status;
        }
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

int cloudep_problem_code(const cloudep_problem_t *problem)
{
    return problem->scope * 1000000 + problem->category * 1000 + problem->detail;
}

cloudep_problem_t *cloudep_problem(cloudep_call_t *call, int scope, int category, const char *message)
{
    cloudep_problem_t *problem = apr_pcalloc(call->p, sizeof(*problem));

    problem->scope = scope;
    problem->category = category;
    problem->message = message;
    return problem;
}

cloudep_problem_t *cloudep_problem_wait(cloudep_call_t *call, int scope, int category, const char *message,
                                        apr_int64_t seconds)
{
    cloudep_problem_t *problem = cloudep_problem(call, scope, category, message);

    problem->retry_after = seconds < 1 ? 1 : seconds;
    return problem;
}

cloudep_problem_t *cloudep_problem_field(cloudep_call_t *call, const char *field, const char *reason)
{
    cloudep_problem_t *problem =
        cloudep_problem(call, CLOUDEP_SCOPE_GATEWAY, CLOUDEP_MALFORMED, "a field is not of its format");
    apr_array_header_t *errors = apr_array_make(call->p, 1, sizeof(cloudep_field_error_t));
    cloudep_field_error_t *error = apr_array_push(errors);

    error->field = field;
    error->fault = CLOUDEP_FIELD_FORMAT;
    error->reason = reason;
    problem->errors = errors;
    return problem;
}

cloudep_problem_t *cloudep_problem_service(cloudep_call_t *call, apr_status_t rv, const char *what)
{
    int scope = call->api->scope;

    ap_log_rerror(APLOG_MARK, rv == CLOUDEP_EUNSET ? APLOG_INFO : APLOG_ERR, rv < APR_OS_START_USERERR ? rv : 0,
                  call->r, CENO(101) "%s failed (%s)", what, cloudep_status_name(rv));
    switch (rv) {
    case CLOUDEP_EDATABASE:
        if (call->route->flags & CLOUDEP_ROUTE_NO_DATABASE) {
            return cloudep_problem(call, scope, CLOUDEP_INTERNAL, "internal error");
        }
        return cloudep_problem(call, scope, CLOUDEP_DATABASE, "database error");
    case CLOUDEP_EPROVIDER:
        return cloudep_problem(call, scope, CLOUDEP_PROVIDER_FAILED, "the identity provider failed");
    case CLOUDEP_EOVERLOAD:
        return cloudep_problem(call, scope, CLOUDEP_OVERLOADED, "overloaded, try again later");
    case CLOUDEP_EUNSET:
        return cloudep_problem(call, scope, CLOUDEP_UNCONFIGURED, "this operation is not configured");
    default:
        return cloudep_problem(call, scope, CLOUDEP_INTERNAL, "internal error");
    }
}
