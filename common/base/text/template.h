/*
 * template.h - texts with placeholders: {{name}}.
 *
 * A template is parsed once against the list of names it may use, so what is wrong with it shows at start and not
 * in somebody's mail. Rendering only puts values in their places, escaped for where the text goes.
 */
#ifndef CLOUDEP_TEMPLATE_H
#define CLOUDEP_TEMPLATE_H

#include <apr_pools.h>
#include "base/status.h"

typedef struct cloudep_template_t cloudep_template_t;

/* Where a rendered text goes. */
typedef enum {
    CLOUDEP_ESCAPE_TEXT, /* as it is; values that are not printable are refused */
    CLOUDEP_ESCAPE_HTML, /* element content and quoted attributes; the same values are refused */
    CLOUDEP_ESCAPE_JSON, /* inside the quotes of a JSON string (RFC 8259) */
    CLOUDEP_ESCAPE_URL   /* a component of a URL or of a form's body: all but RFC 3986's unreserved is %XX */
} cloudep_escape_t;

#define CLOUDEP_TEMPLATE_MAX 65536 /* bytes of a template, and of what becomes of it */

/**
 * Parses len bytes of UTF-8. names (NULL-ended, must live as long as pool) are the placeholders that are known.
 * CLOUDEP_EMALFORMED: *error says where and why, from pool ("line 3: unknown placeholder {{kode}}").
 */
apr_status_t cloudep_template_parse(const cloudep_template_t **template, apr_pool_t *pool, const char *source,
                                    apr_size_t len, const char *const *names, const char **error);

/** Whether the placeholder with that index in names occurs. */
int cloudep_template_uses(const cloudep_template_t *template, int name);

/**
 * Puts the values, in the order of the names, into the template.
 * CLOUDEP_EDATA: a value that the template uses is NULL, or not UTF-8, or not printable. CLOUDEP_EREFUSED: the text
 * would be longer than CLOUDEP_TEMPLATE_MAX.
 */
apr_status_t cloudep_template_render(const char **text, apr_pool_t *pool, const cloudep_template_t *template,
                                     cloudep_escape_t escape, const char *const *values);

#endif
