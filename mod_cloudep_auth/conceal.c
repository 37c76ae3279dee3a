/*
 * conceal.c - registering and resuming without telling whether an email is taken.
 *
 * Who registers a taken email gets a registration all the same: a pending member under an address that does not exist,
 * made at the provider, with a use of the invite and a challenge. So uid, challenge, invite and time are those of
 * anybody; only the mail differs, and no code is right. The sweep removes it like any registration never confirmed.
 */
#include "register.h"

/* The decoy that stands for the registrant's email; *member NULL: there is none yet. */
static cloudep_problem_t *find_decoy(cloudep_call_t *call, const registrant_t *who, const char **email,
                                     const cloudep_member_t **member)
{
    const cloudep_tenant_t *tenant;
    cloudep_problem_t *problem = cloudep_decoy_email(call, email, who->receiver.tenant->id, who->receiver.target);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_member_by_email(cloudep_database(call), call->p, &tenant, member, who->receiver.tenant->slug, *email);
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "looking up the decoy");
}

static int is_pending(const cloudep_member_t *member)
{
    return member && member->status == CLOUDEP_MEMBER_PENDING;
}

/* Somebody who can be told. */
static const cloudep_member_t *owner_of(const cloudep_member_t *member)
{
    return member && (member->status == CLOUDEP_MEMBER_ACTIVE || member->status == CLOUDEP_MEMBER_SUSPENDED) ? member
                                                                                                             : NULL;
}

/* Who is pending already gets another code. The row is left alone, as nobody has one that would cost the same. */
static void join(registrant_t *who, const cloudep_member_t *member)
{
    who->receiver.uid = member->uid;
    who->receiver.language = member->language;
    who->stored = 0;
}

/* A decoy without a row, for an email that nobody ever registered. */
static cloudep_problem_t *invent(cloudep_call_t *call, registrant_t *who)
{
    who->stored = 0;
    return cloudep_decoy_receiver(call, &who->receiver);
}

cloudep_problem_t *find_concealed(cloudep_call_t *call, const cloudep_member_t *member, registrant_t *who)
{
    const char *email;
    const cloudep_member_t *decoy;
    cloudep_problem_t *problem = find_decoy(call, who, &email, &decoy);

    if (problem) {
        return problem;
    }
    if (is_pending(member)) {
        join(who, member);
        return NULL;
    }
    who->receiver.decoy = 1;
    if (is_pending(decoy)) {
        join(who, decoy);
        return NULL;
    }
    return invent(call, who);
}

/* The work that joining saves. */
static void take_as_long(cloudep_call_t *call, const cloudep_tenant_t *tenant, const char *email, const char *password)
{
    cloudep_idp_context_t ctx;
    const cloudep_idp_t *idp = cloudep_idp(call, &ctx);
    const cloudep_idp_user_t nobody = {.tenant = tenant, .email = email};

    (void)idp->verify(&ctx, &nobody, password);
}

static int is_taken(const cloudep_problem_t *problem)
{
    return problem && problem->category == CLOUDEP_EXISTS;
}

cloudep_problem_t *enrol_concealed(cloudep_call_t *call, cloudep_idp_user_t *user, const char *password,
                                   registrant_t *who)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const cloudep_member_t *decoy;
    const char *email;
    cloudep_problem_t *problem = cloudep_find_account(call, user->tenant->slug, user->email, &tenant, &member);

    problem = problem ? problem : find_decoy(call, who, &email, &decoy);
    if (!problem && !member) {
        problem = enrol(call, user, who);
        if (!is_taken(problem)) {
            return problem;
        }
        problem = NULL; /* by another request, or at the provider */
    }
    if (problem) {
        return problem;
    }
    if (is_pending(member)) {
        take_as_long(call, user->tenant, user->email, password);
        join(who, member);
        return send_code(call, who);
    }
    who->receiver.decoy = 1;
    who->owner = owner_of(member);
    if (!decoy) {
        user->email = email;
        problem = enrol(call, user, who);
        if (!is_taken(problem)) {
            return problem;
        }
    }
    take_as_long(call, user->tenant, user->email, password);
    if (is_pending(decoy)) {
        join(who, decoy);
        return send_code(call, who);
    }
    problem = invent(call, who);
    return problem ? problem : send_code(call, who);
}
