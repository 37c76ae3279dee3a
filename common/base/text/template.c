/*
 * template.c - parses templates into pieces and puts them together again.
 */
#include "base/text/template.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>
#include "base/text/validate.h"

/* Literal text, or (text NULL) a value. */
typedef struct piece_t {
    const char *text;
    apr_size_t len;
    int name;
} piece_t;

struct cloudep_template_t {
    apr_array_header_t *pieces; /* of piece_t */
};

/* A text that grows up to CLOUDEP_TEMPLATE_MAX. out NULL: only counts. */
typedef struct sink_t {
    char *out;
    apr_size_t len;
} sink_t;

static void put(sink_t *sink, const char *bytes, apr_size_t len)
{
    if (sink->out) {
        memcpy(sink->out + sink->len, bytes, len);
    }
    sink->len += len;
}

static int index_of(const char *const *names, const char *name, apr_size_t len)
{
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) == len && !memcmp(names[i], name, len)) {
            return i;
        }
    }
    return -1;
}

static int line_of(const char *source, const char *at)
{
    int line = 1;

    for (const char *c = source; c < at; c++) {
        line += *c == '\n';
    }
    return line;
}

static void add_piece(cloudep_template_t *t, const char *text, apr_size_t len, int name)
{
    if (!text || len) {
        *(piece_t *)apr_array_push(t->pieces) = (piece_t){.text = text, .len = len, .name = name};
    }
}

/* The placeholder that opens at open; *end is set behind it. */
static apr_status_t parse_name(int *name, const char **end, apr_pool_t *pool, const char *open,
                               const char *const *names, const char **fault)
{
    const char *first = open + 2 + strspn(open + 2, " ");
    apr_size_t len = strspn(first, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const char *close = first + len + strspn(first + len, " ");

    if (!len || strncmp(close, "}}", 2)) {
        *fault = "{{ without a name and }} behind it";
        return CLOUDEP_EMALFORMED;
    }
    *name = index_of(names, first, len);
    *end = close + 2;
    if (*name < 0) {
        *fault = apr_psprintf(pool, "unknown placeholder {{%.*s}}", (int)(len < 64 ? len : 64), first);
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_template_parse(const cloudep_template_t **template, apr_pool_t *pool, const char *source,
                                    apr_size_t len, const char *const *names, const char **error)
{
    cloudep_template_t *t = apr_pcalloc(pool, sizeof(*t));
    const char *text;
    const char *at;
    const char *open;
    const char *fault;
    apr_size_t characters;
    int name;

    if (len > CLOUDEP_TEMPLATE_MAX) {
        *error = apr_psprintf(pool, "longer than %d bytes", CLOUDEP_TEMPLATE_MAX);
        return CLOUDEP_EMALFORMED;
    }
    text = apr_pstrmemdup(pool, source, len);
    if (memchr(source, 0, len) || cloudep_utf8_length(&characters, text) != APR_SUCCESS) {
        *error = "not UTF-8 text";
        return CLOUDEP_EMALFORMED;
    }
    t->pieces = apr_array_make(pool, 8, sizeof(piece_t));
    for (at = text; (open = strstr(at, "{{")) != NULL;) {
        add_piece(t, at, (apr_size_t)(open - at), -1);
        if (parse_name(&name, &at, pool, open, names, &fault) != APR_SUCCESS) {
            *error = apr_psprintf(pool, "line %d: %s", line_of(text, open), fault);
            return CLOUDEP_EMALFORMED;
        }
        add_piece(t, NULL, 0, name);
    }
    add_piece(t, at, strlen(at), -1);
    *template = t;
    return APR_SUCCESS;
}

int cloudep_template_uses(const cloudep_template_t *template, int name)
{
    for (int i = 0; i < template->pieces->nelts; i++) {
        const piece_t *piece = &APR_ARRAY_IDX(template->pieces, i, piece_t);

        if (!piece->text && piece->name == name) {
            return 1;
        }
    }
    return 0;
}

static void put_html(sink_t *sink, char c)
{
    switch (c) {
    case '&':
        put(sink, "&amp;", 5);
        break;
    case '<':
        put(sink, "&lt;", 4);
        break;
    case '>':
        put(sink, "&gt;", 4);
        break;
    case '"':
        put(sink, "&quot;", 6);
        break;
    case '\'':
        put(sink, "&#39;", 5);
        break;
    default:
        put(sink, &c, 1);
    }
}

static void put_json(sink_t *sink, char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;

    if (c == '"' || c == '\\') {
        put(sink, (const char[]){'\\', c}, 2);
    }
    else if (u < 0x20 || u == 0x7f) {
        put(sink, (const char[]){'\\', 'u', '0', '0', hex[u >> 4], hex[u & 15]}, 6);
    }
    else {
        put(sink, &c, 1);
    }
}

static void put_url(sink_t *sink, char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    unsigned char u = (unsigned char)c;

    if (strchr(unreserved, c)) {
        put(sink, &c, 1);
    }
    else {
        put(sink, (const char[]){'%', hex[u >> 4], hex[u & 15]}, 3);
    }
}

static void put_value(sink_t *sink, cloudep_escape_t escape, const char *value)
{
    static void (*const put_escaped[])(sink_t *, char) = {
        [CLOUDEP_ESCAPE_HTML] = put_html, [CLOUDEP_ESCAPE_JSON] = put_json, [CLOUDEP_ESCAPE_URL] = put_url};

    if (escape == CLOUDEP_ESCAPE_TEXT) {
        put(sink, value, strlen(value));
        return;
    }
    for (; *value; value++) {
        put_escaped[escape](sink, *value);
    }
}

/* Values go where a control character would be an order to somebody, unless escaping makes it harmless. */
static apr_status_t check_value(cloudep_escape_t escape, const char *value)
{
    apr_size_t characters;

    if (!value) {
        return CLOUDEP_EDATA;
    }
    if (escape == CLOUDEP_ESCAPE_TEXT || escape == CLOUDEP_ESCAPE_HTML) {
        return cloudep_is_printable(value) ? APR_SUCCESS : CLOUDEP_EDATA;
    }
    return cloudep_utf8_length(&characters, value) == APR_SUCCESS ? APR_SUCCESS : CLOUDEP_EDATA;
}

apr_status_t cloudep_template_render(const char **text, apr_pool_t *pool, const cloudep_template_t *template,
                                     cloudep_escape_t escape, const char *const *values)
{
    sink_t sink = {0};
    apr_status_t rv;

    for (int pass = 0; pass < 2; pass++) {
        sink.len = 0;
        for (int i = 0; i < template->pieces->nelts; i++) {
            const piece_t *piece = &APR_ARRAY_IDX(template->pieces, i, piece_t);

            if (piece->text) {
                put(&sink, piece->text, piece->len);
                continue;
            }
            rv = check_value(escape, values[piece->name]);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            put_value(&sink, escape, values[piece->name]);
        }
        if (sink.len > CLOUDEP_TEMPLATE_MAX) {
            return CLOUDEP_EREFUSED;
        }
        if (!sink.out) {
            sink.out = apr_palloc(pool, sink.len + 1);
        }
    }
    sink.out[sink.len] = 0;
    *text = sink.out;
    return APR_SUCCESS;
}
