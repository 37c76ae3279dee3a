/*
 * attributes.c - see attributes.h.
 */
#include "guard/attributes.h"

#include <jansson.h>
#include <stdlib.h>
#include <apr_strings.h>
#include "access/place.h"
#include "base/text/json.h"
#include "base/text/validate.h"

/* All attributes of a member; NULL: none. */
static const json_t *attributes_of(apr_pool_t *p, const cloudep_principal_t *principal)
{
    return principal->attributes ? cloudep_json_own(json_loads(principal->attributes, 0, NULL), p) : NULL;
}

/* A value as one text: that of a text, JSON of anything else. NULL: it cannot be a header. */
static const char *text_of(apr_pool_t *p, const json_t *value)
{
    char *dumped;
    const char *text;

    if (json_is_string(value)) {
        text = json_string_value(value);
        return *text && cloudep_is_printable(text) ? text : NULL;
    }
    dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    text = dumped && !json_is_null(value) ? apr_pstrdup(p, dumped) : NULL;
    free(dumped);
    return text;
}

static int is(apr_pool_t *p, const json_t *value, const char *wanted)
{
    const char *text = json_is_array(value) || json_is_object(value) ? NULL : text_of(p, value);

    return text && !strcmp(text, wanted);
}

int cloudep_attribute_is(apr_pool_t *p, const cloudep_principal_t *principal, const char *name, const char *value)
{
    const json_t *attribute = json_object_get(attributes_of(p, principal), name);
    const json_t *element;
    size_t i;

    json_array_foreach(attribute, i, element)
    {
        if (is(p, element, value)) {
            return 1;
        }
    }
    return attribute && is(p, attribute, value);
}

void cloudep_attribute_headers(request_rec *r, apr_table_t *headers, const cloudep_principal_t *principal)
{
    const apr_array_header_t *rows = cloudep_place_of(r)->attribute_headers;
    const json_t *attributes = rows ? attributes_of(r->pool, principal) : NULL;

    for (int i = 0; rows && i < rows->nelts; i++) {
        const cloudep_attribute_header_t *row = &APR_ARRAY_IDX(rows, i, cloudep_attribute_header_t);
        const json_t *value = json_object_get(attributes, row->name);
        const char *text = value ? text_of(r->pool, value) : NULL;

        if (text) {
            apr_table_setn(headers, row->header, text);
        }
        else {
            apr_table_unset(headers, row->header);
        }
    }
}
