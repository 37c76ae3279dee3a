/*
 * own_sessions.c - see own_sessions.h.
 */
#include "flow/own_sessions.h"

#include <string.h>
#include <apr_strings.h>
#include "base/metrics.h"
#include "base/text/validate.h"

/* The one that asks is seen now, whatever was written of it. */
static void mark_present(cloudep_context_t *ctx, const cloudep_principal_t *who, apr_array_header_t *sessions)
{
    for (int i = 0; i < sessions->nelts; i++) {
        cloudep_own_session_t *session = &APR_ARRAY_IDX(sessions, i, cloudep_own_session_t);

        if (who->session_id && !strcmp(session->id, who->session_id)) {
            session->seen_at = apr_time_as_msec(ctx->now);
        }
    }
}

cloudep_outcome_t cloudep_list_sessions(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        const cloudep_page_t *in, cloudep_own_sessions_t *out)
{
    const cloudep_cursor_t *cursor;
    apr_array_header_t *sessions;
    int limit;
    cloudep_outcome_t outcome = cloudep_page_read(ctx, in, cloudep_cursor_is_uuid, &limit, &cursor);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_own_sessions(&sessions, ctx->p, cloudep_database(ctx), who->tenant_id, who->uid, who->session_id,
                              cursor, limit);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "listing the sessions");
    }
    if (cloudep_page_cut(sessions, limit)) {
        const cloudep_own_session_t *last = &APR_ARRAY_IDX(sessions, sessions->nelts - 1, cloudep_own_session_t);

        out->next = cloudep_cursor_text(ctx->p, &(cloudep_cursor_t){.at = last->cursor_at, .id = last->id});
    }
    mark_present(ctx, who, sessions);
    out->sessions = sessions;
    return cloudep_done();
}

cloudep_outcome_t cloudep_end_session(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                      const cloudep_session_id_t *in)
{
    apr_status_t rv = cloudep_is_uuid(in->id)
                          ? cloudep_own_session_end(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, in->id)
                          : APR_NOTFOUND;

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_SESSION_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "ending the session");
    }
    cloudep_count(CLOUDEP_METRIC_SESSIONS_ENDED, "ended_by_member", NULL, 1);
    return cloudep_done();
}

cloudep_outcome_t cloudep_end_other_sessions(cloudep_context_t *ctx, const cloudep_principal_t *who, int *ended)
{
    apr_status_t rv;

    if (!who->session_id) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING); /* development headers */
    }
    rv = cloudep_own_sessions_end_others(cloudep_database(ctx), ctx->p, ended, who->tenant_id, who->uid,
                                         who->session_id);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "ending the other sessions");
    }
    return cloudep_done();
}
