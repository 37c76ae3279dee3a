/*
 * describe.h - the sections of describe that need more than headers.
 */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <jansson.h>

/** The operations of v1, with their fields and the code of each reason there. */
json_t *describe_operations(void);

/** Those of the style "account": their fields. */
json_t *describe_account_operations(void);

/** Those of the style "session". */
json_t *describe_session_operations(void);

/** The operations of all tables, also of those with cookies: what each needs, how it is served, what it takes. */
json_t *describe_served(void);

/** The reasons in their order. */
json_t *describe_reasons(void);

#endif
