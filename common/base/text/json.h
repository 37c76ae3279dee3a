/*
 * json.h - the one place where JSON from outside becomes a jansson object, and a value a text.
 *
 * Bodies are small and hostile: duplicate keys, deep nesting and NUL characters are refused, and
 * the reason never quotes the input, which may hold a password.
 */
#ifndef CLOUDEP_JSON_H
#define CLOUDEP_JSON_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <jansson.h>

#include "base/export.h"
#include "base/status.h"

/* Levels of arrays and objects in one another, the outermost object being the first. */
#define CLOUDEP_JSON_DEPTH 16

/**
 * Parse a JSON object (RFC 8259) in UTF-8.
 * @param object the object; it lives as long as @a pool and is freed with it. NULL on failure
 * @param reason on failure a plain English sentence, without any of the input, fit for a client
 * @param text the bytes, not necessarily NUL-terminated
 * @param length number of bytes
 * @param pool owner of the object and the reason
 * @return APR_SUCCESS, or CLOUDEP_EMALFORMED: not JSON, not an object, duplicate keys, a NUL
 *         character (also as \u0000), or nested deeper than CLOUDEP_JSON_DEPTH
 */
apr_status_t cloudep_json_parse(json_t **object, const char **reason, const char *text, apr_size_t length,
                                apr_pool_t *pool);

/**
 * Give the caller's reference to @a value to @a pool, which drops it when it is cleared. Call it on
 * the line after the value was made. NULL is allowed.
 * @return @a value
 */
CLOUDEP_DECLARE(json_t *) cloudep_json_own(json_t *value, apr_pool_t *pool);

/**
 * A value as compact text in @a pool. Not for what must be wiped: a first try that was too short is left behind.
 * @return NULL: @a value is, or jansson failed
 */
CLOUDEP_DECLARE(const char *) cloudep_json_text(const json_t *value, apr_pool_t *pool);

#endif
