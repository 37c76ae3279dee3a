/*
 * registration_confirmation.c - see registration.h.
 *
 * The request that consumes the challenge turns its attempt into the member. Where an identity provider has the
 * passwords, the users of other attempts are removed there first, and the attempt's own user is created. A lease on the
 * member's row keeps other confirmations out meanwhile. The row lists the users who may exist at the provider. So the
 * next confirmation, or the sweep, can take over after a crash.
 */
#include "flow/registration.h"

#include "base/crypto/random.h"
#include "base/status.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "flow/registration_steps.h"
#include "service/account.h"
#include "service/decoy.h"

/* One attempt on its way to a member. */
typedef struct confirming_t {
    const cloudep_tenant_t *tenant;
    const cloudep_challenge_t *challenge;
    const char *uid; /* the attempt's */
    cloudep_leased_t leased;
    cloudep_confirming_t how;
    int in_doubt; /* the provider may still create the user: no other attempt may have the lease before it expires */
} confirming_t;

static cloudep_idp_user_t user_of(const confirming_t *confirming)
{
    return (cloudep_idp_user_t){.tenant = confirming->tenant,
                                .uid = confirming->uid,
                                .email = confirming->challenge->spec.target,
                                .display_name = confirming->leased.display_name,
                                .language = confirming->leased.language,
                                .proved = 1};
}

/* Tells why the lease was not given: another request holds it, or there is nothing to confirm any more. */
static cloudep_outcome_t explain_no_lease(cloudep_context_t *ctx, const confirming_t *confirming)
{
    cloudep_registration_state_t state;
    apr_status_t rv = cloudep_registration_by_challenge(cloudep_database(ctx), ctx->p, &state, confirming->tenant->id,
                                                        confirming->challenge->id, ctx->config->pending_lifetime);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking up the attempt");
    }
    return cloudep_refuse(rv == APR_SUCCESS && state.pending ? CLOUDEP_REGISTRATION_BUSY
                                                             : CLOUDEP_REGISTRATION_NOT_PENDING);
}

static cloudep_outcome_t take_lease(cloudep_context_t *ctx, confirming_t *confirming)
{
    const char *lease;
    apr_status_t rv = cloudep_random_uuid(&lease, ctx->p);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a lease");
    }
    rv = cloudep_registration_lease(cloudep_database(ctx), ctx->p, &confirming->leased, confirming->tenant->id,
                                    confirming->uid, lease, ctx->config->reserved_lifetime);
    if (rv == APR_NOTFOUND) {
        return explain_no_lease(ctx, confirming);
    }
    confirming->how.lease = lease;
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "leasing the registration");
}

/* Under the lease: makes the attempt's user the only one at the provider. */
static cloudep_outcome_t place_user(cloudep_context_t *ctx, confirming_t *confirming)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    const cloudep_idp_user_t user = user_of(confirming);
    const char *reason;
    apr_status_t rv;

    if (confirming->leased.user_is_there) {
        return cloudep_done();
    }
    rv = cloudep_remove_users(&at, confirming->tenant, confirming->leased.others);
    if (rv == APR_SUCCESS) {
        rv = idp->create(&at, &user, confirming->leased.password, &reason);
    }
    /* A password that is refused, or whose sealing key is gone, does not undo the proof of the address. */
    if ((rv == CLOUDEP_EREFUSED || rv == CLOUDEP_EDATA) && confirming->leased.password) {
        confirming->how.drops_password = 1;
        rv = idp->create(&at, &user, NULL, &reason);
    }
    confirming->in_doubt = rv == APR_INCOMPLETE;
    if (rv == APR_SUCCESS) {
        return cloudep_done();
    }
    return cloudep_failure(
        ctx, confirming->in_doubt || rv == CLOUDEP_EREFUSED || rv == CLOUDEP_ECONFLICT ? CLOUDEP_EPROVIDER : rv,
        "creating the user at the identity provider");
}

static void release_lease(cloudep_context_t *ctx, const confirming_t *confirming)
{
    if (confirming->how.lease) {
        /* A lease that could not be given back expires. */
        (void)cloudep_registration_release(cloudep_database(ctx), ctx->p, confirming->tenant->id,
                                           confirming->leased.member_uid, confirming->how.lease,
                                           confirming->in_doubt ? confirming->uid : NULL);
    }
}

static cloudep_outcome_t commit(cloudep_context_t *ctx, confirming_t *confirming, cloudep_session_t *session)
{
    cloudep_idp_context_t at;
    const cloudep_idp_user_t user = user_of(confirming);
    apr_status_t rv = cloudep_registration_confirm(cloudep_database(ctx), ctx->p, &confirming->how, session);

    if (rv == APR_SUCCESS) {
        return cloudep_done();
    }
    if (rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "activating the member");
    }
    if (confirming->how.lease) {
        /* The lease expired and was taken over by a request that does not know of this user. */
        (void)cloudep_idp(ctx, &at)->remove(&at, &user);
        return explain_no_lease(ctx, confirming);
    }
    return cloudep_refuse(CLOUDEP_REGISTRATION_NOT_PENDING);
}

static cloudep_outcome_t confirm_attempt(cloudep_context_t *ctx, confirming_t *confirming, cloudep_session_t *session)
{
    cloudep_idp_context_t at;
    const int stored_here = cloudep_idp(ctx, &at)->stored_here;
    cloudep_outcome_t outcome = cloudep_done();

    confirming->how.stores_password = stored_here;
    if (!stored_here) {
        outcome = take_lease(ctx, confirming);
        if (!cloudep_failed(outcome)) {
            outcome = place_user(ctx, confirming);
        }
    }
    if (!cloudep_failed(outcome)) {
        outcome = commit(ctx, confirming, session);
    }
    if (cloudep_failed(outcome)) {
        release_lease(ctx, confirming);
    }
    return outcome;
}

/*
 * Confirms a registration that a node of 1.0.0 made, as that node would. *none: the challenge is of such a node, but
 * the registration has attempts; then the code proves the address and belongs to none of them.
 */
static cloudep_outcome_t confirm_without_attempt(cloudep_context_t *ctx, cloudep_session_t *session, int *none)
{
    apr_status_t rv = cloudep_member_activate(cloudep_database(ctx), ctx->p, session);

    *none = rv == APR_NOTFOUND;
    return rv == APR_SUCCESS || *none ? cloudep_done() : cloudep_failure(ctx, rv, "activating the member");
}

/* An attempt for which nothing was typed. */
static cloudep_outcome_t make_empty_attempt(cloudep_context_t *ctx, confirming_t *confirming)
{
    cloudep_registration_attempt_t attempt = {.tenant_id = confirming->tenant->id,
                                              .member_uid = confirming->challenge->spec.uid,
                                              .email = confirming->challenge->spec.target,
                                              .challenge_id = confirming->challenge->id};
    cloudep_outcome_t outcome = cloudep_new_uid(ctx, &attempt.uid);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    confirming->uid = attempt.uid;
    rv = cloudep_registration_add(cloudep_database(ctx), ctx->p, &attempt, CLOUDEP_NO_MESSAGE);
    return rv == APR_SUCCESS ? outcome : cloudep_failure(ctx, rv, "storing the attempt");
}

/* After the challenge was won. */
static cloudep_outcome_t activate(cloudep_context_t *ctx, confirming_t *confirming, cloudep_session_t *session)
{
    cloudep_outcome_t outcome;
    int none = 0;

    if (!confirming->uid) {
        outcome = confirm_without_attempt(ctx, session, &none);
        if (cloudep_failed(outcome) || !none) {
            return outcome;
        }
        outcome = make_empty_attempt(ctx, confirming);
        if (cloudep_failed(outcome)) {
            return outcome;
        }
        session->uid = confirming->uid;
    }
    return confirm_attempt(ctx, confirming, session);
}

/* Tells the provider that the email is confirmed. A failure does not undo the confirmation. */
static void tell_provider(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_session_t *session,
                          const char *email)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    const cloudep_idp_user_t user = {.tenant = tenant, .uid = session->uid, .email = email};

    (void)idp->confirm(&at, &user);
}

/* Consumes the challenge and activates the member; if that fails, the challenge is put back. */
static cloudep_outcome_t use_challenge(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                       const cloudep_challenge_t *challenge, cloudep_confirmed_t *out)
{
    confirming_t confirming = {.tenant = tenant, .challenge = challenge, .uid = challenge->spec.extra};
    cloudep_session_t *session;
    cloudep_outcome_t outcome = cloudep_session_new(
        ctx, &session, tenant->id, confirming.uid ? confirming.uid : challenge->spec.uid, "otp", CLOUDEP_OPENED_OTP);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_consume_challenge(ctx, challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    confirming.how.has_password = confirming.how.has_terms = 1; /* of 1.0.0 */
    outcome = activate(ctx, &confirming, session);
    if (cloudep_failed(outcome)) {
        if (outcome.reason != CLOUDEP_REGISTRATION_NOT_PENDING) {
            cloudep_restore_challenge(ctx, challenge);
        }
        return outcome;
    }
    tell_provider(ctx, tenant, session, challenge->spec.target);
    cloudep_note(ctx, NULL, session->uid, NULL);
    *out = (cloudep_confirmed_t){.session = session,
                                 .password_required = !confirming.how.has_password,
                                 .terms_required = !confirming.how.has_terms};
    return outcome;
}

cloudep_outcome_t cloudep_confirm_registration(cloudep_context_t *ctx, const cloudep_confirmation_t *in,
                                               cloudep_confirmed_t *out)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED); /* it would log in; the code stays good for when it opens */
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_REGISTRATION, in->challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_code(ctx, challenge, in->code);
    return cloudep_failed(outcome) ? outcome : use_challenge(ctx, tenant, challenge, out);
}
