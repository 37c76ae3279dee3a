/*
 * operations.c - what describe prints of the tables of operations.
 *
 * Only the tables are looked at. The functions that they name are not linked.
 */
#include "describe.h"

#include <stdlib.h>
#include <string.h>
#include "wire/v1/v1.h"

extern const cloudep_operation_t auth_operations[], member_operations[], account_operations[], session_operations[];

static const struct {
    const char *style;
    const char *prefix;
    const cloudep_operation_t *operations;
} apis[] = {{"v1", CLOUDEP_AUTH_PREFIX, auth_operations},
            {"v1", CLOUDEP_MEMBER_PREFIX, member_operations},
            {"account", "/api/auth", account_operations},
            {"session", "/api/session", session_operations}};

static const char *const types[] = {
    [CLOUDEP_FIELD_TEXT] = "TEXT",         [CLOUDEP_FIELD_SLUG] = "SLUG",
    [CLOUDEP_FIELD_EMAIL] = "EMAIL",       [CLOUDEP_FIELD_PASSWORD] = "PASSWORD",
    [CLOUDEP_FIELD_CODE] = "CODE",         [CLOUDEP_FIELD_NUMBER] = "NUMBER",
    [CLOUDEP_FIELD_TOKEN] = "TOKEN",       [CLOUDEP_FIELD_ID] = "ID",
    [CLOUDEP_FIELD_URL] = "URL",           [CLOUDEP_FIELD_LANGUAGE] = "LANGUAGE",
    [CLOUDEP_FIELD_CURRENCY] = "CURRENCY", [CLOUDEP_FIELD_PHONE] = "PHONE",
    [CLOUDEP_FIELD_BOOL] = "BOOL",         [CLOUDEP_FIELD_CHOICE] = "CHOICE",
    [CLOUDEP_FIELD_WORDS] = "WORDS",
};

/* Takes item over. */
static void append(json_t *list, json_t *item)
{
    if (json_array_append_new(list, item)) {
        abort();
    }
}

static json_t *fields_of(const cloudep_operation_t *operation)
{
    json_t *list = json_array();

    for (const cloudep_field_t *field = operation ? operation->fields : NULL; field && field->name; field++) {
        append(list, json_pack("{ss,ss,sb,sb,si,si}", "name", field->name, "type", types[field->type], "required",
                               (field->flags & CLOUDEP_FIELD_REQUIRED) != 0, "clear",
                               (field->flags & CLOUDEP_FIELD_ALLOW_EMPTY) != 0, "min", field->min, "max", field->max));
    }
    return list;
}

static json_t *codes_of(const cloudep_operation_t *operation)
{
    json_t *codes = json_object();

    for (int reason = CLOUDEP_DONE; reason < CLOUDEP_REASON_COUNT; reason++) {
        const cloudep_v1_code_t code = cloudep_v1_code(operation, reason, NULL);

        if (json_object_set_new(
                codes, cloudep_reason_word(reason),
                json_pack("{si,si,ss}", "status", code.status, "code", code.code, "message", code.message))) {
            abort();
        }
    }
    return codes;
}

static json_t *operations_of(const char *style)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        if (strcmp(apis[i].style, style) != 0) {
            continue;
        }
        for (const cloudep_operation_t *at = apis[i].operations; at->method; at++) {
            append(list,
                   json_pack("{ss,ss,ss,ss,sb,sb,sb,sb,so,so,ss?,so}", "name", at->name, "method", at->method, "prefix",
                             apis[i].prefix, "path", at->path, "member", (at->flags & CLOUDEP_OPERATION_MEMBER) != 0,
                             "query", (at->flags & CLOUDEP_OPERATION_QUERY) != 0, "form",
                             (at->flags & CLOUDEP_OPERATION_FORM) != 0, "quiet",
                             (at->flags & CLOUDEP_OPERATION_QUIET) != 0, "fields", fields_of(at), "codes", codes_of(at),
                             "when", at->when, "instead", fields_of(at->instead)));
        }
    }
    return list;
}

json_t *describe_operations(void)
{
    return operations_of("v1");
}

json_t *describe_account_operations(void)
{
    return operations_of("account");
}

json_t *describe_session_operations(void)
{
    return operations_of("session");
}

json_t *describe_reasons(void)
{
    json_t *list = json_array();

    for (int reason = CLOUDEP_DONE; reason < CLOUDEP_REASON_COUNT; reason++) {
        append(list, json_string(cloudep_reason_word(reason)));
    }
    return list;
}
