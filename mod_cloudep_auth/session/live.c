/*
 * live.c - GET /verify, GET and POST /refresh_code and /refresh_token, POST /reauthenticate/start, /reauthenticate.
 */
#include "operations.h"

#include <stddef.h>
#include "access/delivery.h"
#include "base/text/json.h"
#include "base/text/validate.h"
#include "fields.h"
#include "flow/reauthentication.h"
#include "flow/renewal_code.h"

/* That it gets here says that the session lives. */
cloudep_outcome_t session_verify(cloudep_call_t *call)
{
    return cloudep_session_nothing(call, cloudep_done());
}

cloudep_outcome_t session_refresh_code(cloudep_call_t *call)
{
    const char *code = NULL;
    cloudep_outcome_t outcome = cloudep_new_renewal_code(call->ctx, call->principal, &code);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "code", code);
    }
    return outcome;
}

const cloudep_field_t session_renewal_query[] = {
    {.name = "code", .type = CLOUDEP_FIELD_ID, .at = offsetof(session_renewal_t, code)},
    SESSION_FIELDS_END,
};

const cloudep_field_t session_renewal_fields[] = {
    {.name = "code",
     .type = CLOUDEP_FIELD_ID,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .at = offsetof(session_renewal_t, code)},
    SESSION_FIELDS_END,
};

/* The contract has a body with its GET, which hardly any client sends. */
static cloudep_outcome_t read_body_of_get(cloudep_call_t *call, session_renewal_t *in)
{
    json_t *object = NULL;
    const char *code;
    int rc = OK;
    cloudep_outcome_t outcome = cloudep_read_json(call, &object, &rc);

    if (cloudep_failed(outcome) || rc != OK) {
        return cloudep_missing(offsetof(session_renewal_t, code), "is required");
    }
    code = json_string_value(json_object_get(object, "code"));
    if (!code || !cloudep_is_id(code)) {
        return cloudep_missing(offsetof(session_renewal_t, code), "is required");
    }
    in->code = code;
    return outcome;
}

cloudep_outcome_t session_refresh_token(cloudep_call_t *call)
{
    session_renewal_t *in = call->in;
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = in->code ? cloudep_done() : read_body_of_get(call, in);

    if (!cloudep_failed(outcome)) {
        outcome = cloudep_renew_by_code(call->ctx, call->principal, in->code, &session);
    }
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_give_session(call->r, session);
    }
    return cloudep_session_nothing(call, outcome);
}

/* ---- a fresh proof ---- */

static const char *const methods[] = {CLOUDEP_REAUTHENTICATE_BY_CODE, NULL};

const cloudep_field_t session_proof_start_fields[] = {
    {.name = "method",
     .type = CLOUDEP_FIELD_CHOICE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .choices = methods,
     .at = offsetof(cloudep_reauthentication_start_t, method)},
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_proof_start(cloudep_call_t *call)
{
    cloudep_reauthentication_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_reauthentication(call->ctx, call->principal, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, CLOUDEP_PENDING_PROOF, challenge.challenge_id);
    }
    return cloudep_session_nothing(call, outcome);
}

#define PROOF(member) offsetof(cloudep_reauthentication_t, member)

const cloudep_field_t session_proof_fields[] = {
    SESSION_PASSWORD("password", 0, PROOF(password)),
    SESSION_FACTOR(0, PROOF(code)),
    SESSION_CODE("mailed_code", 0, PROOF(mailed_code)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_proof(cloudep_call_t *call)
{
    cloudep_reauthentication_t *in = call->in;

    if (in->mailed_code && !(in->challenge_id = cloudep_pending(call, CLOUDEP_PENDING_PROOF))) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    return cloudep_session_nothing(call, cloudep_reauthenticate(call->ctx, call->principal, in));
}
