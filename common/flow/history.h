/*
 * history.h - what happened to a member's account, as the member sees it.
 */
#ifndef CLOUDEP_HISTORY_H
#define CLOUDEP_HISTORY_H

#include "base/store/event_store.h"
#include "core/context.h"
#include "core/principal.h"
#include "flow/page.h"

typedef struct cloudep_history_t {
    const apr_array_header_t *events; /* of cloudep_own_event_t, the newest first */
    const char *next;                 /* cursor of the next page; NULL: there is none */
} cloudep_history_t;

/**
 * The events of who asks, also of what others tried at the account. One is there a moment after it happened, and for
 * CloudEPEventRetention. FIELD_INVALID (limit, cursor of the page).
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_list_events(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_page_t *in,
                    cloudep_history_t *out);

#endif
