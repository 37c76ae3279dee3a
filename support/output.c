/*
 * output.c - answers, as one JSON document or laid out for people.
 *
 * What comes from the database or the command line may hold anything, so people see it with every character
 * escaped that could act on a terminal. Every write is checked: a full disk behind a redirect is a failure.
 */
#include "cloudepctl.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include "base/store/record_json.h"
#include "base/text/json.h"

/* Lets JSON that was made for this run go with it. */
static apr_status_t drop(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

json_t *cloudepctl_own(cloudepctl_t *ctl, json_t *json)
{
    if (json) {
        apr_pool_cleanup_register(ctl->pool, json, drop, apr_pool_cleanup_null);
    }
    return json;
}

/* True for what is shown as it is. */
static int harmless(UChar32 c)
{
    static const uint32_t acting =
        U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CN_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK;

    return c >= 0 && !(U_GET_GC_MASK(c) & acting);
}

static int width_of(UChar32 c)
{
    const int east_asian = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);

    if (U_GET_GC_MASK(c) & (U_GC_MN_MASK | U_GC_ME_MASK)) {
        return 0;
    }
    return east_asian == U_EA_WIDE || east_asian == U_EA_FULLWIDTH ? 2 : 1;
}

/* The text with acting characters as \u{HEX}, bytes that are no UTF-8 as \x{HEX}; *width: its columns on a screen. */
static const char *escaped(apr_pool_t *p, const char *text, int *width)
{
    const int32_t length = (int32_t)strlen(text);
    /* The longest that becomes of one byte is \x{HH} or \u{HH}; longer sequences grow less. */
    const apr_size_t room = (apr_size_t)length * 6 + 1;
    char *out = apr_palloc(p, room);
    char *end = out;
    int columns = 0;

    for (int32_t i = 0, start = 0; i < length; start = i) {
        UChar32 c;
        int n;

        U8_NEXT(text, i, length, c);
        if (c < 0) {
            i = start + 1; /* byte by byte until there is UTF-8 again */
        }
        if (harmless(c)) {
            n = apr_snprintf(end, room - (apr_size_t)(end - out), "%.*s", (int)(i - start), text + start);
            columns += width_of(c);
        }
        else {
            n = apr_snprintf(end, room - (apr_size_t)(end - out), "\\%c{%X}", c < 0 ? 'x' : 'u',
                             c < 0 ? (unsigned int)(unsigned char)text[start] : (unsigned int)c);
            columns += n;
        }
        end += n;
    }
    *end = '\0';
    if (width) {
        *width = columns;
    }
    return out;
}

/* A value as people read it. */
static const char *shown(apr_pool_t *p, const json_t *value)
{
    const char *text = "";
    const json_t *item;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_STRING:
        return *json_string_value(value) ? json_string_value(value) : "\"\"";
    case JSON_INTEGER:
        return apr_psprintf(p, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    case JSON_ARRAY:
        json_array_foreach(value, i, item)
        {
            text = apr_pstrcat(p, text, i ? ", " : "", shown(p, item), NULL);
        }
        return *text ? text : "-";
    case JSON_OBJECT:
        return cloudep_json_text(value, p);
    default:
        return "-";
    }
}

/* Field names as people read them: revoked_at -> revoked at. */
static const char *spaced(apr_pool_t *p, const char *name)
{
    char *copy = apr_pstrdup(p, name);

    for (char *c = copy; *c; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    return copy;
}

int cloudepctl_print_text(cloudepctl_t *ctl, const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "the answer could not be written to standard output");
    }
    return CLOUDEPCTL_DONE;
}

/* Prints {name: value, "next": next} (next NULL: without it). value is not used up. */
static int print_json(cloudepctl_t *ctl, const char *name, const json_t *value, json_t *next)
{
    json_t *document = cloudepctl_own(ctl, json_object());
    char *text;
    int code;

    (void)json_object_set_new(document, name, json_deep_copy(value));
    if (next) {
        (void)json_object_set(document, "next", next);
    }
    text = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (!text) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "the answer could not be put together");
    }
    code = cloudepctl_print_text(ctl, apr_pstrcat(ctl->pool, text, "\n", NULL));
    free(text);
    return code;
}

json_t *cloudepctl_json(cloudepctl_t *ctl, const cloudep_record_t *record, const void *row)
{
    return cloudepctl_own(ctl, cloudep_record_json(record, row));
}

static int columns_of(const cloudepctl_column_t *columns)
{
    int n = 0;

    while (columns[n].field) {
        n++;
    }
    return n;
}

static void append_cell(apr_array_header_t *lines, const char *text, int pad)
{
    APR_ARRAY_PUSH(lines, const char *) = text;
    APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(lines->pool, "%*s", pad, "");
}

/* Two passes: how wide each column is, then the lines. */
static int print_table(cloudepctl_t *ctl, const cloudepctl_column_t *columns, const json_t *array)
{
    const int n = columns_of(columns);
    const int rows = (int)json_array_size(array) + 1;
    const char **cells = apr_pcalloc(ctl->pool, sizeof(char *) * (apr_size_t)(rows * n));
    int *widths = apr_pcalloc(ctl->pool, sizeof(int) * (apr_size_t)(rows * n));
    apr_array_header_t *text = apr_array_make(ctl->pool, rows * n * 2, sizeof(const char *));

    for (int i = 0; i < rows * n; i++) {
        const json_t *row = i < n ? NULL : json_array_get(array, (size_t)(i / n - 1));
        const json_t *value = row ? json_object_get(row, columns[i % n].field) : NULL;

        cells[i] = escaped(ctl->pool, i < n ? columns[i].title : value ? shown(ctl->pool, value) : "-", &widths[i]);
    }
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < n; c++) {
            int widest = 0;

            for (int k = 0; k < rows; k++) {
                widest = widths[k * n + c] > widest ? widths[k * n + c] : widest;
            }
            append_cell(text, cells[r * n + c], c == n - 1 ? 0 : widest - widths[r * n + c] + 2);
        }
        APR_ARRAY_PUSH(text, const char *) = "\n";
    }
    return cloudepctl_print_text(ctl, apr_array_pstrcat(ctl->pool, text, 0));
}

int cloudepctl_print_list(cloudepctl_t *ctl, const char *name, const cloudepctl_column_t *columns, const json_t *array,
                          json_t *next)
{
    int code;

    if (ctl->json) {
        return print_json(ctl, name, array, next);
    }
    if (json_array_size(array) == 0) {
        return cloudepctl_print_text(ctl, apr_psprintf(ctl->pool, "no %s\n", name));
    }
    code = print_table(ctl, columns, array);
    if (code || !next || json_is_null(next)) {
        return code;
    }
    return cloudepctl_print_text(
        ctl, apr_psprintf(ctl->pool, "more: --after %s\n", escaped(ctl->pool, shown(ctl->pool, next), NULL)));
}

int cloudepctl_print_record(cloudepctl_t *ctl, const char *name, json_t *object)
{
    const char *text = "";
    const char *field;
    json_t *value;

    if (ctl->json) {
        return print_json(ctl, name, object, NULL);
    }
    json_object_foreach(object, field, value)
    {
        text = apr_psprintf(ctl->pool, "%s%-28s%s\n", text, spaced(ctl->pool, field),
                            escaped(ctl->pool, shown(ctl->pool, value), NULL));
    }
    return cloudepctl_print_text(ctl, text);
}

int cloudepctl_print_done(cloudepctl_t *ctl, const char *name, const json_t *result, const char *format, ...)
{
    va_list args;
    const char *text;

    if (ctl->json) {
        return print_json(ctl, name, result, NULL);
    }
    va_start(args, format);
    text = apr_pvsprintf(ctl->pool, format, args);
    va_end(args);
    return cloudepctl_print_text(ctl, apr_pstrcat(ctl->pool, escaped(ctl->pool, text, NULL), "\n", NULL));
}

int cloudepctl_fail(cloudepctl_t *ctl, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ctl->error = apr_pvsprintf(ctl->pool, format, args);
    va_end(args);
    return code;
}

void cloudepctl_print_error(cloudepctl_t *ctl, int code)
{
    const char *message = escaped(ctl->pool, ctl->error ? ctl->error : "failed", NULL);
    json_t *error;

    if (ctl->json && !ferror(stdout)) {
        error = cloudepctl_own(ctl, json_pack("{s:i, s:s}", "exit", code, "message", message));
        (void)print_json(ctl, "error", error, NULL);
    }
    (void)fprintf(stderr, "cloudepctl: %s\n", message);
}

void cloudepctl_warn(const cloudepctl_t *ctl, const char *text)
{
    (void)fprintf(stderr, "cloudepctl: warning: %s\n", escaped(ctl->pool, text, NULL));
}
