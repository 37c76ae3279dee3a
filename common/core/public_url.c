/*
 * public_url.c - see public_url.h.
 */
#include "core/public_url.h"

#include <string.h>
#include "base/text/validate.h"
#include "core/http.h"

const char *cloudep_public_url_fault(apr_pool_t *pool, const char *url)
{
    const char *scheme;
    const char *host;

    if (!strstr(url, "://")) {
        return "must begin with https://";
    }
    if (!cloudep_is_url(url) || cloudep_http_split(&scheme, &host, pool, url) != APR_SUCCESS) {
        return "must be a URL: https://, a host, perhaps a port and a path";
    }
    if (strcmp(scheme, "https") && !cloudep_http_is_loopback(host)) {
        return "must be https: http is for development, on loopback";
    }
    return strpbrk(url, "?#") ? "must not have ? or # in it" : NULL;
}
