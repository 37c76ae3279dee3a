/*
 * describe.h - the sections of describe that need more than headers.
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <jansson.h>

/** The operations of every API, with their fields and the code of each reason there. */
json_t *describe_operations(void);

/** The reasons in their order. */
json_t *describe_reasons(void);

#endif
