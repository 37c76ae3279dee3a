/*
 * notice.c - see notice.h.
 */
#include "service/notice.h"

#include <apr_strings.h>
#include "core/settings.h"
#include "core/needs.h"
#include "outbox/message.h"

/* Seconds after which a notice is not sent any more: a mail server may be away for a weekend. */
#define NOTICE_LIFETIME (3 * 86400)

/* What a template may show beside the names; each may be NULL. */
typedef struct shown_t {
    const char *remaining, *link, *name;
} shown_t;

static void set_shown(apr_table_t *params, const char *param, const char *value)
{
    if (value) {
        apr_table_setn(params, param, value);
    }
}

static cloudep_outcome_t write_notice(cloudep_context_t *ctx, const cloudep_message_t **message,
                                      const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                      const char *template, shown_t shown)
{
    static const cloudep_message_t none = {0}; /* not CLOUDEP_NO_MESSAGE, which lives as long as this block */
    apr_table_t *params;
    cloudep_draft_t draft;

    *message = &none;
    if (!template || ctx->config->off & (CLOUDEP_NEEDS_MAIL | CLOUDEP_NEEDS_SEALING)) {
        return cloudep_done();
    }
    params = apr_table_make(ctx->p, 4);
    apr_table_setn(params, "tenant_name", tenant->name);
    set_shown(params, "display_name", member->display_name);
    set_shown(params, "remaining", shown.remaining);
    set_shown(params, "link", shown.link);
    set_shown(params, "name", shown.name);
    draft = (cloudep_draft_t){.tenant_id = tenant->id,
                              .uid = member->uid,
                              .channel = CLOUDEP_CHANNEL_MAIL,
                              .target = member->email,
                              .language = member->language,
                              .template = template,
                              .params = params,
                              .lifetime = NOTICE_LIFETIME};
    return cloudep_message_new(ctx, message, &draft);
}

cloudep_outcome_t cloudep_notice_new(cloudep_context_t *ctx, const cloudep_message_t **message,
                                     const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                     const char *template, int remaining)
{
    return write_notice(ctx, message, tenant, member, template, (shown_t){.remaining = apr_itoa(ctx->p, remaining)});
}

cloudep_outcome_t cloudep_notice_with_link(cloudep_context_t *ctx, const cloudep_message_t **message,
                                           const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                           const char *template, const char *link)
{
    return write_notice(ctx, message, tenant, member, template, (shown_t){.link = link});
}

cloudep_outcome_t cloudep_notice_about(cloudep_context_t *ctx, const cloudep_message_t **message,
                                       const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                       const char *template, const char *name, const char *link)
{
    return write_notice(ctx, message, tenant, member, template, (shown_t){.name = name, .link = link});
}
