/*
 * body_fuzz.c - request bodies and query strings, from bytes to checked fields.
 *
 * First byte 'q': a query string with its arguments decoded as httpd does; anything else: a JSON body. The table has a
 * field of every type, so whatever passes must be what its type promises.
 */
#include <apr_escape.h>

#include "base/text/field.h"
#include "base/text/json.h"
#include "base/text/phone.h"
#include "base/text/validate.h"
#include "fuzz.h"

static const char *const choices[] = {"google", "github", NULL};

static const cloudep_field_t fields[] = {
    {.name = "text", .type = CLOUDEP_FIELD_TEXT, .min = 1, .max = 100},
    {.name = "slug", .type = CLOUDEP_FIELD_SLUG, .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = "email", .type = CLOUDEP_FIELD_EMAIL},
    {.name = "password", .type = CLOUDEP_FIELD_PASSWORD, .min = 8, .max = 128},
    {.name = "code", .type = CLOUDEP_FIELD_CODE, .min = 6, .max = 8},
    {.name = "token", .type = CLOUDEP_FIELD_TOKEN, .max = 8192},
    {.name = "id", .type = CLOUDEP_FIELD_ID},
    {.name = "url", .type = CLOUDEP_FIELD_URL, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE},
    {.name = "currency", .type = CLOUDEP_FIELD_CURRENCY},
    {.name = "phone", .type = CLOUDEP_FIELD_PHONE},
    {.name = "bool", .type = CLOUDEP_FIELD_BOOL},
    {.name = "choice", .type = CLOUDEP_FIELD_CHOICE, .choices = choices},
    {.name = NULL},
};

/* What a value that passed must be. */
static int holds(const cloudep_field_t *field, const char *text)
{
    apr_size_t characters;

    if (!*text) {
        return field->flags & CLOUDEP_FIELD_ALLOW_EMPTY;
    }
    if (cloudep_utf8_length(&characters, text) != APR_SUCCESS || (field->max && characters > (apr_size_t)field->max) ||
        characters < (apr_size_t)field->min) {
        return 0;
    }
    switch (field->type) {
    case CLOUDEP_FIELD_PASSWORD:
        return 1;
    case CLOUDEP_FIELD_SLUG:
        return cloudep_is_slug(text);
    case CLOUDEP_FIELD_ID:
        return cloudep_is_id(text);
    case CLOUDEP_FIELD_TOKEN:
        return cloudep_is_token(text);
    case CLOUDEP_FIELD_URL:
        return cloudep_is_url(text);
    case CLOUDEP_FIELD_PHONE:
        return cloudep_is_phone(text);
    case CLOUDEP_FIELD_CODE:
        return strspn(text, "0123456789") == strlen(text);
    case CLOUDEP_FIELD_CHOICE:
        return !strcmp(text, choices[0]) || !strcmp(text, choices[1]);
    case CLOUDEP_FIELD_BOOL:
        return !strcmp(text, "true") || !strcmp(text, "false");
    default:
        return cloudep_is_printable(text) && !cloudep_is_blank(text);
    }
}

static void judge(apr_status_t rv, const cloudep_field_value_t *values, const apr_array_header_t *errors)
{
    FUZZ_CHECK((rv == APR_SUCCESS) == !errors);
    for (int i = 0; errors && i < errors->nelts; i++) {
        const cloudep_field_error_t *error = &APR_ARRAY_IDX(errors, i, cloudep_field_error_t);

        FUZZ_CHECK(error->field && error->reason && cloudep_is_printable(error->reason));
    }
    for (int i = 0; !errors && fields[i].name; i++) {
        FUZZ_CHECK(values[i].text ? holds(&fields[i], values[i].text) : !(fields[i].flags & CLOUDEP_FIELD_REQUIRED));
    }
}

static void query(apr_pool_t *pool, const char *text)
{
    apr_table_t *arguments = apr_table_make(pool, 4);
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    apr_status_t rv;
    char *rest = apr_pstrdup(pool, text);
    char *state, *pair;

    for (pair = apr_strtok(rest, "&", &state); pair; pair = apr_strtok(NULL, "&", &state)) {
        char *value = strchr(pair, '=');

        if (value) {
            *value++ = '\0';
            if (apr_unescape_url(value, value, APR_ESCAPE_STRING, NULL, NULL, 1, NULL) != APR_SUCCESS) {
                return;
            }
            apr_table_addn(arguments, pair, value);
        }
    }
    rv = cloudep_field_check_query(&values, &errors, fields, arguments, pool);
    judge(rv, values, errors);
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    cloudep_field_value_t *values;
    apr_array_header_t *errors;
    const char *reason = NULL;
    json_t *object = NULL;
    apr_status_t rv;

    if (*text == 'q') {
        query(pool, text + 1);
    }
    else if (cloudep_json_parse(&object, &reason, text, size, pool) == APR_SUCCESS) {
        FUZZ_CHECK(json_is_object(object) && !reason);
        rv = cloudep_field_check_json(&values, &errors, fields, object, pool);
        judge(rv, values, errors);
    }
    else {
        FUZZ_CHECK(!object && reason && cloudep_is_printable(reason));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
