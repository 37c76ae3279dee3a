/*
 * fields.c - from a body or a query string to the struct that the operation's flow takes.
 */
#include "wire/wire.h"

#include <http_protocol.h>
#include <apr_strings.h>
#include "core/settings.h"
#include "access/mount.h"

/* The arguments of a query string or a form with repetitions kept; NULL: not decodable. */
static apr_table_t *arguments_of(apr_pool_t *p, const char *args)
{
    apr_table_t *table = apr_table_make(p, 4);

    while (*args) {
        char *pair = ap_getword(p, &args, '&');
        char *value = strchr(pair, '=');

        if (!value) {
            continue;
        }
        *value++ = '\0';
        if (ap_unescape_urlencoded(pair) != OK || ap_unescape_urlencoded(value) != OK) {
            return NULL;
        }
        apr_table_addn(table, pair, value);
    }
    return table;
}

/* Whether name, up to its "=", is the name of a field; written plainly, without escapes. */
static int is_known(const cloudep_field_t *fields, const char *name, apr_size_t length)
{
    for (const cloudep_field_t *field = fields; field->name; field++) {
        if (strlen(field->name) == length && !strncmp(field->name, name, length)) {
            return 1;
        }
    }
    return 0;
}

/* Whether the query string has an argument that no field knows, or one that is empty. */
static int has_strange_arguments(const cloudep_call_t *call)
{
    const char *args = call->r->args ? call->r->args : "";

    while (*args) {
        const char *pair = ap_getword(call->r->pool, &args, '&');
        const char *value = ap_strchr_c(pair, '=');

        if (!value || !value[1] || !is_known(call->operation->fields, pair, (apr_size_t)(value - pair))) {
            return 1;
        }
    }
    return 0;
}

/* All faults are told at once; when one field is missing, that is the reason of the whole answer. */
static cloudep_outcome_t refuse_fields(cloudep_call_t *call, const apr_array_header_t *errors)
{
    call->field_errors = errors;
    for (int i = 0; i < errors->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(errors, i, cloudep_field_error_t).rule, CLOUDEP_RULE_REQUIRED)) {
            return cloudep_refuse(CLOUDEP_FIELD_MISSING);
        }
    }
    return cloudep_refuse(CLOUDEP_FIELD_INVALID);
}

/* Writes what was read into the struct that the flow takes. */
static void fill(const cloudep_call_t *call, const cloudep_field_value_t *values)
{
    const cloudep_field_t *fields = call->operation->fields;

    for (int i = 0; fields[i].name; i++) {
        char *place = (char *)call->in + fields[i].at;

        if (fields[i].type == CLOUDEP_FIELD_BOOL) {
            *(int *)(void *)place = values[i].flag;
        }
        else {
            *(const char **)(void *)place = values[i].text;
        }
    }
}

static cloudep_outcome_t read_query(cloudep_call_t *call)
{
    const apr_table_t *arguments = arguments_of(call->ctx->p, call->r->args ? call->r->args : "");
    cloudep_field_value_t *values;
    apr_array_header_t *errors;

    if (!arguments) {
        return (cloudep_outcome_t){.reason = CLOUDEP_REQUEST_MALFORMED, .why = "the query string is not well formed"};
    }
    if (cloudep_field_check_query(&values, &errors, call->operation->fields, arguments, call->ctx->p) != APR_SUCCESS) {
        return refuse_fields(call, errors);
    }
    if ((call->operation->flags & CLOUDEP_OPERATION_STRICT_QUERY) && has_strange_arguments(call)) {
        return cloudep_refuse(CLOUDEP_REQUEST_MALFORMED);
    }
    fill(call, values);
    return cloudep_done();
}

static cloudep_outcome_t read_form(cloudep_call_t *call, int *rc)
{
    const apr_table_t *arguments;
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    const char *form = NULL;
    apr_size_t length = 0;
    cloudep_outcome_t outcome = cloudep_read_text(call, &form, &length, rc);

    if (cloudep_failed(outcome) || *rc != OK) {
        return outcome;
    }
    if (strlen(form) != length || !(arguments = arguments_of(call->ctx->p, form))) {
        return (cloudep_outcome_t){.reason = CLOUDEP_REQUEST_MALFORMED, .why = "the form is not well formed"};
    }
    if (cloudep_field_check_query(&values, &errors, call->operation->fields, arguments, call->ctx->p) != APR_SUCCESS) {
        return refuse_fields(call, errors);
    }
    fill(call, values);
    return cloudep_done();
}

/* Whether an object has a member that is more than empty. */
static int has_value(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return value && !json_is_null(value) && !(json_is_string(value) && !json_string_length(value));
}

/* What the body has of the first shape beside what makes it of the other; NULL: nothing. */
static apr_array_header_t *mixed_fields(const cloudep_call_t *call, const json_t *object,
                                        const cloudep_operation_t *other)
{
    const char *reason = apr_pstrcat(call->ctx->p, "does not go with ", call->operation->when, NULL);
    apr_array_header_t *errors = NULL;

    for (const cloudep_field_t *field = call->operation->fields; field->name; field++) {
        if (!has_value(object, field->name) || is_known(other->fields, field->name, strlen(field->name))) {
            continue;
        }
        errors = errors ? errors : apr_array_make(call->ctx->p, 2, sizeof(cloudep_field_error_t));
        APR_ARRAY_PUSH(errors, cloudep_field_error_t) =
            (cloudep_field_error_t){.field = field->name, .rule = CLOUDEP_RULE_NOT_ALLOWED, .reason = reason};
    }
    return errors;
}

/* Makes the call one of the shape that the body is of. */
static cloudep_outcome_t choose_shape(cloudep_call_t *call, const json_t *object)
{
    const cloudep_operation_t *other = call->operation->instead;
    const apr_array_header_t *errors;

    if (!other || !has_value(object, call->operation->when)) {
        return cloudep_done();
    }
    if ((errors = mixed_fields(call, object, other))) {
        return refuse_fields(call, errors);
    }
    call->operation = other;
    call->in = apr_pcalloc(call->ctx->p, other->size);
    return call->ctx->config->off & other->needs ? cloudep_refuse(CLOUDEP_NOT_CONFIGURED) : cloudep_done();
}

/* The field of the operation that names the tenant; NULL: it has none, or the Location leaves it to requests. */
static const cloudep_field_t *tenant_field(const cloudep_call_t *call)
{
    const cloudep_field_t *field = cloudep_mount_tenant(call->r) ? call->operation->fields : NULL;

    while (field && field->name && !(field->flags & CLOUDEP_FIELD_TENANT)) {
        field++;
    }
    return field && field->name ? field : NULL;
}

/* Puts the Location's tenant where the body names none. */
static void add_tenant(const cloudep_call_t *call, json_t *object)
{
    const cloudep_field_t *field = tenant_field(call);
    const json_t *given = field ? json_object_get(object, field->name) : NULL;

    if (field && (!given || json_is_null(given))) {
        (void)json_object_set_new(object, field->name, json_string(cloudep_mount_tenant(call->r)));
    }
}

/* A Location with a tenant has no other one. */
static cloudep_outcome_t check_tenant(const cloudep_call_t *call)
{
    const cloudep_field_t *field = tenant_field(call);
    const char *slug = field ? *(const char **)(void *)((char *)call->in + field->at) : NULL;

    return slug && strcmp(slug, cloudep_mount_tenant(call->r)) != 0 ? cloudep_refuse(CLOUDEP_TENANT_UNKNOWN)
                                                                    : cloudep_done();
}

static cloudep_outcome_t read_body(cloudep_call_t *call, int *rc)
{
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    json_t *object = NULL;
    cloudep_outcome_t outcome = cloudep_read_json(call, &object, rc);

    if (cloudep_failed(outcome) || *rc != OK) {
        return outcome;
    }
    if (cloudep_failed(outcome = choose_shape(call, object))) {
        return outcome;
    }
    add_tenant(call, object);
    if (cloudep_field_check_json(&values, &errors, call->operation->fields, object, call->ctx->p) != APR_SUCCESS) {
        return refuse_fields(call, errors);
    }
    fill(call, values);
    return check_tenant(call);
}

cloudep_outcome_t cloudep_read_fields(cloudep_call_t *call, int *rc)
{
    *rc = OK;
    if (!call->operation->fields) {
        return cloudep_done();
    }
    if (call->operation->flags & CLOUDEP_OPERATION_QUERY) {
        return read_query(call);
    }
    return call->operation->flags & CLOUDEP_OPERATION_FORM ? read_form(call, rc) : read_body(call, rc);
}

const char *cloudep_field_name(const cloudep_call_t *call, apr_size_t at)
{
    const cloudep_field_t *field = call->operation ? call->operation->fields : NULL;

    for (; field && field->name; field++) {
        if (field->at == at) {
            return field->name;
        }
    }
    return NULL;
}
