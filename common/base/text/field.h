/*
 * field.h - request parameters, declared as a table and checked in one place.
 *
 * A route declares what it takes as a table of fields; the functions here check a JSON body or a
 * query string against it. They look at every field, so that a client learns all faults at once.
 * Unknown parameters are ignored. Reasons never quote a value.
 *
 *     static const cloudep_field_t login[] = {
 *         {.name = "tenant_slug", .type = CLOUDEP_FIELD_SLUG, .flags = CLOUDEP_FIELD_REQUIRED},
 *         {.name = "password", .type = CLOUDEP_FIELD_PASSWORD, .flags = CLOUDEP_FIELD_REQUIRED,
 *          .min = 8, .max = 128},
 *         {.name = NULL}};
 */
#ifndef CLOUDEP_FIELD_H
#define CLOUDEP_FIELD_H

#include <stdbool.h>

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

#include "base/export.h"
#include "base/status.h"
#include "base/text/rule.h"

typedef enum {
    CLOUDEP_FIELD_TEXT,     /* any printable text that is not only white space */
    CLOUDEP_FIELD_SLUG,     /* tenant slug */
    CLOUDEP_FIELD_EMAIL,    /* email address; comes out as cloudep_normalize_email() makes it */
    CLOUDEP_FIELD_PASSWORD, /* any UTF-8 without NUL, exactly as sent */
    CLOUDEP_FIELD_CODE,     /* digits; what stands between them is removed; min of them, or max */
    CLOUDEP_FIELD_NUMBER,   /* ASCII digits and nothing else, as a program writes them; min and max count them */
    CLOUDEP_FIELD_TOKEN,    /* printable ASCII without spaces: JWT, authorization code, state */
    CLOUDEP_FIELD_ID,       /* [A-Za-z0-9_-]{1,128} */
    CLOUDEP_FIELD_URL,      /* absolute http or https URL */
    CLOUDEP_FIELD_LANGUAGE, /* BCP 47 tag; comes out in canonical form */
    CLOUDEP_FIELD_CURRENCY, /* ISO 4217 code in use */
    CLOUDEP_FIELD_PHONE,    /* phone number; comes out in its E.164 form */
    CLOUDEP_FIELD_BOOL,     /* JSON true or false; in a query string the words */
    CLOUDEP_FIELD_CHOICE,   /* one of .choices */
    CLOUDEP_FIELD_WORDS     /* JSON array of ids, at most max of them; comes out as one text, a space between two */
} cloudep_field_type_e;

#define CLOUDEP_FIELD_REQUIRED 0x01u     /* absent, null and "" are faults */
#define CLOUDEP_FIELD_TENANT 0x04u       /* the tenant that a request is for: where a Location has one, that */
#define CLOUDEP_FIELD_ALLOW_EMPTY 0x02u  /* "" comes out as "" (clear it); else "" counts as absent */
#define CLOUDEP_FIELD_DEFAULT_TRUE 0x04u /* CLOUDEP_FIELD_BOOL: absent is true */

typedef struct {
    const char *name; /* NULL ends the table; "a.b" is the member b of the object a */
    cloudep_field_type_e type;
    unsigned int flags;
    int min;                    /* fewest characters (Unicode code points) */
    int max;                    /* most characters; 0 = no limit but the type's own */
    const char *const *choices; /* CLOUDEP_FIELD_CHOICE: the allowed words, ended by NULL */
    apr_size_t at;              /* offsetof where it is bound: int for CLOUDEP_FIELD_BOOL, else const char * */
} cloudep_field_t;

typedef struct {
    const char *text; /* canonical form; NULL when absent or null. Booleans: "true" or "false" */
    bool flag;        /* CLOUDEP_FIELD_BOOL: the value; when absent false, or as CLOUDEP_FIELD_DEFAULT_TRUE says */
} cloudep_field_value_t;

typedef struct {
    const char *field;  /* its name in the table */
    const char *rule;   /* CLOUDEP_RULE_REQUIRED: absent, null or empty; another: there, but not good */
    const char *reason; /* plain English, for the client */
} cloudep_field_error_t;

/**
 * Check the members of a JSON object against a table of fields.
 * @param values one value per field, in the table's order; what has a fault is absent
 * @param errors NULL when nothing is wrong, else an array of cloudep_field_error_t with one entry
 * per field at fault, in the table's order
 * @param fields the table
 * @param object a JSON object; its strings are copied, it need not outlive the call
 * @param pool owner of values, texts and errors
 * @return APR_SUCCESS, or CLOUDEP_EMALFORMED when there are errors
 */
apr_status_t cloudep_field_check_json(cloudep_field_value_t **values, apr_array_header_t **errors,
                                      const cloudep_field_t *fields, const json_t *object, apr_pool_t *pool);

/**
 * The same for the decoded arguments of a query string. Argument names are compared with their
 * case; one that is given twice is a fault. Invalid UTF-8 is one as well.
 * @param arguments names and decoded values, repeated ones kept (apr_table_add). Whoever decodes them
 *                  must refuse %00, which would cut a value short
 */
apr_status_t cloudep_field_check_query(cloudep_field_value_t **values, apr_array_header_t **errors,
                                       const cloudep_field_t *fields, const apr_table_t *arguments, apr_pool_t *pool);

#endif
