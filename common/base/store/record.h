/*
 * record.h - rows as structs. One list of columns makes the struct, the SELECT list and the reader, so that they cannot
 * disagree; cloudepctl writes JSON from the same list.
 *
 * A list is a macro of this form. FIRST and NEXT are called with a column's kind, the struct's member and the SQL of
 * its value; the last parameters are the aliases under which the statement has its tables:
 *
 *     #define CLOUDEP_PET_COLUMNS(FIRST, NEXT, pet)
 *         FIRST(TEXT, name, pet ".name")
 *         NEXT(NUMBER, born_at, CLOUDEP_SQL_SECONDS(pet ".born_at"))
 *
 *     typedef struct cloudep_pet_t {
 *         CLOUDEP_PET_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
 *     } cloudep_pet_t;
 *
 *     #define PET(kind, name, sql) CLOUDEP_COLUMN(cloudep_pet_t, kind, name)
 *     static const cloudep_column_t columns[] = {CLOUDEP_PET_COLUMNS(PET, PET, "")};
 *     const cloudep_record_t cloudep_pet_record = CLOUDEP_RECORD(cloudep_pet_t, columns);
 *
 *     "SELECT " CLOUDEP_PET_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "cat") " FROM pets AS cat"
 */
#ifndef CLOUDEP_RECORD_H
#define CLOUDEP_RECORD_H

#include <apr_tables.h>
#include <stddef.h>
#include "base/store/db.h"

/* What a column is in C. */
typedef enum {
    CLOUDEP_COLUMN_TEXT,    /* const char *; SQL NULL: NULL */
    CLOUDEP_COLUMN_INTEGER, /* int; SQL NULL: 0, as for the next two */
    CLOUDEP_COLUMN_NUMBER,  /* apr_int64_t */
    CLOUDEP_COLUMN_BOOLEAN, /* int */
    CLOUDEP_COLUMN_JSON,    /* const char *, from json or jsonb; SQL NULL: NULL */
    CLOUDEP_COLUMN_LIST     /* apr_array_header_t * of const char *, from text[]; SQL NULL: empty */
} cloudep_column_e;

#define CLOUDEP_COLUMN_TYPE_TEXT const char *
#define CLOUDEP_COLUMN_TYPE_INTEGER int
#define CLOUDEP_COLUMN_TYPE_NUMBER apr_int64_t
#define CLOUDEP_COLUMN_TYPE_BOOLEAN int
#define CLOUDEP_COLUMN_TYPE_JSON const char *
#define CLOUDEP_COLUMN_TYPE_LIST apr_array_header_t *

typedef struct cloudep_column_t {
    const char *name;
    cloudep_column_e kind;
    apr_size_t offset; /* in the struct */
} cloudep_column_t;

/* How a row becomes a struct. */
typedef struct cloudep_record_t {
    const cloudep_column_t *columns;
    int count;
    apr_size_t size; /* of the struct */
} cloudep_record_t;

/* What a list of columns is called with. */
#define CLOUDEP_COLUMN_MEMBER(kind, name, sql) CLOUDEP_COLUMN_TYPE_##kind name;
#define CLOUDEP_COLUMN_SQL(kind, name, sql) sql
#define CLOUDEP_COLUMN_NEXT_SQL(kind, name, sql) ", " sql
#define CLOUDEP_COLUMN_ONE(kind, name, sql) +1
#define CLOUDEP_COLUMN(type, kind, name) {#name, CLOUDEP_COLUMN_##kind, offsetof(type, name)},
#define CLOUDEP_RECORD(type, columns_)                                                                                 \
    {                                                                                                                  \
        .columns = (columns_), .count = (int)(sizeof(columns_) / sizeof((columns_)[0])), .size = sizeof(type)          \
    }

/* A time (timestamptz) as Unix seconds, milliseconds or microseconds, the last of which go back to it, and as RFC 3339
 * in UTC. */
#define CLOUDEP_SQL_SECONDS(time) "floor(date_part('epoch', " time "))::bigint"
#define CLOUDEP_SQL_MILLISECONDS(time) "floor(date_part('epoch', " time ") * 1000)::bigint"
#define CLOUDEP_SQL_MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"
#define CLOUDEP_SQL_FROM_MICROSECONDS(number) "(timestamptz 'epoch' + " number "::bigint * interval '1 microsecond')"
#define CLOUDEP_SQL_RFC3339(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/**
 * Reads a row into a struct.
 * @param out    record->size bytes; members that no column is named after are left alone
 * @param p      texts live there, or where the rows do
 * @param column of the first of the record's columns
 */
void cloudep_record_read(void *out, apr_pool_t *p, const cloudep_record_t *record, const cloudep_rows_t *rows, int row,
                         int column);

/**
 * Runs a statement whose rows are such records and nothing else.
 * @param out an array of structs, from p
 * @return as cloudep_db_run
 */
apr_status_t cloudep_record_list(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db,
                                 const cloudep_record_t *record, const cloudep_statement_t *st,
                                 const cloudep_args_t *args);

/** The same for one row. @param out as for cloudep_record_read @return as cloudep_db_run_one */
apr_status_t cloudep_record_one(void *out, apr_pool_t *p, cloudep_db_t *db, const cloudep_record_t *record,
                                const cloudep_statement_t *st, const cloudep_args_t *args);

/** The texts of a cell that is a text[]; empty for SQL NULL, and NULL for each of its elements that is. From p. */
apr_array_header_t *cloudep_cell_list(apr_pool_t *p, const cloudep_rows_t *rows, int row, int column);

/** Texts (const char *, none NULL) as an argument for %s::text[]; NULL: the empty array. From p. */
const char *cloudep_arg_list(apr_pool_t *p, const apr_array_header_t *texts);

/** A number as an argument. From p. */
const char *cloudep_arg_number(apr_pool_t *p, apr_int64_t number);

/** Seconds as an argument for %s::interval. From p. */
const char *cloudep_arg_seconds(apr_pool_t *p, int seconds);

#endif
