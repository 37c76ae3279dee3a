/*
 * handoff.c - POST /handoff of cookie delivery and of "session": where a login page sends a browser back to.
 *
 * return_to is the address that a guard sent along. On this host, or without the "enter" of that guard, the answer is
 * that address, once it is known to be one of ours; else it is one that hands the session over.
 */
#include "wire/handoff.h"

#include <stddef.h>
#include <apr_strings.h>
#include "access/origin.h"
#include "flow/handoff.h"

#define LONGEST 8000
#define DIGEST 43 /* characters */

const cloudep_field_t cloudep_handoff_fields[] = {
    {.name = "return_to",
     .type = CLOUDEP_FIELD_TEXT,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .min = 1,
     .max = LONGEST,
     .at = offsetof(cloudep_handoff_body_t, return_to)},
    {.name = "enter",
     .type = CLOUDEP_FIELD_ID,
     .min = DIGEST,
     .max = DIGEST,
     .at = offsetof(cloudep_handoff_body_t, enter)},
    {.name = NULL},
};

cloudep_outcome_t cloudep_run_handoff(cloudep_call_t *call)
{
    const cloudep_handoff_body_t *in = call->in;
    const char *own = cloudep_own_origin(call->r);
    const char *url, *code;
    cloudep_target_t target;
    cloudep_outcome_t outcome;

    if (cloudep_target_read(&target, call->ctx->p, in->return_to) != APR_SUCCESS ||
        !cloudep_may_send_to(call->r, &target)) {
        return cloudep_invalid(offsetof(cloudep_handoff_body_t, return_to), CLOUDEP_RULE_FORMAT,
                               "must be an address of this host or of CloudEPApplicationOrigin");
    }
    url = apr_pstrcat(call->ctx->p, target.origin, target.path, NULL);
    if (in->enter && own && strcmp(own, target.origin) != 0) {
        outcome = cloudep_hand_over(call->ctx, call->principal,
                                    &(cloudep_handoff_t){target.origin, target.path, in->enter}, &code);
        if (cloudep_failed(outcome)) {
            return outcome;
        }
        url = apr_pstrcat(call->ctx->p, target.origin, CLOUDEP_OWN_PATHS "enter?code=", code, NULL);
    }
    call->data = json_pack("{ss}", "url", url);
    return cloudep_done();
}
