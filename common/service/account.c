/*
 * account.c - what flows ask of this server: its database, its challenges, a tenant, a new session, password rules.
 */
#include "core/private.h"

#include <apr_strings.h>
#include "base/crypto/random.h"

#define USER_AGENT_MAX 200 /* bytes kept of what a client calls itself */

cloudep_db_t *cloudep_database(const cloudep_call_t *call)
{
    return call->config->run->db;
}

const cloudep_challenges_t *cloudep_challenges(const cloudep_call_t *call)
{
    return &call->config->run->challenges;
}

int cloudep_code_lifetime(const cloudep_call_t *call)
{
    return call->config->code_lifetime;
}

int cloudep_code_attempts(const cloudep_call_t *call)
{
    return call->config->code_attempts;
}

int cloudep_refresh_grace(const cloudep_call_t *call)
{
    return call->config->refresh_grace;
}

cloudep_problem_t *cloudep_new_uid(cloudep_call_t *call, const char **uid)
{
    apr_status_t rv = cloudep_random_uuid(uid, call->p);

    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "making a uid");
}

cloudep_problem_t *cloudep_find_tenant(cloudep_call_t *call, const char *slug, const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_slug(cloudep_database(call), call->p, tenant, slug);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such tenant");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the tenant");
    }
    cloudep_note(call, (*tenant)->id, NULL, NULL);
    return NULL;
}

cloudep_problem_t *cloudep_find_account(cloudep_call_t *call, const char *slug, const char *email,
                                        const cloudep_tenant_t **tenant, const cloudep_member_t **member)
{
    apr_status_t rv = cloudep_member_by_email(cloudep_database(call), call->p, tenant, member, slug, email);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such tenant");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the member");
    }
    cloudep_note(call, (*tenant)->id, *member ? (*member)->uid : NULL, NULL);
    return NULL;
}

const char *cloudep_user_agent(request_rec *r)
{
    const char *given = apr_table_get(r->headers_in, "User-Agent");
    char *text = given ? apr_pstrmemdup(r->pool, given, strnlen(given, USER_AGENT_MAX)) : NULL;

    for (char *c = text; c && *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            *c = '?';
        }
    }
    return text;
}

cloudep_session_t *cloudep_session_new(cloudep_call_t *call, const char *tenant_id, const char *uid, const char *amr)
{
    cloudep_session_t *session = apr_pcalloc(call->p, sizeof(*session));

    session->tenant_id = tenant_id;
    session->uid = uid;
    session->amr = amr;
    session->address = call->r->useragent_ip;
    session->user_agent = cloudep_user_agent(call->r);
    cloudep_note(call, tenant_id, uid, cloudep_request(call->r)->method ? NULL : amr);
    session->idle = call->config->refresh_idle;
    session->lifetime = call->config->session_lifetime;
    if (cloudep_random_uuid(&session->id, call->p) != APR_SUCCESS) {
        session->id = NULL; /* refused by the database: a session is never opened under a guessable id */
    }
    return session;
}

cloudep_problem_t *cloudep_check_password_rules(cloudep_call_t *call, const char *field, const char *password,
                                                const char *const *words)
{
    const char *reason;

    if (cloudep_password_acceptable(&reason, password, words, call->p) == APR_SUCCESS) {
        return NULL;
    }
    return cloudep_problem_field(call, field, reason);
}
