/*
 * export.c - see export.h.
 */
#include "flow/export.h"

#include <apr_strings.h>
#include "base/status.h"

#define PAGE 1000
#define PAGES 20 /* of sessions, and of events: more than anybody has in CloudEPEventRetention */

static const char *session_cursor(apr_pool_t *p, const void *row)
{
    (void)p;
    return ((const cloudep_operator_session_t *)row)->id;
}

static const char *event_cursor(apr_pool_t *p, const void *row)
{
    return apr_psprintf(p, "%" APR_INT64_T_FMT, ((const cloudep_operator_event_t *)row)->id);
}

/* All pages of a list, as far as an answer takes them. */
static apr_status_t read_pages(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_operator_list_t *read,
                               const char *(*cursor_of)(apr_pool_t *p, const void *row), apr_array_header_t **all,
                               int *complete)
{
    cloudep_operator_filter_t filter = {.tenant_id = who->tenant_id, .uid = who->uid, .over = 1, .limit = PAGE};
    apr_array_header_t *page;
    apr_status_t rv = APR_SUCCESS;

    *all = NULL;
    for (int i = 0; i < PAGES; i++) {
        if ((rv = read(cloudep_database(ctx), ctx->p, &page, &filter)) != APR_SUCCESS) {
            return rv;
        }
        if (*all) {
            apr_array_cat(*all, page);
        }
        else {
            *all = page;
        }
        if (page->nelts < PAGE) {
            return rv;
        }
        filter.after = cursor_of(ctx->p, page->elts + (apr_size_t)(page->nelts - 1) * (apr_size_t)page->elt_size);
    }
    *complete = 0;
    return rv;
}

cloudep_outcome_t cloudep_export(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_exported_t *out)
{
    const cloudep_operator_member_name_t name = {.tenant_id = who->tenant_id, .uid = who->uid};
    cloudep_db_t *db = cloudep_database(ctx);
    apr_status_t rv;

    *out = (cloudep_exported_t){.member = {&cloudep_operator_member_details_record, NULL},
                                .identities = {&cloudep_linked_record, NULL},
                                .passkeys = {&cloudep_passkey_told_record, NULL},
                                .sessions = {&cloudep_operator_session_record, NULL},
                                .events = {&cloudep_operator_event_record, NULL},
                                .complete = 1};
    out->member.rows = apr_array_make(ctx->p, 1, sizeof(cloudep_operator_member_details_t));
    rv = cloudep_operator_member_show(db, ctx->p, apr_array_push(out->member.rows), &name);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (rv != APR_SUCCESS ||
        (rv = cloudep_identity_list(db, ctx->p, &out->identities.rows, who->tenant_id, who->uid)) != APR_SUCCESS ||
        (rv = cloudep_passkeys_of(db, ctx->p, &out->passkeys.rows, who->tenant_id, who->uid)) != APR_SUCCESS ||
        (rv = read_pages(ctx, who, cloudep_operator_session_list, session_cursor, &out->sessions.rows,
                         &out->complete)) != APR_SUCCESS ||
        (rv = read_pages(ctx, who, cloudep_operator_event_list, event_cursor, &out->events.rows, &out->complete)) !=
            APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "reading what is kept of the member");
    }
    return cloudep_done();
}
