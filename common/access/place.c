/*
 * place.c - see place.h.
 */
#include "access/place.h"

#include <http_core.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "base/text/origin.h"
#include "core/config.h"
#include "core/module.h"
#include "core/public_url.h"

#define HANDLERS "cloudep-" /* what the names of our handlers begin with */

void *cloudep_place_create(apr_pool_t *p, char *path)
{
    cloudep_place_t *place = apr_pcalloc(p, sizeof(*place));

    (void)path;
    place->token_optional = place->identity_headers = place->strip_token = place->preflight = CLOUDEP_UNSET;
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
    MERGE_FLAG(session_cookie);
    MERGE_POINTER(login_page);
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
    const char *delivery = cloudep_place_of(r)->delivery;

    return delivery && !strcmp(delivery, "cookie") && cloudep_is_api(r);
}

int cloudep_takes_session_cookie(request_rec *r)
{
    return cloudep_place_of(r)->session_cookie > 0 && !cloudep_is_api(r);
}

const apr_array_header_t *cloudep_listed_origins(request_rec *r)
{
    return cloudep_is_api(r) ? NULL : cloudep_place_of(r)->origins;
}
