/*
 * secret_file.h - passwords, tokens and keys of others, which directives name a file of.
 *
 * Such a file must be its owner's alone. On failure *error is a sentence for the operator: directive, path, and what
 * is wrong, never what is in the file.
 */
#ifndef CLOUDEP_SECRET_FILE_H
#define CLOUDEP_SECRET_FILE_H

#include <apr_pools.h>

/**
 * All of a file. path NULL: the directive is not set.
 * @return CLOUDEP_EREFUSED: its mode lets others in; CLOUDEP_EMALFORMED: not set, or longer than so many bytes; what
 *         the system says
 */
apr_status_t cloudep_secret_file(const char **text, apr_size_t *len, apr_pool_t *pool, const char *directive,
                                 const char *path, apr_size_t longest, const char **error);

/** The first line of a file, without white space at its end: 1 byte to 1 KiB, else CLOUDEP_EMALFORMED. */
apr_status_t cloudep_secret_line(const char **secret, apr_pool_t *pool, const char *directive, const char *path,
                                 const char **error);

#endif
