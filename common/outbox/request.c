/*
 * request.c - see request.h.
 */
#include "outbox/request.h"

#include <string.h>
#include "base/crypto/link_token.h"
#include "base/store/link_store.h"
#include "base/text/json.h"
#include "core/account_url.h"

/* The kind of link that a message tells of; NULL: none. */
static const char *kind_of(const char *template)
{
    if (!strcmp(template, CLOUDEP_TEMPLATE_INVITATION)) {
        return CLOUDEP_LINK_FIRST_PASSWORD;
    }
    return strcmp(template, CLOUDEP_TEMPLATE_RESET_LINK) && strcmp(template, CLOUDEP_TEMPLATE_FORGOT_LINK)
               ? NULL
               : CLOUDEP_LINK_RESET;
}

/* A link of that kind, stored. */
static apr_status_t make_link(const char **url, apr_pool_t *p, const cloudep_config_t *config,
                              const cloudep_outbox_row_t *row, const cloudep_outbox_recipient_t *recipient,
                              const char *kind, const char **error)
{
    cloudep_link_token_t token;
    cloudep_link_t link = {.tenant_id = row->tenant_id, .uid = recipient->uid, .kind = kind};
    apr_status_t rv;

    *error = "CloudEPAccountURL is not set: there is no page for the link";
    if (!config->account_url) {
        return CLOUDEP_EDATA;
    }
    *error = "the link cannot be made";
    rv = cloudep_link_token_make(&token, p, row->tenant_id);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    link.digest = token.digest;
    *url = cloudep_account_link(p, config, kind, token.text);
    return cloudep_link_add(config->run->db, p, &link);
}

apr_status_t cloudep_outbox_fulfil(json_t **params, apr_pool_t *p, const cloudep_config_t *config,
                                   const cloudep_outbox_row_t *row, const char **error)
{
    const char *kind = kind_of(row->template);
    const char *url = NULL;
    cloudep_outbox_recipient_t recipient;
    apr_status_t rv;

    *error = "the message has no content, and nobody whom it is for";
    rv = cloudep_outbox_recipient(config->run->db, p, &recipient, row->tenant_id, row->id);
    if (rv == APR_SUCCESS && kind) {
        rv = make_link(&url, p, config, row, &recipient, kind, error);
    }
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? CLOUDEP_EDATA : rv;
    }
    *params = cloudep_json_own(json_pack("{ss,ss*,ss*}", "tenant_name", recipient.tenant_name, "display_name",
                                         recipient.display_name, "link", url),
                               p);
    return *params ? APR_SUCCESS : APR_ENOMEM;
}
