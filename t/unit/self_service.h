/*
 * self_service.h - what the tests of members who change their account share: whoever asks, what is kept of them, and
 * the changes that more than one of those tests need.
 *
 *     self_service_start();                      flow_start(), a tenant, and no caps that a crowd would meet
 *     who = member(at, "a@self.test");           registered, in a session, proved a moment ago
 *     is_outcome(change(at, &who, "b@self.test"), CLOUDEP_DONE, "a change of the login email");
 *     who = again(at, &who);                     as they are now
 *     is_str(of(at, &who, "email, ways_in"), "b@self.test 1", "...");
 */
#ifndef CLOUDEP_TEST_SELF_SERVICE_H
#define CLOUDEP_TEST_SELF_SERVICE_H

#include "counted.h"
#include "flow.h"
#include "flow/email_change.h"
#include "flow/password_reset.h"

#define SLUG "self"

/* Who asks: the member of a session, as they are now, proved a moment ago. */
static inline cloudep_principal_t who_of(flow_case_t *at, const cloudep_session_t *session)
{
    cloudep_principal_t who = {.tenant_id = session->tenant_id,
                               .uid = session->uid,
                               .session_id = session->id,
                               .proofs = {.auth_time = apr_time_sec(at->ctx->now), .now = apr_time_sec(at->ctx->now)}};

    flow_must(cloudep_member_by_uid(flow.run.db, at->p, &who.member, who.tenant_id, who.uid), "the member");
    return who;
}

static inline cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    return who_of(at, session);
}

/* The member after a change, in the same session. */
static inline cloudep_principal_t again(flow_case_t *at, const cloudep_principal_t *who)
{
    const cloudep_session_t session = {.tenant_id = who->tenant_id, .uid = who->uid, .id = who->session_id};

    return who_of(at, &session);
}

static inline void set(const cloudep_principal_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(flow.pool, "UPDATE cloudep.members SET ", change, " WHERE uid = $1::uuid", NULL),
                        who->uid, NULL));
}

static inline const char *of(flow_case_t *at, const cloudep_principal_t *who, const char *columns)
{
    char *value = postgres_value(
        apr_pstrcat(at->p, "SELECT concat_ws(' ', ", columns, ") FROM cloudep.members WHERE uid = $1::uuid", NULL),
        who->uid, NULL);
    const char *kept = apr_pstrdup(at->p, value ? value : "");

    free(value);
    return kept;
}

static inline const char *count(flow_case_t *at, const char *from, const char *value)
{
    char *number = postgres_value(apr_pstrcat(at->p, "SELECT count(*) FROM cloudep.", from, NULL), value, NULL);
    const char *kept = apr_pstrdup(at->p, number);

    free(number);
    return kept;
}

#define LIVE_SESSIONS "sessions WHERE uid = $1::uuid AND revoked_at IS NULL"

/* ---- login email ---- */

static inline cloudep_outcome_t start(flow_case_t *at, const cloudep_principal_t *who, const char *email,
                                      cloudep_contact_challenge_t *challenge)
{
    const cloudep_email_start_t in = {.email = email};

    return cloudep_start_email_change(at->ctx, who, &in, challenge);
}

static inline cloudep_outcome_t confirm(flow_case_t *at, const cloudep_principal_t *who,
                                        const cloudep_contact_challenge_t *challenge, const char *code)
{
    const cloudep_contact_confirm_t in = {.challenge_id = challenge->challenge_id, .code = code};

    return cloudep_confirm_email_change(at->ctx, who, &in);
}

/* From start to end. */
static inline cloudep_outcome_t change(flow_case_t *at, const cloudep_principal_t *who, const char *email)
{
    cloudep_contact_challenge_t challenge;
    cloudep_outcome_t outcome = start(at, who, email, &challenge);

    return cloudep_failed(outcome) ? outcome : confirm(at, who, &challenge, flow_code(at, email, "email_change"));
}

/* ---- a code under way for another password ---- */

/* Has a code mailed by which a password is reset. */
static inline cloudep_outcome_t forgot(flow_case_t *at, const char *email, const char **challenge_id)
{
    const cloudep_forgot_t in = {.tenant_slug = SLUG, .email = email};
    cloudep_forgot_result_t out = {0};
    const cloudep_outcome_t outcome = cloudep_forgot_password(at->ctx, &in, &out);

    *challenge_id = out.challenge_id;
    return outcome;
}

static inline cloudep_outcome_t reset_by(flow_case_t *at, const char *challenge_id, const char *code)
{
    const cloudep_reset_t in = {.tenant_slug = SLUG,
                                .challenge_id = challenge_id,
                                .code = code,
                                .new_password = "an entirely different phrase"};

    return cloudep_reset_password(at->ctx, &in);
}

/* Many that do the same at once, each with an id or a code of its own. */
typedef struct crowd_t {
    cloudep_principal_t who[TEST_THREADS];
    cloudep_contact_challenge_t challenges[TEST_THREADS];
    const char *ids[TEST_THREADS];
} crowd_t;

static inline void self_service_start(void)
{
    flow_start();
    (void)count_in(256);
    flow_tenant(SLUG);
    postgres_sql("UPDATE cloudep.invites SET max_uses = 10000");
    flow.config.account_url = "https://id.test/account/";
    flow.config.codes_per_target = 100000;
    flow.config.codes_per_address = flow.config.codes_per_tenant = 0;
    postgres_lock_timeout(flow.run.db, 20000); /* crowds stand in line */
}

#endif
