/*
 * cursor.h - where a page of a list ended: the time and the id of its last row, as a text that clients hand back.
 *
 * The next page has what comes after that row in the order of time and id, so a row that comes or goes meanwhile moves
 * no other one: nothing is told twice and nothing that stayed is left out. The text proves nothing: the statement that
 * takes it names the member.
 */
#ifndef CLOUDEP_CURSOR_H
#define CLOUDEP_CURSOR_H

#include <apr_pools.h>
#include "base/status.h"

typedef struct cloudep_cursor_t {
    const char *at; /* Unix time in microseconds: 1 to 17 digits, as PostgreSQL has it */
    const char *id; /* of the row */
} cloudep_cursor_t;

/** The text of a cursor, in base64url, from p. NULL: out of memory. */
const char *cloudep_cursor_text(apr_pool_t *p, const cloudep_cursor_t *cursor);

/**
 * Reads such a text.
 * @param is_id whether a text can be the id of such a row
 * @return CLOUDEP_EMALFORMED: it is none
 */
apr_status_t cloudep_cursor_read(cloudep_cursor_t *cursor, apr_pool_t *p, const char *text, int (*is_id)(const char *));

/** For is_id: a UUID; and a number of a bigint. */
int cloudep_cursor_is_uuid(const char *id);
int cloudep_cursor_is_number(const char *id);

#endif
