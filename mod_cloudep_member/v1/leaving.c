/*
 * leaving.c - GET /me/export, DELETE /me.
 */
#include "operations.h"

#include "base/store/record_json.h"
#include "flow/export.h"
#include "flow/leaving.h"

static json_t *rows_json(const cloudep_exported_rows_t *all)
{
    json_t *list = json_array();

    for (int i = 0; i < all->rows->nelts; i++) {
        const void *row = all->rows->elts + (apr_size_t)i * (apr_size_t)all->rows->elt_size;

        (void)json_array_append_new(list, cloudep_record_json(all->record, row));
    }
    return list;
}

cloudep_outcome_t run_export(cloudep_call_t *call)
{
    cloudep_exported_t exported = {0};
    json_t *member;
    cloudep_outcome_t outcome = cloudep_export(call->ctx, call->principal, &exported);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    member = cloudep_record_json(exported.member.record, exported.member.rows->elts);
    (void)json_object_del(member, "identities"); /* beside it, with more of each */
    call->data = json_pack("{so,so,so,so,so,sb}", "member", member, "identities", rows_json(&exported.identities),
                           "passkeys", rows_json(&exported.passkeys), "sessions", rows_json(&exported.sessions),
                           "events", rows_json(&exported.events), "complete", exported.complete);
    return outcome;
}

cloudep_outcome_t run_leave(cloudep_call_t *call)
{
    return cloudep_leave(call->ctx, call->principal);
}
