/*
 * place.c - see place.h.
 */
#include "access/place.h"

#include <http_core.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "access/asked.h"
#include "access/mount.h"
#include "base/text/json.h"
#include "base/text/origin.h"
#include "core/config.h"
#include "core/module.h"
#include "core/public_url.h"
#include "core/runtime.h"

#define OPTION_MAX 65536    /* bytes of a file of CloudEPOption */
#define HANDLERS "cloudep-" /* what the names of our handlers begin with */

void *cloudep_place_create(apr_pool_t *p, char *path)
{
    cloudep_place_t *place = apr_pcalloc(p, sizeof(*place));

    (void)path;
    place->token_optional = place->identity_headers = place->strip_token = place->preflight = CLOUDEP_UNSET;
    place->ping_values = CLOUDEP_UNSET;
    place->session_cookie = CLOUDEP_UNSET;
    return place;
}

#define MERGE_FLAG(member) place->member = add->member == CLOUDEP_UNSET ? base->member : add->member
#define MERGE_POINTER(member) place->member = add->member ? add->member : base->member

/* The deeper of two mounts, in whatever order they stand in the configuration. */
static void merge_mount(cloudep_place_t *place, const cloudep_place_t *base, const cloudep_place_t *add)
{
    const int deeper = add->mount && (!base->mount || strlen(add->mount) >= strlen(base->mount));

    place->serve = deeper ? add->serve : base->serve;
    place->mount = deeper ? add->mount : base->mount;
}

void *cloudep_place_merge(apr_pool_t *p, void *basev, void *addv)
{
    const cloudep_place_t *base = basev;
    const cloudep_place_t *add = addv;
    cloudep_place_t *place = apr_pcalloc(p, sizeof(*place));

    MERGE_FLAG(token_optional);
    MERGE_FLAG(identity_headers);
    MERGE_FLAG(strip_token);
    MERGE_FLAG(preflight);
    MERGE_FLAG(ping_values);
    MERGE_POINTER(options);
    MERGE_FLAG(session_cookie);
    MERGE_POINTER(login_page);
    place->attributes = base->attributes || add->attributes;
    MERGE_POINTER(attribute_headers);
    MERGE_POINTER(cookie);
    MERGE_POINTER(origins);
    MERGE_POINTER(delivery);
    MERGE_POINTER(tenant);
    merge_mount(place, base, add);
    return place;
}

const char *cloudep_set_cookie(cmd_parms *cmd, void *placev, const char *name)
{
    (void)cmd;
    for (const char *c = name; *c; c++) {
        if (!apr_isgraph(*c) || strchr("()<>@,;:\\\"/[]?={}", *c)) {
            return "CloudEPTokenCookie takes the name of a cookie (RFC 6265 4.1.1)";
        }
    }
    ((cloudep_place_t *)placev)->cookie = name;
    return *name ? NULL : "CloudEPTokenCookie takes the name of a cookie";
}

/* ---- attributes ---- */

#define HEADERS_KEY "cloudep attribute headers"

int cloudep_is_attribute_name(const char *name)
{
    const apr_size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return length && length <= 64 && !name[length];
}

/* A Location that has no other directive of ours has no configuration yet. */
void cloudep_place_reads_attributes(cmd_parms *cmd)
{
    cloudep_place_t *place = ap_set_config_vectors(cmd->server, cmd->context, cmd->path, &cloudep_module, cmd->pool);

    place->attributes = 1;
}

/* Kept with the configuration: what a client sends under such a name is removed wherever it goes (guard/identity.c). */
const apr_array_header_t *cloudep_all_attribute_headers(const request_rec *r)
{
    void *headers = NULL;

    (void)apr_pool_userdata_get(&headers, HEADERS_KEY, r->server->process->pconf);
    return headers;
}

static void remember_header(apr_pool_t *pconf, const char *header)
{
    void *known = NULL;
    apr_array_header_t *headers;

    (void)apr_pool_userdata_get(&known, HEADERS_KEY, pconf);
    headers = known ? known : apr_array_make(pconf, 2, sizeof(const char *));
    APR_ARRAY_PUSH(headers, const char *) = header;
    (void)apr_pool_userdata_setn(headers, HEADERS_KEY, NULL, pconf);
}

const char *cloudep_add_attribute(cmd_parms *cmd, void *placev, const char *name, const char *header)
{
    cloudep_place_t *place = placev;
    const apr_size_t length = strspn(header, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    if (!cloudep_is_attribute_name(name)) {
        return "CloudEPIdentityAttribute: the name of an attribute is 1 to 64 of letters, digits, _, . and -";
    }
    if (strncasecmp(header, "X-", 2) || !header[2] || header[length] || !strncasecmp(header, "X-CloudEP-", 10)) {
        return "CloudEPIdentityAttribute: the header must begin with X-, be of letters, digits and -, and not be one of"
               " X-CloudEP-...";
    }
    if (!place->attribute_headers) {
        place->attribute_headers = apr_array_make(cmd->pool, 2, sizeof(cloudep_attribute_header_t));
    }
    APR_ARRAY_PUSH(place->attribute_headers, cloudep_attribute_header_t) =
        (cloudep_attribute_header_t){.name = name, .header = header};
    place->attributes = 1;
    remember_header(cmd->server->process->pconf, header);
    return NULL;
}

const char *cloudep_add_origin(cmd_parms *cmd, void *placev, const char *origin)
{
    cloudep_place_t *place = placev;
    const char *fault = cloudep_origin_fault(origin);

    if (fault) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " ", fault, NULL);
    }
    if (!place->origins) {
        place->origins = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(place->origins, const char *) = origin;
    return NULL;
}

/* Reads a file of at most OPTION_MAX bytes, which end with a NUL. */
static apr_status_t read_option(char **text, apr_size_t *length, apr_pool_t *p, const char *file)
{
    const char *path = ap_server_root_relative(p, file);
    apr_file_t *in;
    apr_status_t rv = path ? apr_file_open(&in, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p) : APR_EBADPATH;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *text = apr_pcalloc(p, OPTION_MAX + 2);
    rv = apr_file_read_full(in, *text, OPTION_MAX + 1, length);
    (void)apr_file_close(in);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return rv;
    }
    return *length > OPTION_MAX ? APR_EINVAL : APR_SUCCESS;
}

const char *cloudep_add_option(cmd_parms *cmd, void *placev, const char *type, const char *file)
{
    cloudep_place_t *place = placev;
    const char *reason = NULL;
    char *text;
    apr_size_t length;
    json_t *object;

    if (read_option(&text, &length, cmd->pool, file) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "CloudEPOption %s: %s cannot be read, or has more than %d bytes", type, file,
                            OPTION_MAX);
    }
    if (cloudep_json_parse(&object, &reason, text, length, cmd->temp_pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "CloudEPOption %s: %s: %s", type, file, reason);
    }
    if (!place->options) {
        place->options = apr_table_make(cmd->pool, 2);
    }
    apr_table_setn(place->options, type, text);
    return NULL;
}

const char *cloudep_option(const request_rec *r, const char *type)
{
    const apr_table_t *options = cloudep_place_of(r)->options;

    return options ? apr_table_get(options, type) : NULL;
}

int cloudep_ping_values(const request_rec *r)
{
    return cloudep_place_of(r)->ping_values == 1;
}

const char *cloudep_set_login_page(cmd_parms *cmd, void *placev, const char *url)
{
    cloudep_target_t target;
    const char *fault = *url == '/' ? NULL : cloudep_public_url_fault(cmd->pool, url);

    if (fault) {
        return apr_pstrcat(cmd->pool, "CloudEPLoginPage: it ", fault, "; or a path of this server", NULL);
    }
    if (cloudep_target_read(&target, cmd->pool, url) != APR_SUCCESS || strpbrk(url, "?#")) {
        return "CloudEPLoginPage takes a path, such as /account/, or a URL, without ? or # in it";
    }
    ((cloudep_place_t *)placev)->login_page = url;
    return NULL;
}

const char *cloudep_set_delivery(cmd_parms *cmd, void *placev, const char *word)
{
    if (!cmd->path) {
        return "CloudEPTokenDelivery stands in the Location of an API";
    }
    if (strcmp(word, "cookie") != 0 && strcmp(word, "body") != 0) {
        return "CloudEPTokenDelivery must be cookie or body";
    }
    ((cloudep_place_t *)placev)->delivery = word;
    return NULL;
}

const cloudep_place_t *cloudep_place_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &cloudep_module);
}

int cloudep_is_api(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *error = NULL;
    const char *handler = NULL;

    if (cloudep_place_of(r)->serve) {
        return 1;
    }
    /* The handler that SetHandler will set; r->handler is not known yet. */
    if (core && core->expr_handler) {
        handler = ap_expr_str_exec(r, core->expr_handler, &error);
    }
    return handler && !strncmp(handler, HANDLERS, strlen(HANDLERS));
}

int cloudep_uses_session_cookie(request_rec *r)
{
    const cloudep_place_t *place = cloudep_place_of(r);

    if (place->serve && !strcmp(place->serve, CLOUDEP_ACCOUNT_HANDLER)) {
        return 0; /* it answers with tokens, wherever it is */
    }
    if (place->serve && !strcmp(place->serve, CLOUDEP_SESSION_HANDLER)) {
        return 1;
    }
    return place->delivery && !strcmp(place->delivery, "cookie") && cloudep_is_api(r);
}

int cloudep_is_for_a_guard(request_rec *r)
{
    return cloudep_asks_for_another(r) || !cloudep_is_api(r);
}

int cloudep_takes_session_cookie(request_rec *r)
{
    return cloudep_place_of(r)->session_cookie > 0 && cloudep_is_for_a_guard(r);
}

/* In an API the server's list, as far as the browser says that it is of the same site. */
const apr_array_header_t *cloudep_listed_origins(request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    if (cloudep_is_for_a_guard(r)) {
        return cloudep_place_of(r)->origins;
    }
    return site && !strcmp(site, "same-site") ? cloudep_config_of(r->server)->allow_origins : NULL;
}
