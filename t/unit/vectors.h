/*
 * vectors.h - files of published test vectors, t/unit/vectors/: the tests run in the project's folder.
 */
#ifndef CLOUDEP_VECTORS_H
#define CLOUDEP_VECTORS_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text/json.h"

/** The document in a file of t/unit/vectors/, released with pool. Ends the program when there is none. */
static inline json_t *vectors(apr_pool_t *pool, const char *name)
{
    char path[128];
    json_error_t error;
    json_t *document;

    (void)snprintf(path, sizeof(path), "t/unit/vectors/%s", name);
    document = cloudep_json_own(json_load_file(path, JSON_REJECT_DUPLICATES, &error), pool);
    if (!document) {
        printf("Bail out! %s: %s\n", path, error.text);
        exit(1);
    }
    return document;
}

/** A member that is a text; "" when it is none. */
static inline const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

#endif
