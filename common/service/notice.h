/*
 * notice.h - mails to a member that something about the account has changed.
 */
#ifndef CLOUDEP_NOTICE_H
#define CLOUDEP_NOTICE_H

#include "base/store/member_store.h"
#include "core/context.h"

/**
 * A notice to the member's login address, for the statement that makes true what it tells of. Where mail is not
 * configured, or template is NULL, *message is one that enqueues nothing.
 * @param remaining backup codes left, for the template that tells them; else 0
 */
cloudep_outcome_t cloudep_notice_new(cloudep_context_t *ctx, const cloudep_message_t **message,
                                     const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                     const char *template, int remaining);

/** The same for a template that shows a link. */
cloudep_outcome_t cloudep_notice_with_link(cloudep_context_t *ctx, const cloudep_message_t **message,
                                           const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                           const char *template, const char *link);

/** The same for a template that shows what it is about by its name, such as a passkey. link: NULL where it shows none.
 */
cloudep_outcome_t cloudep_notice_about(cloudep_context_t *ctx, const cloudep_message_t **message,
                                       const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                       const char *template, const char *name, const char *link);

#endif
