/*
 * page.h - a list in pages by cursor (base/text/cursor.h), as flows are asked for one.
 */
#ifndef CLOUDEP_PAGE_H
#define CLOUDEP_PAGE_H

#include "base/text/cursor.h"
#include "core/context.h"

#define CLOUDEP_PAGE_MOST 100

typedef struct cloudep_page_t {
    const char *limit;  /* rows at most, 1 to CLOUDEP_PAGE_MOST in digits; NULL: 20 */
    const char *cursor; /* as the page before told it; NULL: the first page */
} cloudep_page_t;

/**
 * What a page asks for. FIELD_INVALID (limit, cursor).
 * @param is_id  as for cloudep_cursor_read()
 * @param limit  rows to read: one more than is told, which says whether there is another page
 * @param cursor *cursor NULL: from the first row
 */
cloudep_outcome_t cloudep_page_read(cloudep_context_t *ctx, const cloudep_page_t *page, int (*is_id)(const char *),
                                    int *limit, const cloudep_cursor_t **cursor);

/**
 * Cuts rows that were read with that limit to those that are told.
 * @return whether there are more, so that the last of them is the next cursor
 */
int cloudep_page_cut(apr_array_header_t *rows, int limit);

#endif
