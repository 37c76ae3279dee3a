/*
 * page.c - see page.h.
 */
#include "flow/page.h"

#include <stddef.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define USUAL 20 /* rows of a page whose size nobody asked for */

cloudep_outcome_t cloudep_page_read(cloudep_context_t *ctx, const cloudep_page_t *page, int (*is_id)(const char *),
                                    int *limit, const cloudep_cursor_t **cursor)
{
    const apr_int64_t rows = page->limit ? apr_atoi64(page->limit) : USUAL;
    cloudep_cursor_t *read = apr_palloc(ctx->p, sizeof(*read));

    if (rows < 1 || rows > CLOUDEP_PAGE_MOST) {
        return cloudep_invalid(offsetof(cloudep_page_t, limit), CLOUDEP_RULE_FORMAT, "must be 1 to 100");
    }
    if (page->cursor && cloudep_cursor_read(read, ctx->p, page->cursor, is_id) != APR_SUCCESS) {
        return cloudep_invalid(offsetof(cloudep_page_t, cursor), CLOUDEP_RULE_FORMAT,
                               "must be a next_cursor as it was handed out");
    }
    *limit = (int)rows + 1;
    *cursor = page->cursor ? read : NULL;
    return cloudep_done();
}

int cloudep_page_cut(apr_array_header_t *rows, int limit)
{
    const int more = rows->nelts == limit;

    rows->nelts -= more;
    return more;
}
