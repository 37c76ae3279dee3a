/*
 * record_json.c - see record_json.h.
 */
#include "base/store/record_json.h"

static json_t *json_of_list(const apr_array_header_t *texts)
{
    json_t *array = json_array();

    for (int i = 0; i < texts->nelts; i++) {
        (void)json_array_append_new(array, json_string(APR_ARRAY_IDX(texts, i, const char *)));
    }
    return array;
}

static json_t *json_of_text(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* What PostgreSQL calls JSON. */
static json_t *json_of_json(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    return value ? value : json_null();
}

static json_t *json_of_column(const cloudep_column_t *column, const void *row)
{
    const void *member = (const char *)row + column->offset;

    switch (column->kind) {
    case CLOUDEP_COLUMN_INTEGER:
        return json_integer(*(const int *)member);
    case CLOUDEP_COLUMN_NUMBER:
        return json_integer(*(const apr_int64_t *)member);
    case CLOUDEP_COLUMN_BOOLEAN:
        return json_boolean(*(const int *)member);
    case CLOUDEP_COLUMN_LIST:
        return json_of_list(*(const apr_array_header_t *const *)member);
    case CLOUDEP_COLUMN_JSON:
        return json_of_json(*(const char *const *)member);
    case CLOUDEP_COLUMN_TEXT:
        break;
    }
    return json_of_text(*(const char *const *)member);
}

json_t *cloudep_record_json(const cloudep_record_t *record, const void *row)
{
    json_t *object = json_object();

    for (int i = 0; object && i < record->count; i++) {
        (void)json_object_set_new(object, record->columns[i].name, json_of_column(&record->columns[i], row));
    }
    return object;
}
