/*
 * origin.c - see origin.h.
 */
#include "base/text/origin.h"

#include <string.h>
#include <strings.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define LONGEST 8000 /* bytes of an address; httpd takes request lines of 8190 */
#define HIGHEST_PORT 65535

/* ---- settings ---- */

/* Browsers leave the port out that a scheme stands for (RFC 6454 6.2), so that such an origin never matches. */
static int has_default_port(const char *origin)
{
    const char *end = strrchr(origin, ':');

    return (!strncmp(origin, "https:", 6) && !strcmp(end, ":443")) ||
           (!strncmp(origin, "http:", 5) && !strcmp(end, ":80"));
}

const char *cloudep_origin_fault(const char *origin)
{
    const char *host = strstr(origin, "://");

    /* It is compared with what browsers send: anything else would never match, or match "null" (RFC 6454 6.1). */
    if (!host || host == origin || !host[3] || strpbrk(host + 3, "/?#@*")) {
        return "takes scheme://host[:port], without a path";
    }
    for (const char *c = origin; *c; c++) {
        if (apr_isupper(*c)) {
            return "is written in lower case, as browsers send it";
        }
    }
    return has_default_port(origin) ? "is written without :443 (https) or :80 (http), as browsers send it" : NULL;
}

/* ---- addresses ---- */

/* Printable ASCII, and no backslash, which browsers take for a slash. */
static int is_plain(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~' || *c == '\\') {
            return 0;
        }
    }
    return 1;
}

/* The end of a host in text: a name, an IPv4 address, or an IPv6 address in brackets. NULL: it is none. */
static const char *end_of_host(const char *text)
{
    const char *end = text;

    if (*text == '[') {
        end += 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        return *end == ']' && end > text + 2 ? end + 1 : NULL;
    }
    while (apr_isalnum(*end) || *end == '-' || *end == '_' || *end == '.') {
        end++;
    }
    return end > text && *text != '.' ? end : NULL;
}

/* The end of ":port" in text, which may be empty. NULL: it is no port. */
static const char *end_of_port(const char *text, int *port)
{
    const char *end = text + 1;

    *port = 0;
    if (*text != ':') {
        return text;
    }
    while (apr_isdigit(*end) && *port <= HIGHEST_PORT) {
        *port = *port * 10 + (*end++ - '0');
    }
    return *port && *port <= HIGHEST_PORT ? end : NULL;
}

static apr_status_t read_url(cloudep_target_t *target, apr_pool_t *p, const char *text)
{
    const int https = !strncasecmp(text, "https://", 8);
    const char *host = text + (https ? 8 : 7);
    const char *end, *rest;
    char *name;
    int port;

    if (!https && strncasecmp(text, "http://", 7) != 0) {
        return CLOUDEP_EMALFORMED;
    }
    if (!(end = end_of_host(host)) || !(rest = end_of_port(end, &port)) || (*rest && !strchr("/?#", *rest))) {
        return CLOUDEP_EMALFORMED;
    }
    name = apr_pstrmemdup(p, host, (apr_size_t)(end - host));
    for (char *c = name; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    target->origin = apr_pstrcat(p, https ? "https://" : "http://", name, NULL);
    if (port && port != (https ? 443 : 80)) {
        target->origin = apr_psprintf(p, "%s:%d", target->origin, port);
    }
    target->path = apr_pstrcat(p, *rest == '/' ? "" : "/", rest, NULL);
    return APR_SUCCESS;
}

apr_status_t cloudep_target_read(cloudep_target_t *target, apr_pool_t *p, const char *text)
{
    if (strlen(text) > LONGEST || !is_plain(text)) {
        return CLOUDEP_EMALFORMED;
    }
    if (*text != '/') {
        return read_url(target, p, text);
    }
    if (text[1] == '/') {
        return CLOUDEP_EMALFORMED; /* a host follows */
    }
    target->origin = NULL;
    target->path = apr_pstrdup(p, text);
    return APR_SUCCESS;
}

/* ---- written ---- */

/* Copies text; every character that is not among those kept becomes %XX. */
static const char *escape(apr_pool_t *p, const char *text, const char *kept)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = apr_palloc(p, 3 * strlen(text) + 1);
    char *to = out;

    for (const char *c = text; *c; c++) {
        if ((apr_isascii(*c) && apr_isalnum(*c)) || strchr(kept, *c)) {
            *to++ = *c;
        }
        else {
            *to++ = '%';
            *to++ = digits[((unsigned char)*c) >> 4];
            *to++ = digits[((unsigned char)*c) & 15];
        }
    }
    *to = '\0';
    return out;
}

const char *cloudep_target_path(apr_pool_t *p, const char *sent)
{
    return escape(p, sent, "-._~%/?:@!$&'()*+,;=[]");
}

const char *cloudep_query_value(apr_pool_t *p, const char *text)
{
    return escape(p, text, "-._~");
}
