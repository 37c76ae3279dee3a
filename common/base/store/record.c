/*
 * record.c - reads rows into structs, and PostgreSQL's text form of arrays.
 */
#include "base/store/record.h"

#include <apr_strings.h>
#include <string.h>

void cloudep_record_read(void *out, apr_pool_t *p, const cloudep_record_t *record, const cloudep_rows_t *rows, int row,
                         int column)
{
    for (int i = 0; i < record->count; i++) {
        void *member = (char *)out + record->columns[i].offset;
        const char *cell = cloudep_cell(rows, row, column + i);

        switch (record->columns[i].kind) {
        case CLOUDEP_COLUMN_TEXT:
        case CLOUDEP_COLUMN_JSON:
            *(const char **)member = cell;
            break;
        case CLOUDEP_COLUMN_INTEGER:
            *(int *)member = cell ? (int)apr_atoi64(cell) : 0;
            break;
        case CLOUDEP_COLUMN_NUMBER:
            *(apr_int64_t *)member = cell ? apr_atoi64(cell) : 0;
            break;
        case CLOUDEP_COLUMN_BOOLEAN:
            *(int *)member = cloudep_cell_true(rows, row, column + i);
            break;
        case CLOUDEP_COLUMN_LIST:
            *(apr_array_header_t **)member = cloudep_cell_list(p, rows, row, column + i);
            break;
        }
    }
}

apr_status_t cloudep_record_list(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db,
                                 const cloudep_record_t *record, const cloudep_statement_t *st,
                                 const cloudep_args_t *args)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, st, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *out = apr_array_make(p, rows->count, (int)record->size);
    for (int i = 0; i < rows->count; i++) {
        cloudep_record_read(apr_array_push(*out), p, record, rows, i, 0);
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_record_one(void *out, apr_pool_t *p, cloudep_db_t *db, const cloudep_record_t *record,
                                const cloudep_statement_t *st, const cloudep_args_t *args)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, st, args);

    if (rv == APR_SUCCESS) {
        cloudep_record_read(out, p, record, rows, 0, 0);
    }
    return rv;
}

/* One element of an array's text; returns what is behind it. */
static const char *read_element(const char **element, apr_pool_t *p, const char *text)
{
    const int quoted = *text == '"';
    char *end = apr_palloc(p, strlen(text) + 1);

    *element = end;
    for (text += quoted; *text && !strchr(quoted ? "\"" : ",}", *text); text++) {
        text += *text == '\\' && text[1];
        *end++ = *text;
    }
    *end = '\0';
    if (!quoted && !strcmp(*element, "NULL")) {
        *element = NULL;
    }
    return text + (quoted && *text);
}

/* PostgreSQL's documentation, 8.15.6: {a,"b, c",NULL}, a backslash before a quote or a backslash. */
apr_array_header_t *cloudep_cell_list(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column)
{
    apr_array_header_t *list = apr_array_make(p, 4, sizeof(const char *));
    const char *text = cloudep_cell(rows, row, column);

    if (!text || *text != '{' || text[1] == '}') {
        return list;
    }
    do {
        text = read_element(apr_array_push(list), p, text + 1);
    } while (*text == ',');
    return list;
}

const char *cloudep_arg_list(apr_pool_t *p, const apr_array_header_t *texts)
{
    apr_array_header_t *parts = apr_array_make(p, 16, sizeof(const char *));

    for (int i = 0; texts && i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);
        char *escaped = apr_palloc(p, strlen(text) * 2 + 1);
        char *end = escaped;

        for (; *text; text++) {
            if (*text == '"' || *text == '\\') {
                *end++ = '\\';
            }
            *end++ = *text;
        }
        *end = '\0';
        APR_ARRAY_PUSH(parts, const char *) = apr_pstrcat(p, "\"", escaped, "\"", NULL);
    }
    return apr_pstrcat(p, "{", apr_array_pstrcat(p, parts, ','), "}", NULL);
}

const char *cloudep_arg_number(apr_pool_t *p, apr_int64_t number)
{
    return apr_psprintf(p, "%" APR_INT64_T_FMT, number);
}

const char *cloudep_arg_seconds(apr_pool_t *p, int seconds)
{
    return apr_psprintf(p, "%d seconds", seconds);
}
