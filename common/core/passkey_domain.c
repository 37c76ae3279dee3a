/*
 * passkey_domain.c - see passkey_domain.h.
 */
#include "core/passkey_domain.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "base/status.h"

#define ANDROID "android:apk-key-hash:"
#define ANDROID_HASH_LEN 43 /* SHA-256 in base64url */
#define LABEL "abcdefghijklmnopqrstuvwxyz0123456789-"
#define LOCALHOST "localhost"

/* A name of lower-case labels that begin and end with a letter or digit, as browsers have it. */
static int is_name(const char *text, apr_size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const apr_size_t label = strspn(text, LABEL);

        if (!label || text + label > end || label > 63 || *text == '-' || text[label - 1] == '-') {
            return 0;
        }
        text += label;
        if (text < end && (*text != '.' || ++text == end)) {
            return 0;
        }
    }
    return len > 0 && len <= 253;
}

/* A name that browsers take as a relying party: no address, and no top-level domain. */
static int is_domain(const char *text)
{
    const char *last = strrchr(text, '.');

    return is_name(text, strlen(text)) && (last ? !apr_isdigit(last[1]) : !strcmp(text, LOCALHOST));
}

/* Whether a host is the domain, or below it. */
static int is_of(const char *host, apr_size_t len, const char *domain)
{
    const apr_size_t below = strlen(domain);

    return len >= below && !strncmp(host + len - below, domain, below) &&
           (len == below || host[len - below - 1] == '.');
}

/* The host of an origin as browsers write it: no path, no port that the scheme has anyway. NULL: it is not one. */
static const char *host_of(const char *origin, apr_size_t *len)
{
    const int secure = !strncmp(origin, "https://", 8);
    const char *host = origin + (secure ? 8 : 7);
    const char *port;

    if (!secure && strncmp(origin, "http://", 7)) {
        return NULL;
    }
    *len = strcspn(host, ":/?#@");
    port = host + *len;
    if (!is_name(host, *len) || (!secure && !is_of(host, *len, LOCALHOST))) {
        return NULL; /* passkeys need https, but on localhost */
    }
    if (!*port) {
        return host;
    }
    return *port == ':' && port[1] >= '1' && port[1] <= '9' && strspn(port + 1, "0123456789") == strlen(port + 1) &&
                   strlen(port + 1) <= 5 && strcmp(port, secure ? ":443" : ":80") != 0
               ? host
               : NULL;
}

static int is_android_app(const char *origin)
{
    return !strncmp(origin, ANDROID, strlen(ANDROID)) && strlen(origin) == strlen(ANDROID) + ANDROID_HASH_LEN &&
           strspn(origin + strlen(ANDROID), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               ANDROID_HASH_LEN;
}

/* What is wrong with one of the origins; NULL: nothing. */
static const char *check_origin(apr_pool_t *p, const char *domain, const char *directive, const char *origin,
                                int related)
{
    apr_size_t len;
    const char *host = host_of(origin, &len);

    if (!related && is_android_app(origin)) {
        return NULL;
    }
    if (!host) {
        return apr_psprintf(p,
                            "%s %s: must be an origin as browsers write it, such as https://id.example.com, without a "
                            "path; http is for localhost only",
                            directive, origin);
    }
    if (!related && !is_of(host, len, domain)) {
        return apr_psprintf(p,
                            "%s %s: is not of CloudEPPasskeyDomain %s, so no browser would use its passkeys there; an "
                            "origin elsewhere is named by CloudEPPasskeyRelatedOrigin",
                            directive, origin, domain);
    }
    return NULL;
}

/* Appends the origins of a directive. Returns what is wrong with one of them. */
static const char *add_origins(apr_array_header_t *origins, apr_pool_t *p, const char *domain, const char *directive,
                               const apr_array_header_t *list, int related)
{
    for (int i = 0; list && i < list->nelts; i++) {
        const char *origin = APR_ARRAY_IDX(list, i, const char *);
        const char *error = check_origin(p, domain, directive, origin, related);

        if (error) {
            return error;
        }
        APR_ARRAY_PUSH(origins, const char *) = origin;
    }
    return NULL;
}

/* Browsers need only those of other domains, but a list with all of them is easier to understand. Nothing in them has
 * to be escaped. */
static const char *document_of(apr_pool_t *p, const apr_array_header_t *origins)
{
    const char *list = "";

    for (int i = 0; i < origins->nelts; i++) {
        const char *origin = APR_ARRAY_IDX(origins, i, const char *);

        if (!is_android_app(origin)) {
            list = apr_pstrcat(p, list, *list ? "," : "", "\"", origin, "\"", NULL);
        }
    }
    return apr_pstrcat(p, "{\"origins\":[", list, "]}", NULL);
}

apr_status_t cloudep_passkey_domain_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                            const char **error)
{
    const char *domain = config->passkey_domain;
    apr_array_header_t *origins = apr_array_make(pconf, 4, sizeof(const char *));
    cloudep_passkey_domain_t *made;

    (void)s;
    if (!domain) {
        *error = config->passkey_origins || config->passkey_related_origins
                     ? "CloudEPPasskeyOrigin and CloudEPPasskeyRelatedOrigin need CloudEPPasskeyDomain"
                     : NULL;
        return *error ? CLOUDEP_EMALFORMED : APR_SUCCESS;
    }
    if (!is_domain(domain)) {
        *error =
            apr_psprintf(pconf, "CloudEPPasskeyDomain %s: must be a domain in lower case, such as example.com", domain);
        return CLOUDEP_EMALFORMED;
    }
    if (!config->passkey_origins) {
        APR_ARRAY_PUSH(origins, const char *) = apr_pstrcat(pconf, "https://", domain, NULL);
    }
    if ((*error = add_origins(origins, pconf, domain, "CloudEPPasskeyOrigin", config->passkey_origins, 0)) ||
        (*error =
             add_origins(origins, pconf, domain, "CloudEPPasskeyRelatedOrigin", config->passkey_related_origins, 1))) {
        return CLOUDEP_EMALFORMED;
    }
    made = apr_pcalloc(pconf, sizeof(*made));
    made->rp_id = domain;
    made->document = document_of(pconf, origins);
    APR_ARRAY_PUSH(origins, const char *) = NULL;
    made->origins = (const char *const *)(const void *)origins->elts;
    config->run->passkeys = made;
    return APR_SUCCESS;
}

int cloudep_has_passkeys(const cloudep_config_t *config)
{
    return config->run->passkeys != NULL;
}

const char *cloudep_passkey_document(const cloudep_config_t *config)
{
    return config->run->passkeys ? config->run->passkeys->document : NULL;
}
