/*
 * breached.h - passwords that were found in data breaches, as a file of sorted hashes.
 *
 * The file is a header of 24 bytes (8 of magic, the number of hashes and the Unix time of the import, 8 bytes each) and
 * the first 8 bytes of each SHA-1, all big-endian and in order. It is mapped, and children share it. Two passwords of
 * which one was breached share 8 bytes in one of 2^64 / n cases.
 */
#ifndef CLOUDEP_BREACHED_H
#define CLOUDEP_BREACHED_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/export.h"
#include "base/status.h"

typedef struct cloudep_breached_t cloudep_breached_t;

/**
 * Maps a file, for as long as pool lives.
 * @param error on failure a sentence that begins with the path
 * @return CLOUDEP_EMALFORMED: not such a file; else as APR
 */
apr_status_t cloudep_breached_open(const cloudep_breached_t **breached, apr_pool_t *pool, const char *path,
                                   const char **error);

/** Whether the password is in it. */
int cloudep_breached_has(const cloudep_breached_t *breached, const char *password);

/** How many hashes it has. */
apr_uint64_t cloudep_breached_count(const cloudep_breached_t *breached);

/**
 * Makes such a file anew, in place of one that may be there. A source is a text file with a SHA-1 in each line (40
 * hexadecimal digits), or, where its name is 5 hexadecimal digits and ".txt" or nothing, with the other 35; behind it
 * may be ":" and how often it was seen. A folder stands for all files in it. Sources that come in order are not sorted.
 * @param sources paths, const char *
 * @param least hashes that were seen less often are left out; one without a number counts as seen once
 * @param error on failure a sentence that names the file, and the line
 * @return CLOUDEP_EMALFORMED: a line that is none; else as APR
 */
apr_status_t cloudep_breached_import(apr_pool_t *pool, const char *path, const apr_array_header_t *sources,
                                     apr_int64_t least, const char **error);

#endif
