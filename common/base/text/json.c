/*
 * json.c - bytes from outside into a jansson object, with the limits of json.h; and texts from values.
 */
#include "base/text/json.h"

#include <stdbool.h>

#include <apr_strings.h>

#define TEXT_ROOM 1024 /* bytes: most texts */

/* Whether arrays and objects are nested deeper than allowed. jansson descends by recursion up to 2048
 * levels; this scan costs nothing and stops it long before. It only has to skip strings: text that is
 * no JSON is found out by the parser. */
static bool too_deep(const char *text, apr_size_t length)
{
    apr_size_t depth = 0;
    bool in_string = false;

    for (apr_size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++;
            }
            else if (text[i] == '"') {
                in_string = false;
            }
        }
        else if (text[i] == '"') {
            in_string = true;
        }
        else if (text[i] == '{' || text[i] == '[') {
            if (++depth > CLOUDEP_JSON_DEPTH) {
                return true;
            }
        }
        else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* Say what is wrong in our own words: jansson's text quotes the input. */
static const char *describe(const json_error_t *error, apr_pool_t *pool)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "an object has the same key twice";
    case json_error_invalid_utf8:
        return "the body is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character is not allowed";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return apr_psprintf(pool, "the body is not valid JSON (line %d, column %d)", error->line, error->column);
    }
}

static apr_status_t drop(void *data)
{
    json_decref(data);
    return APR_SUCCESS;
}

json_t *cloudep_json_own(json_t *value, apr_pool_t *pool)
{
    if (value) {
        apr_pool_cleanup_register(pool, value, drop, apr_pool_cleanup_null);
    }
    return value;
}

apr_status_t cloudep_json_parse(json_t **object, const char **reason, const char *text, apr_size_t length,
                                apr_pool_t *pool)
{
    json_error_t error;
    json_t *value;

    *object = NULL;
    *reason = NULL;
    if (length == 0) {
        *reason = "the body is empty";
        return CLOUDEP_EMALFORMED;
    }
    if (too_deep(text, length)) {
        *reason = apr_psprintf(pool, "the body is nested deeper than %d levels", CLOUDEP_JSON_DEPTH);
        return CLOUDEP_EMALFORMED;
    }
    value = cloudep_json_own(json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error), pool);
    if (!value) {
        *reason = describe(&error, pool);
        return CLOUDEP_EMALFORMED;
    }
    if (!json_is_object(value)) {
        *reason = "the body is not a JSON object";
        return CLOUDEP_EMALFORMED;
    }
    *object = value;
    return APR_SUCCESS;
}

const char *cloudep_json_text(const json_t *value, apr_pool_t *pool)
{
    size_t room = 0;
    size_t length = TEXT_ROOM;
    char *text = NULL;

    while (value && length > room) {
        room = length;
        text = apr_palloc(pool, room + 1);
        length = json_dumpb(value, text, room, JSON_COMPACT);
    }
    if (!text || length == 0) {
        return NULL;
    }
    text[length] = '\0';
    return text;
}
