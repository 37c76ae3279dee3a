/*
 * status.c - the words for our status values.
 */
#include "base/status.h"

const char *cloudep_status_name(apr_status_t status)
{
    static const char *const names[] = {
        "malformed",       "forged",         "expired",           "refused",           "conflict",
        "lock timeout",    "database",       "memcached",         "identity provider", "overload",
        "impossible data", "not configured", "changed meanwhile",
    };
    int i = status - CLOUDEP_STATUS(1);

    if (i >= 0 && i < (int)(sizeof(names) / sizeof(names[0]))) {
        return names[i];
    }
    return status == APR_SUCCESS ? "success" : status == APR_NOTFOUND ? "not found" : "system error";
}
