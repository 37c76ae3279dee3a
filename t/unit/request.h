/*
 * request.h - requests without a server: of httpd there are the headers' structures, and the two functions that all
 * files of access/ call.
 */
#ifndef CLOUDEP_TEST_REQUEST_H
#define CLOUDEP_TEST_REQUEST_H

#include <apr_general.h>
#include <apr_strings.h>
#include <ctype.h>
#include <http_config.h>
#include <http_protocol.h>
#include <string.h>

#include "base/crypto/mac.h"
#include "base/jose/keyfile.h"
#include "core/module.h"
#include "core/runtime.h"
#include "core/settings.h"
#include "folder.h"
#include "tap.h"

#ifndef CLOUDEP_TEST_FLOW_H /* flow_shim.c has it */
module AP_MODULE_DECLARE_DATA cloudep_module;
#endif

AP_DECLARE(void) ap_str_tolower(char *s)
{
    for (; *s; s++) {
        *s = (char)tolower((unsigned char)*s);
    }
}

AP_DECLARE(char *) ap_getword_white(apr_pool_t *pool, const char **line)
{
    const apr_size_t length = strcspn(*line, " \t\r\n");
    char *word = apr_pstrmemdup(pool, *line, length);

    *line += length + strspn(*line + length, " \t\r\n");
    return word;
}

static apr_pool_t *p;
static cloudep_config_t config;
static cloudep_runtime_t run;
static server_rec server;

/* A request for https://id.test with one header, or with none (NULL). */
static request_rec *request(const char *name, const char *value)
{
    request_rec *r = apr_pcalloc(p, sizeof(*r));

    r->pool = p;
    r->server = &server;
    r->method = "GET";
    r->hostname = "id.test";
    r->headers_in = apr_table_make(p, 4);
    r->headers_out = apr_table_make(p, 4);
    r->err_headers_out = apr_table_make(p, 4);
    r->request_config = apr_pcalloc(p, 2 * sizeof(void *));
    r->useragent_ip = (char *)apr_pstrdup(p, "192.0.2.1");
    apr_table_setn(r->headers_in, "Host", "id.test");
    if (name) {
        apr_table_setn(r->headers_in, name, value);
    }
    return r;
}

static inline request_rec *with(request_rec *r, const char *name, const char *value)
{
    apr_table_setn(r->headers_in, name, value);
    return r;
}

static inline apr_array_header_t *list(const char *only)
{
    apr_array_header_t *one = apr_array_make(p, 1, sizeof(const char *));

    APR_ARRAY_PUSH(one, const char *) = only;
    return one;
}

/* A server of that configuration. */
static void start_server_with(cloudep_config_t *its)
{
    static void *vector[2];

    cloudep_module.module_index = 1; /* 0 is the core's */
    vector[1] = its;
    server.module_config = (struct ap_conf_vector_t *)vector;
}

/* A server for https://id.test with keys of its own, in the test's folder. */
static inline void start_server(void)
{
    const cloudep_jwks_t *sealing;
    const char *kid, *error;

    start_server_with(&config);
    config.issuer = "https://id.test";
    config.session_lifetime = 5000;
    config.xsrf_cookie = "XSRF-TOKEN";
    config.xsrf_header = "X-XSRF-TOKEN";
    config.run = &run;
    if (cloudep_keyfile_add(&kid, p, folder_path("keys"), "A256GCM", &error) != APR_SUCCESS ||
        cloudep_keyfile_load(&sealing, p, folder_path("keys"), &error) != APR_SUCCESS ||
        cloudep_derive_jwks(&run.cookie_keys, p, sealing, CLOUDEP_KEY_SEAL, "session cookie") != APR_SUCCESS ||
        cloudep_derive_jwks(&run.xsrf_keys, p, sealing, CLOUDEP_KEY_SEAL, "xsrf") != APR_SUCCESS) {
        folder_bail_out("no keys");
    }
}

#endif
