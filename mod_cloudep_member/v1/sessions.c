/*
 * sessions.c - GET and DELETE /me/sessions, DELETE /me/sessions/{id}, GET /me/events.
 */
#include "operations.h"

#include <stddef.h>
#include <string.h>
#include "flow/history.h"
#include "flow/own_sessions.h"

const cloudep_field_t page_fields[] = {
    {.name = "limit", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 3, .at = offsetof(cloudep_page_t, limit)},
    {.name = "cursor", .type = CLOUDEP_FIELD_TOKEN, .max = 128, .at = offsetof(cloudep_page_t, cursor)},
    {.name = NULL},
};

/* "pwd otp mfa" as a list. */
static json_t *words(const char *text)
{
    json_t *list = json_array();

    while (*text) {
        const size_t length = strcspn(text, " ");

        if (length) {
            (void)json_array_append_new(list, json_stringn(text, length));
        }
        text += length + (text[length] == ' ');
    }
    return list;
}

/* What is not known is left out. */
static json_t *session_json(const cloudep_call_t *call, const cloudep_own_session_t *session)
{
    const char *present = call->principal->session_id;

    return json_pack("{ss,sb,sI,sI,sI,so,ss*,ss*,ss*}", "id", session->id, "current",
                     present && !strcmp(session->id, present), "created_at", (json_int_t)session->created_at,
                     "last_seen_at", (json_int_t)session->seen_at, "expires_at", (json_int_t)session->expires_at,
                     "methods", words(session->amr), "second_factor", session->mfa_method, "address", session->address,
                     "user_agent", session->user_agent);
}

cloudep_outcome_t run_list_sessions(cloudep_call_t *call)
{
    cloudep_own_sessions_t found = {0};
    cloudep_outcome_t outcome = cloudep_list_sessions(call->ctx, call->principal, call->in, &found);
    json_t *list;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    list = json_array();
    for (int i = 0; i < found.sessions->nelts; i++) {
        (void)json_array_append_new(list,
                                    session_json(call, &APR_ARRAY_IDX(found.sessions, i, const cloudep_own_session_t)));
    }
    call->data = json_pack("{so,ss?}", "sessions", list, "next_cursor", found.next);
    return outcome;
}

cloudep_outcome_t run_end_session(cloudep_call_t *call)
{
    return cloudep_end_session(call->ctx, call->principal, call->in);
}

cloudep_outcome_t run_end_other_sessions(cloudep_call_t *call)
{
    int ended = 0;
    cloudep_outcome_t outcome = cloudep_end_other_sessions(call->ctx, call->principal, &ended);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{si}", "ended", ended);
    }
    return outcome;
}

static json_t *event_json(const cloudep_own_event_t *event)
{
    return json_pack("{sI,ss,sb,ss*,ss*,ss*,ss*,ss*,si}", "at", (json_int_t)event->at, "event", event->name, "success",
                     event->reason == NULL, "reason", event->reason, "method", event->method, "address", event->address,
                     "user_agent", event->user_agent, "request_id", event->request_id, "count", event->count);
}

cloudep_outcome_t run_list_events(cloudep_call_t *call)
{
    cloudep_history_t found = {0};
    cloudep_outcome_t outcome = cloudep_list_events(call->ctx, call->principal, call->in, &found);
    json_t *list;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    list = json_array();
    for (int i = 0; i < found.events->nelts; i++) {
        (void)json_array_append_new(list, event_json(&APR_ARRAY_IDX(found.events, i, const cloudep_own_event_t)));
    }
    call->data = json_pack("{so,ss?}", "events", list, "next_cursor", found.next);
    return outcome;
}
