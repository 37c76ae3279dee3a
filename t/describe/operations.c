/*
 * operations.c - what describe prints of the tables of operations.
 *
 * Only the tables are looked at. The functions that they name are not linked.
 */
#include "describe.h"

#include <stdlib.h>
#include <string.h>
#include "wire/v1/v1.h"

extern const cloudep_operation_t auth_operations[], member_operations[], account_operations[], session_operations[],
    auth_cookie_operations[];

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

/* ---- how each is served ---- */

typedef struct {
    unsigned bit;
    const char *word;
} word_t;

static const word_t needs[] = {
    {CLOUDEP_NEEDS_DATABASE, "database"},   {CLOUDEP_NEEDS_CACHE, "cache"},
    {CLOUDEP_NEEDS_SIGNING, "signing"},     {CLOUDEP_NEEDS_VERIFYING, "verifying"},
    {CLOUDEP_NEEDS_SEALING, "sealing"},     {CLOUDEP_NEEDS_PROVIDER, "provider"},
    {CLOUDEP_NEEDS_MAIL, "mail"},           {CLOUDEP_NEEDS_SMS, "sms"},
    {CLOUDEP_NEEDS_SOCIAL, "social"},       {CLOUDEP_NEEDS_EXCHANGE, "exchange"},
    {CLOUDEP_NEEDS_SESSION_KEYS, "cookie"}, {CLOUDEP_NEEDS_PASSKEYS, "passkeys"},
    {CLOUDEP_NEEDS_TENANT, "tenant"},       {0, NULL},
};
static const word_t flags[] = {
    {CLOUDEP_OPERATION_MEMBER, "member"},
    {CLOUDEP_OPERATION_QUERY, "query"},
    {CLOUDEP_OPERATION_STRICT_QUERY, "strict"},
    {CLOUDEP_OPERATION_QUIET, "quiet"},
    {CLOUDEP_OPERATION_FORWARD_AUTH, "forward_auth"},
    {CLOUDEP_OPERATION_RENEWS, "renews"},
    {CLOUDEP_OPERATION_FORM, "form"},
    {CLOUDEP_OPERATION_FROM_ELSEWHERE, "from_elsewhere"},
    {0, NULL},
};
static const word_t field_flags[] = {
    {CLOUDEP_FIELD_REQUIRED, "required"},
    {CLOUDEP_FIELD_TENANT, "tenant"},
    {CLOUDEP_FIELD_ALLOW_EMPTY, "clear"},
    {CLOUDEP_FIELD_DEFAULT_TRUE, "true"},
    {0, NULL},
};

static json_t *words_of(unsigned bits, const word_t *words)
{
    json_t *list = json_array();

    for (; words->word; words++) {
        if (bits & words->bit) {
            append(list, json_string(words->word));
        }
    }
    return list;
}

static json_t *whole_fields_of(const cloudep_operation_t *operation)
{
    json_t *list = json_array();

    for (const cloudep_field_t *field = operation->fields; field && field->name; field++) {
        json_t *choices = json_array();

        for (int i = 0; field->choices && field->choices[i]; i++) {
            append(choices, json_string(field->choices[i]));
        }
        append(list, json_pack("{ss,ss,so,si,si,so}", "name", field->name, "type", types[field->type], "flags",
                               words_of(field->flags, field_flags), "min", field->min, "max", field->max, "choices",
                               choices));
    }
    return list;
}

/* And the second shape of a body as an operation of its own. */
static void append_served(json_t *list, const char *table, const cloudep_operation_t *operation, const char *when)
{
    append(list,
           json_pack("{ss,ss,ss,ss,ss?,so,so,so}", "table", table, "method", operation->method, "path", operation->path,
                     "name", operation->name, "when", when, "needs", words_of(operation->needs, needs), "flags",
                     words_of(operation->flags, flags), "fields", whole_fields_of(operation)));
    if (operation->instead) {
        append_served(list, table, operation->instead, operation->when);
    }
}

json_t *describe_served(void)
{
    static const struct {
        const char *name;
        const cloudep_operation_t *operations;
    } tables[] = {{"auth", auth_operations},
                  {"auth by cookie", auth_cookie_operations},
                  {"members", member_operations},
                  {"account", account_operations},
                  {"session", session_operations}};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const cloudep_operation_t *at = tables[i].operations; at->method; at++) {
            append_served(list, tables[i].name, at, NULL);
        }
    }
    return list;
}

json_t *describe_reasons(void)
{
    json_t *list = json_array();

    for (int reason = CLOUDEP_DONE; reason < CLOUDEP_REASON_COUNT; reason++) {
        append(list, json_string(cloudep_reason_word(reason)));
    }
    return list;
}
