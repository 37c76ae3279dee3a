/*
 * tls.c - see tls.h.
 */
#include "access/tls.h"

#include <http_log.h>
#include <http_protocol.h>
#include <apr_atomic.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include "base/status.h"
#include "core/module.h"
#include "core/request.h"
#include "core/runtime.h"

apr_status_t cloudep_tls_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const apr_array_header_t *texts = config->tls_proxies;
    apr_array_header_t *networks = apr_array_make(pconf, 2, sizeof(apr_ipsubnet_t *));

    (void)s;
    for (int i = 0; texts && i < texts->nelts; i++) {
        const char *text = APR_ARRAY_IDX(texts, i, const char *);
        char *bits = apr_pstrdup(pconf, text);
        const char *address = apr_strtok(bits, "/", &bits);

        if (!address ||
            apr_ipsubnet_create(apr_array_push(networks), address, *bits ? bits : NULL, pconf) != APR_SUCCESS) {
            *error = apr_psprintf(
                pconf, "CloudEPTLSProxy %s: write an address, or a network such as 10.0.0.0/24 or 2001:db8::/64", text);
            return CLOUDEP_EMALFORMED;
        }
    }
    config->run->tls_proxies = networks;
    return APR_SUCCESS;
}

/* The peer itself, whoever mod_remoteip takes for the client. */
static int is_from_proxy(const request_rec *r, const apr_array_header_t *networks)
{
    for (int i = 0; i < networks->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(networks, i, apr_ipsubnet_t *), r->connection->client_addr)) {
            return 1;
        }
    }
    return 0;
}

/* Whether the proxy itself says https: the last of the words, as those before it are what others have sent it. */
static int says_https(const request_rec *r)
{
    const char *words = apr_table_get(r->headers_in, "X-Forwarded-Proto");
    const char *last = words ? ap_strrchr_c(words, ',') : NULL;

    last = last ? last + 1 : words;
    return last && !strcasecmp(last + strspn(last, " \t"), "https");
}

static void tell(request_rec *r, cloudep_runtime_t *run)
{
    const int again = (int)apr_atomic_cas32(&run->told_in_the_clear, 1, 0);

    ap_log_rerror(
        APLOG_MARK, again ? APLOG_INFO : APLOG_WARNING, 0, r,
        CENO(1460) "a request without TLS is refused, as CloudEPIssuer is https. Where a proxy ends TLS, name it "
                   "by CloudEPTLSProxy and let it set X-Forwarded-Proto, or let ServerName begin with https://");
}

int cloudep_is_in_the_clear(request_rec *r)
{
    const cloudep_config_t *config = cloudep_config_of(r->server);

    if (!config->issuer || strncmp(config->issuer, "https:", 6) != 0 || !strcmp(ap_http_scheme(r), "https") ||
        (says_https(r) && is_from_proxy(r, config->run->tls_proxies))) {
        return 0;
    }
    tell(r, config->run);
    return 1;
}
