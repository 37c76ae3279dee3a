/*
 * history.c - see history.h.
 */
#include "flow/history.h"

cloudep_outcome_t cloudep_list_events(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_page_t *in,
                                      cloudep_history_t *out)
{
    const cloudep_cursor_t *cursor;
    apr_array_header_t *events;
    int limit;
    cloudep_outcome_t outcome = cloudep_page_read(ctx, in, cloudep_cursor_is_number, &limit, &cursor);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_events_own(&events, ctx->p, cloudep_database(ctx), who->tenant_id, who->uid, cursor, limit);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "listing the events");
    }
    if (cloudep_page_cut(events, limit)) {
        const cloudep_own_event_t *last = &APR_ARRAY_IDX(events, events->nelts - 1, cloudep_own_event_t);

        out->next = cloudep_cursor_text(ctx->p, &(cloudep_cursor_t){.at = last->cursor_at, .id = last->cursor_id});
    }
    out->events = events;
    return cloudep_done();
}
