/*
 * field.c - walks a table of fields over a JSON object or a query string.
 *
 * The two sources differ only in how a raw text is fetched; what makes a text a good value of its type
 * is written once, in judge().
 */
#include "base/text/field.h"

#include <string.h>

#include <apr_strings.h>

#include "base/text/code.h"
#include "base/text/email.h"
#include "base/text/language.h"
#include "base/text/phone.h"
#include "base/text/validate.h"

/* What a source holds under a field's name. */
typedef struct {
    const char *text;   /* NULL when absent or null; for a Boolean its word */
    const char *reason; /* not NULL: there, but not usable at all */
} raw_t;

typedef raw_t fetch_fn(const void *source, const cloudep_field_t *field, apr_pool_t *pool);

/* The value under a name, going down into an object at each dot. What is no object has no members. */
static const json_t *find_json(const json_t *object, const char *name)
{
    const char *dot = strchr(name, '.');

    while (dot) {
        object = json_object_getn(object, name, (size_t)(dot - name));
        name = dot + 1;
        dot = strchr(name, '.');
    }
    return json_object_get(object, name);
}

/* An array of ids as one text. */
static raw_t join_words(const json_t *array, int max, apr_pool_t *pool)
{
    raw_t raw = {"", NULL};
    const json_t *word;
    size_t i;

    if (!json_is_array(array) || json_array_size(array) > (size_t)max) {
        raw.reason = apr_psprintf(pool, "must be an array of at most %d words", max);
        return raw;
    }
    json_array_foreach(array, i, word)
    {
        if (!json_is_string(word) || strlen(json_string_value(word)) != json_string_length(word) ||
            !cloudep_is_id(json_string_value(word))) {
            raw.reason = "must be an array of words, of letters, digits, - and _";
            return raw;
        }
        raw.text = apr_pstrcat(pool, raw.text, i ? " " : "", json_string_value(word), NULL);
    }
    return raw;
}

static raw_t fetch_json(const void *source, const cloudep_field_t *field, apr_pool_t *pool)
{
    const json_t *value = find_json(source, field->name);
    raw_t raw = {NULL, NULL};

    if (!value || json_is_null(value)) {
        return raw;
    }
    if (field->type == CLOUDEP_FIELD_WORDS) {
        return join_words(value, field->max, pool);
    }
    if (field->type == CLOUDEP_FIELD_BOOL) {
        if (json_is_boolean(value)) {
            raw.text = json_is_true(value) ? "true" : "false";
        }
        else {
            raw.reason = "must be true or false";
        }
    }
    else if (!json_is_string(value)) {
        raw.reason = "must be a string";
    }
    else if (json_string_length(value) != strlen(json_string_value(value))) {
        raw.reason = "must not have a NUL character"; /* an object that we did not parse ourselves */
    }
    else {
        raw.text = json_string_value(value);
    }
    return raw;
}

typedef struct {
    const char *name;
    const char *value;
    int count;
} search_t;

/* apr_table_do() finds names without regard to their case; a query parameter's name has one. */
static int count_match(void *data, const char *key, const char *value)
{
    search_t *search = data;

    if (strcmp(key, search->name) == 0) {
        search->value = value;
        search->count++;
    }
    return 1;
}

static raw_t fetch_query(const void *source, const cloudep_field_t *field, apr_pool_t *pool)
{
    search_t search = {field->name, NULL, 0};
    raw_t raw = {NULL, NULL};

    (void)pool;
    apr_table_do(count_match, &search, source, field->name, NULL);
    if (search.count > 1) {
        raw.reason = "must be given once only";
    }
    else {
        raw.text = search.value;
    }
    return raw;
}

/* Compare the length in characters with the field's bounds; also finds text that is not UTF-8. */
static const char *judge_length(const char **rule, const cloudep_field_t *field, const char *text, apr_pool_t *pool)
{
    apr_size_t characters;

    if (cloudep_utf8_length(&characters, text) != APR_SUCCESS) {
        return "must be valid UTF-8";
    }
    *rule = CLOUDEP_RULE_LENGTH;
    if (field->min > 0 && characters < (apr_size_t)field->min) {
        return apr_psprintf(pool, "must have at least %d characters", field->min);
    }
    if (field->max > 0 && characters > (apr_size_t)field->max) {
        return apr_psprintf(pool, "must have at most %d characters", field->max);
    }
    *rule = CLOUDEP_RULE_FORMAT;
    return NULL;
}

static const char *judge_text(const char *text)
{
    if (!cloudep_is_printable(text)) {
        return "must not have control characters";
    }
    return cloudep_is_blank(text) ? "must not be only white space" : NULL;
}

static const char *judge_code(const char **value, const cloudep_field_t *field, const char *text, apr_pool_t *pool)
{
    const apr_size_t min = field->min > 0 ? (apr_size_t)field->min : 1;
    const apr_size_t max = field->max > 0 ? (apr_size_t)field->max : strlen(text);

    if (cloudep_normalize_digits(value, text, min, max, pool) == APR_SUCCESS &&
        (strlen(*value) == min || strlen(*value) == max)) {
        return NULL;
    }
    return min == max ? apr_psprintf(pool, "must be %" APR_SIZE_T_FMT " digits", min)
                      : apr_psprintf(pool, "must be %" APR_SIZE_T_FMT " or %" APR_SIZE_T_FMT " digits", min, max);
}

static const char *judge_choice(const cloudep_field_t *field, const char *text, apr_pool_t *pool)
{
    const char *list = "";

    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        if (strcmp(*choice, text) == 0) {
            return NULL;
        }
        list = apr_pstrcat(pool, list, *list ? ", " : "", *choice, NULL);
    }
    return apr_pstrcat(pool, "must be one of: ", list, NULL);
}

/* Find the fault of a text that is not empty, and its rule; NULL when it has none, and its canonical form in value. */
static const char *judge(const char **value, const char **rule, const cloudep_field_t *field, const char *text,
                         apr_pool_t *pool)
{
    const char *reason;

    *rule = CLOUDEP_RULE_FORMAT;
    if (field->type == CLOUDEP_FIELD_CODE) {
        return judge_code(value, field, text, pool);
    }
    if (field->type == CLOUDEP_FIELD_WORDS) {
        *value = text; /* judged as it was fetched */
        return NULL;
    }
    if ((reason = judge_length(rule, field, text, pool)) != NULL) {
        return reason;
    }
    *value = text;
    switch (field->type) {
    case CLOUDEP_FIELD_TEXT:
        return judge_text(text);
    case CLOUDEP_FIELD_SLUG:
        return cloudep_is_slug(text) ? NULL : "must be lower-case letters, digits and hyphens";
    case CLOUDEP_FIELD_EMAIL:
        (void)cloudep_normalize_email(value, &reason, text, pool);
        return reason;
    case CLOUDEP_FIELD_NUMBER:
        return strspn(text, "0123456789") == strlen(text) ? NULL : "must be digits";
    case CLOUDEP_FIELD_TOKEN:
        return cloudep_is_token(text) ? NULL : "must be printable ASCII without spaces";
    case CLOUDEP_FIELD_ID:
        return cloudep_is_id(text) ? NULL : "must be an id as it was handed out";
    case CLOUDEP_FIELD_URL:
        return cloudep_is_url(text) ? NULL : "must be an absolute http or https URL";
    case CLOUDEP_FIELD_LANGUAGE:
        return cloudep_normalize_language(value, text, pool) == APR_SUCCESS
                   ? NULL
                   : "must be a language tag such as zh-TW or en";
    case CLOUDEP_FIELD_CURRENCY:
        return cloudep_is_currency(text) ? NULL : "must be a currency code such as TWD or USD";
    case CLOUDEP_FIELD_PHONE:
        (void)cloudep_normalize_phone(value, &reason, text, pool);
        return reason;
    case CLOUDEP_FIELD_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? NULL : "must be true or false";
    case CLOUDEP_FIELD_CHOICE:
        *rule = CLOUDEP_RULE_CHOICE;
        return judge_choice(field, text, pool);
    case CLOUDEP_FIELD_PASSWORD:
    case CLOUDEP_FIELD_CODE:
    case CLOUDEP_FIELD_WORDS:
        break;
    }
    return NULL;
}

static void add_error(apr_array_header_t **errors, const char *field, const char *rule, const char *reason,
                      apr_pool_t *pool)
{
    cloudep_field_error_t *error;

    if (!*errors) {
        *errors = apr_array_make(pool, 4, sizeof(cloudep_field_error_t));
    }
    error = apr_array_push(*errors);
    error->field = field;
    error->rule = rule;
    error->reason = reason;
}

static void check_one(cloudep_field_value_t *value, apr_array_header_t **errors, const cloudep_field_t *field,
                      const raw_t *raw, apr_pool_t *pool)
{
    const bool empty = !raw->text || !raw->text[0];
    const char *reason = raw->reason, *text = NULL, *rule = CLOUDEP_RULE_FORMAT;

    if (!reason && empty) {
        if (field->flags & CLOUDEP_FIELD_REQUIRED) {
            add_error(errors, field->name, CLOUDEP_RULE_REQUIRED, "is required", pool);
        }
        else if (raw->text && (field->flags & CLOUDEP_FIELD_ALLOW_EMPTY)) {
            value->text = "";
        }
        value->flag = (field->flags & CLOUDEP_FIELD_DEFAULT_TRUE) != 0;
        return;
    }
    if (!reason) {
        reason = judge(&text, &rule, field, raw->text, pool);
    }
    if (reason) {
        add_error(errors, field->name, rule, reason, pool);
        return;
    }
    /* What was not brought into another form still belongs to the source. */
    value->text = text == raw->text ? apr_pstrdup(pool, text) : text;
    value->flag = field->type == CLOUDEP_FIELD_BOOL && strcmp(text, "true") == 0;
}

static apr_status_t check(cloudep_field_value_t **values, apr_array_header_t **errors, const cloudep_field_t *fields,
                          const void *source, fetch_fn *fetch, apr_pool_t *pool)
{
    apr_size_t count = 0;

    while (fields[count].name) {
        count++;
    }
    *errors = NULL;
    *values = apr_pcalloc(pool, (count + 1) * sizeof(**values));
    for (apr_size_t i = 0; i < count; i++) {
        const raw_t raw = fetch(source, &fields[i], pool);

        check_one(&(*values)[i], errors, &fields[i], &raw, pool);
    }
    return *errors ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

apr_status_t cloudep_field_check_json(cloudep_field_value_t **values, apr_array_header_t **errors,
                                      const cloudep_field_t *fields, const json_t *object, apr_pool_t *pool)
{
    return check(values, errors, fields, object, fetch_json, pool);
}

apr_status_t cloudep_field_check_query(cloudep_field_value_t **values, apr_array_header_t **errors,
                                       const cloudep_field_t *fields, const apr_table_t *arguments, apr_pool_t *pool)
{
    return check(values, errors, fields, arguments, fetch_query, pool);
}
