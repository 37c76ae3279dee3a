/*
 * flow_zitadel_users_test.c - users at ZITADEL: created, given a password and an address, removed; and what an answer
 * to that means.
 */
#include "zitadel_peer.h"

#define SEARCH "POST /v2/users"
#define EMAIL "ada@zit.test"
#define PATCH "PATCH " ZITADEL_PATH
#define PUT "PUT /v2/users/human/" ZITADEL_UID
#define SET_PASSWORD "POST " ZITADEL_PATH "/password"
#define UNLOCK "POST " ZITADEL_PATH "/unlock"
#define REMOVE "DELETE " ZITADEL_PATH
#define DEACTIVATE "POST " ZITADEL_PATH "/deactivate"

static const cloudep_idp_user_t ada = {.tenant = &zitadel_tenant, .uid = ZITADEL_UID, .email = EMAIL};

/* ---- create ---- */

static apr_status_t create_as(flow_case_t *at, const cloudep_idp_user_t *user, const char **reason)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);
    const char *kept = NULL;

    flow_must(zitadel.idp->keep(&ctx, user, FLOW_PASSWORD, &kept, reason), "a password that is kept");
    return zitadel.idp->create(&ctx, user, kept, reason);
}

static apr_status_t create(flow_case_t *at)
{
    const char *reason;

    return create_as(at, &ada, &reason);
}

static void test_create(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);
    const char *reason;
    json_t *body;

    peer_answers(&zitadel.peer, ZITADEL_USERS, 201, "{\"userId\":\"x\"}");
    is_status(create(at), APR_SUCCESS, "a user");
    zitadel_was_sent(ZITADEL_USERS, "userId", ZITADEL_UID, "has our uid");
    zitadel_was_sent(ZITADEL_USERS, "username", EMAIL, "is known by the address");
    zitadel_was_sent(ZITADEL_USERS, "organization.orgId", "an-organization", "is in the tenant's organization");
    zitadel_was_sent(ZITADEL_USERS, "email.email", EMAIL, "has the address");
    zitadel_was_sent(ZITADEL_USERS, "email.isVerified", "false", "which is not verified yet");
    zitadel_was_sent(ZITADEL_USERS, "password.password", FLOW_PASSWORD, "and the password");
    zitadel_was_sent(ZITADEL_USERS, "password.changeRequired", "false", "which stays");
    is_status(zitadel.idp->create(&ctx, &ada, NULL, &reason), APR_SUCCESS, "a user whose password nobody knows");
    body = zitadel_body(ZITADEL_USERS);
    ok(json_string_length(json_object_get(json_object_get(body, "password"), "password")) >= 20, "has a long one");
    json_decref(body);
    flow_end(at);
}

static void test_name(void)
{
    static const struct {
        const char *name, *email, *given, *family, *display;
    } cases[] = {
        {"Ada King Lovelace", EMAIL, "Ada King", "Lovelace", "Ada King Lovelace"},
        {"Ada", EMAIL, "Ada", "Ada", "Ada"},
        {"  Ada \t", EMAIL, "Ada", "Ada", "  Ada \t"},
        {NULL, EMAIL, "ada", "ada", "ada"},
        {"   ", EMAIL, "-", "-", "   "},
        {NULL, "@zit.test", "-", "-", "-"},
    };
    flow_case_t *at = flow_begin();
    const char *reason;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_idp_user_t user = {
            .tenant = &zitadel_tenant, .uid = ZITADEL_UID, .email = cases[i].email, .display_name = cases[i].name};

        is_status(create_as(at, &user, &reason), APR_SUCCESS, cases[i].name ? cases[i].name : "a user without a name");
        zitadel_was_sent(ZITADEL_USERS, "profile.givenName", cases[i].given, "given name");
        zitadel_was_sent(ZITADEL_USERS, "profile.familyName", cases[i].family, "family name");
        zitadel_was_sent(ZITADEL_USERS, "profile.displayName", cases[i].display, "display name");
    }
    flow_end(at);
}

static void test_kept(void)
{
    const cloudep_idp_user_t eve = {
        .tenant = &zitadel_tenant, .uid = "11111111-6f0f-4a3e-9a3e-3f0e6f2d7a11", .email = "eve@zit.test"};
    cloudep_tenant_t other = zitadel_tenant;
    cloudep_idp_user_t elsewhere = ada;
    char password[74] = "";
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);
    const char *kept = NULL, *reason = NULL, *opened = NULL;

    other.id = "11111111-1f5e-4a57-8e38-3d9b1c1f0a01";
    elsewhere.tenant = &other;
    is_status(zitadel.idp->keep(&ctx, &ada, FLOW_PASSWORD, &kept, &reason), APR_SUCCESS, "a password is kept");
    ok(!strstr(kept, FLOW_PASSWORD), "so that nobody reads it");
    is_status(zitadel_unkeep(&ctx, &ada, kept, &opened), APR_SUCCESS, "for its user");
    is_str(opened, FLOW_PASSWORD, "as it was");
    is_status(zitadel_unkeep(&ctx, &eve, kept, &opened), CLOUDEP_EDATA, "not for another");
    is_status(zitadel_unkeep(&ctx, &elsewhere, kept, &opened), CLOUDEP_EDATA, "nor in another tenant");
    is_status(zitadel_unkeep(&ctx, &ada, "nothing", &opened), CLOUDEP_EDATA, "what is none is a fault of the data");
    peer_forgets(&zitadel.peer);
    is_status(zitadel.idp->create(&ctx, &eve, kept, &reason), CLOUDEP_EDATA, "a user with another's password");
    is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 0, "is not made");
    memset(password, 'p', 72);
    is_status(zitadel.idp->keep(&ctx, &ada, password, &kept, &reason), APR_SUCCESS, "a password of 72 bytes");
    is_status(zitadel_create(&ctx, &ada, password, &reason), APR_SUCCESS, "is given to a user");
    password[72] = 'p';
    is_status(zitadel.idp->keep(&ctx, &ada, password, &kept, &reason), CLOUDEP_EREFUSED, "one of 73");
    is_str(reason, "is longer than 72 bytes", "is refused in plain words");
    is_status(zitadel_create(&ctx, &ada, password, &reason), CLOUDEP_EREFUSED, "and given to nobody");
    flow_end(at);
}

static void test_organization(void)
{
    cloudep_tenant_t none = zitadel_tenant;
    cloudep_idp_user_t user = ada;
    flow_case_t *at = flow_begin();
    const char *reason;

    none.organization = NULL;
    user.tenant = &none;
    peer_forgets(&zitadel.peer);
    is_status(create_as(at, &user, &reason), CLOUDEP_EUNSET, "a tenant without an organization");
    is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 0, "has no users there");
    ok(flow_logged("tenant zit has no organization at ZITADEL: cloudepctl tenant set --organization"),
       "and the log says what to do");
    flow_end(at);
}

/* What an answer to a creation or to a new password means. */
static const struct {
    int status, code;
    const char *id;
    const char *reason; /* NULL: the provider fails */
} refusals[] = {
    {400, ZITADEL_INVALID, "COMMA-HuJf6", "is too short"},
    {400, ZITADEL_INVALID, "DOMAIN-HuJf6", "is too short"},
    {400, ZITADEL_INVALID, "COMMA-co3Xw", "needs a lower case letter"},
    {400, ZITADEL_INVALID, "DOMAIN-VoaRj", "needs an upper case letter"},
    {400, ZITADEL_INVALID, "COMMA-ZBv4H", "needs a digit"},
    {400, ZITADEL_INVALID, "DOMAIN-ZDLwA", "needs a character that is neither a letter nor a digit"},
    {400, ZITADEL_INVALID, "DOMAIN-new", "is refused by the identity provider"},
    {400, ZITADEL_INVALID, "COMMAND-HuJf6", NULL},
    {400, ZITADEL_INVALID, "HuJf6", NULL},
    {400, ZITADEL_PRECONDITION, "COMMA-HuJf6", NULL},
    {404, ZITADEL_INVALID, "COMMA-HuJf6", NULL},
    {500, 13, "COMMA-HuJf6", NULL},
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static void test_refusals(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);

    for (size_t i = 0; i < REFUSALS; i++) {
        const apr_status_t want = refusals[i].reason ? CLOUDEP_EREFUSED : CLOUDEP_EPROVIDER;
        const char *reason = NULL, *phc = "not set";
        const char *error = zitadel_error(refusals[i].code, refusals[i].id);

        peer_answers(&zitadel.peer, ZITADEL_USERS, refusals[i].status, error);
        is_status(create_as(at, &ada, &reason), want,
                  apr_psprintf(at->p, "a creation: %d, %d, %s", refusals[i].status, refusals[i].code, refusals[i].id));
        is_str(reason, refusals[i].reason, "its reason");
        peer_answers(&zitadel.peer, SET_PASSWORD, refusals[i].status, error);
        is_status(zitadel.idp->set_password(&ctx, &ada, FLOW_PASSWORD, &phc, &reason), want,
                  apr_psprintf(at->p, "a password: %d, %d, %s", refusals[i].status, refusals[i].code, refusals[i].id));
        is_str(reason, refusals[i].reason, "its reason");
        ok(!phc, "and nothing to store here");
    }
    peer_answers(&zitadel.peer, ZITADEL_USERS, 409, zitadel_error(6, "COMMAND-7yiox1isql"));
    is_status(create(at), APR_SUCCESS, "a user who is there already, with our uid");
    flow_end(at);
}

/* User names are unique in all of a ZITADEL. */
static void test_taken(void)
{
    cloudep_idp_user_t proved = ada;
    flow_case_t *at = flow_begin();
    const char *reason;

    proved.proved = 1;
    for (int i = 0; i < 2; i++) {
        const char *taken = i ? zitadel_error(ZITADEL_INVALID, "COMMAND-SFd21") : zitadel_error(6, "COMMAND-xyz");

        peer_forgets(&zitadel.peer);
        peer_answers(&zitadel.peer, ZITADEL_USERS, 201, "{}");
        peer_answers_once(&zitadel.peer, ZITADEL_USERS, i ? 400 : 409, taken);
        peer_answers(&zitadel.peer, SEARCH, 200, "{\"result\":[]}");
        is_status(create(at), APR_SUCCESS,
                  i ? "a name whose domain another organization has" : "a name that another organization has");
        zitadel_was_sent(ZITADEL_USERS, "username", ZITADEL_UID, "gives the user its uid as name");
        zitadel_was_sent(ZITADEL_USERS, "email.email", EMAIL, "and the address all the same");
        is_int(peer_asked(&zitadel.peer, SEARCH), 1, "once our organization has nobody of it");
    }
    zitadel_was_sent(SEARCH, "queries.0.organizationIdQuery.organizationId", "an-organization", "in the organization");
    zitadel_was_sent(SEARCH, "queries.1.userNameQuery.userName", EMAIL, "by that name");
    zitadel_was_sent(SEARCH, "queries.1.userNameQuery.method", "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE",
                     "in capitals or not");
    peer_answers(&zitadel.peer, ZITADEL_USERS, 409, zitadel_error(6, "COMMAND-xyz"));
    is_status(create(at), CLOUDEP_ECONFLICT, "a uid that is a name as well");
    peer_answers(&zitadel.peer, SEARCH, 200, "{\"result\":[{\"userId\":\"other\"}]}");
    peer_forgets(&zitadel.peer);
    is_status(create(at), CLOUDEP_ECONFLICT, "a name that somebody in the organization has");
    is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 1, "is not got round");
    peer_answers(&zitadel.peer, SEARCH, 400, zitadel_error(ZITADEL_INVALID, "QUERY-x"));
    is_status(create(at), CLOUDEP_EPROVIDER, "a search that is refused");
    peer_forgets(&zitadel.peer);
    peer_answers_once(&zitadel.peer, ZITADEL_USERS, 409, zitadel_error(6, "COMMAND-xyz"));
    peer_answers(&zitadel.peer, ZITADEL_USERS, 201, "{}");
    is_status(create_as(at, &proved, &reason), APR_SUCCESS, "whoever has proved the address");
    is_int(peer_asked(&zitadel.peer, SEARCH), 0, "is hindered by nobody who has that name");
    zitadel_was_sent(ZITADEL_USERS, "username", ZITADEL_UID, "and is named otherwise");
    flow_end(at);
}

/* An answer that is lost: the user may be there, or may come yet. */
static void test_doubt(void)
{
    flow_case_t *at = flow_begin();

    zitadel_child_ends();
    zitadel_child(); /* no connection is kept, so that libcurl repeats nothing itself */
    peer_answers(&zitadel.peer, ZITADEL_USERS, 201, "{}");
    peer_answers_once(&zitadel.peer, ZITADEL_USERS, PEER_BREAKS, "");
    peer_forgets(&zitadel.peer);
    is_status(create(at), APR_SUCCESS, "a connection that breaks");
    is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 2, "is asked for the answer once more");
    for (int i = 0; i < 3; i++) {
        peer_answers(&zitadel.peer, ZITADEL_USERS, 502 + i, "");
        peer_forgets(&zitadel.peer);
        is_status(create(at), APR_INCOMPLETE, "something in between that gave up");
        is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 1, "is not asked again");
    }
    peer_answers(&zitadel.peer, ZITADEL_USERS, 500, "");
    is_status(create(at), CLOUDEP_EPROVIDER, "an error of ZITADEL's: nothing was done");
    flow.config.zitadel_timeout = 100;
    peer_answers(&zitadel.peer, ZITADEL_USERS, PEER_LATE + 201, "{}");
    is_status(create(at), APR_SUCCESS, "a creation, which hashes, may take longer than other calls");
    flow.config.zitadel_timeout = 5000;
    flow.config.zitadel_password_timeout = 300;
    peer_answers(&zitadel.peer, ZITADEL_USERS, PEER_SILENT, "");
    peer_forgets(&zitadel.peer);
    is_status(create(at), APR_INCOMPLETE, "no answer in time");
    ok(peer_asked(&zitadel.peer, ZITADEL_USERS) <= 1, "is not waited for twice");
    flow.config.zitadel_password_timeout = 12000;
    flow_end(at);
}

/* What could not be sent cannot have been done. */
static void test_no_connection(void)
{
    const char *url = flow.run.zitadel->url;
    flow_case_t *at = flow_begin();

    flow.run.zitadel->url = apr_psprintf(at->p, "http://127.0.0.1:%d", free_port());
    is_status(create(at), CLOUDEP_EPROVIDER, "a ZITADEL that nobody reaches");
    flow.run.zitadel->url = url;
    flow_end(at);
}

/* ---- password ---- */

static apr_status_t set_password(flow_case_t *at, int first, const char **reason)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);
    cloudep_idp_user_t user = ada;
    const char *phc;

    user.first_password = first;
    return zitadel.idp->set_password(&ctx, &user, FLOW_PASSWORD, &phc, reason);
}

static void test_password(void)
{
    char password[74] = "";
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);
    const char *reason = NULL, *phc;

    peer_answers(&zitadel.peer, SET_PASSWORD, 200, "{}");
    peer_answers(&zitadel.peer, UNLOCK, 200, "{}");
    peer_forgets(&zitadel.peer);
    is_status(set_password(at, 0, &reason), APR_SUCCESS, "a new password");
    zitadel_was_sent(SET_PASSWORD, "newPassword.password", FLOW_PASSWORD, "is sent");
    zitadel_was_sent(SET_PASSWORD, "newPassword.changeRequired", "false", "and stays");
    is_int(peer_asked(&zitadel.peer, UNLOCK), 1, "a lock is lifted");
    peer_answers(&zitadel.peer, UNLOCK, 400, zitadel_error(ZITADEL_PRECONDITION, "COMMAND-olb9vb0oca"));
    is_status(set_password(at, 0, &reason), APR_SUCCESS, "a user who is not locked");
    peer_answers(&zitadel.peer, UNLOCK, 400, zitadel_error(ZITADEL_PRECONDITION, "COMMAND-other"));
    is_status(set_password(at, 0, &reason), CLOUDEP_EPROVIDER, "a lock that stays");
    peer_answers(&zitadel.peer, UNLOCK, 503, "");
    is_status(set_password(at, 0, &reason), CLOUDEP_EPROVIDER, "a lock of which nobody knows");
    peer_answers(&zitadel.peer, UNLOCK, 200, "{}");
    memset(password, 'p', 73);
    peer_forgets(&zitadel.peer);
    is_status(zitadel.idp->set_password(&ctx, &ada, password, &phc, &reason), CLOUDEP_EREFUSED,
              "a password of 73 bytes");
    is_str(reason, "is longer than 72 bytes", "is refused in plain words");
    is_int(peer_asked(&zitadel.peer, SET_PASSWORD), 0, "before it is sent");
    flow_end(at);
}

/* A member who came by a social provider has no user there yet. */
static void test_first_password(void)
{
    static const char *const missing[] = {"QUERY-Dfbg2", "COMMAND-G8dh3"};
    flow_case_t *at = flow_begin();
    const char *reason = NULL;

    for (int i = 0; i < 2; i++) {
        peer_answers(&zitadel.peer, SET_PASSWORD, i ? 400 : 404, zitadel_error(ZITADEL_NOT_FOUND, missing[i]));
        peer_answers(&zitadel.peer, ZITADEL_USERS, 201, "{}");
        peer_answers(&zitadel.peer, PATCH, 200, "{}");
        peer_forgets(&zitadel.peer);
        is_status(set_password(at, 0, &reason), CLOUDEP_EPROVIDER, "a user who ought to be there and is not");
        is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 0, "is not made");
        is_status(set_password(at, 1, &reason), APR_SUCCESS, "a first password");
        is_int(peer_asked(&zitadel.peer, ZITADEL_USERS), 1, "makes the user");
        ok(zitadel_is_asked(PATCH, 1), "whose address is verified");
    }
    peer_answers(&zitadel.peer, ZITADEL_USERS, 409, zitadel_error(6, "COMMAND-xyz"));
    peer_answers(&zitadel.peer, SEARCH, 200, "{\"result\":[{}]}");
    is_status(set_password(at, 1, &reason), CLOUDEP_EPROVIDER, "a name that is taken is no fault of the member's");
    peer_answers(&zitadel.peer, ZITADEL_USERS, 503, "");
    is_status(set_password(at, 1, &reason), CLOUDEP_EPROVIDER, "nor is doubt");
    peer_answers(&zitadel.peer, ZITADEL_USERS, 400, zitadel_error(ZITADEL_INVALID, "COMMA-HuJf6"));
    is_status(set_password(at, 1, &reason), CLOUDEP_EREFUSED, "a first password that is refused");
    is_str(reason, "is too short", "says why");
    flow_end(at);
}

/* ---- address ---- */

static void test_mark(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);

    peer_answers(&zitadel.peer, PATCH, 200, "{}");
    peer_forgets(&zitadel.peer);
    is_status(zitadel_mark_verified(&ctx, ZITADEL_UID, EMAIL, 0), APR_SUCCESS, "an address that is verified");
    is_int(peer_asked(&zitadel.peer, PUT), 0, "is told once");
    for (int i = 0; i < 3; i++) {
        static const int statuses[] = {404, 405, 501};

        peer_answers(&zitadel.peer, PATCH, statuses[i], "{\"code\":12}");
        peer_answers(&zitadel.peer, PUT, 200, "{}");
        is_status(zitadel_mark_verified(&ctx, ZITADEL_UID, EMAIL, 0), APR_SUCCESS, "before version 4");
        is_int(peer_asked(&zitadel.peer, PUT), i + 1, "it is another route");
        zitadel_was_sent(PUT, "email.email", EMAIL, "with the address");
        zitadel_was_sent(PUT, "email.isVerified", "true", "as a verified one");
    }
    peer_forgets(&zitadel.peer);
    peer_answers(&zitadel.peer, PATCH, 404, zitadel_error(ZITADEL_NOT_FOUND, "COMMAND-ugjs0upun6"));
    is_status(zitadel_mark_verified(&ctx, ZITADEL_UID, EMAIL, 0), APR_NOTFOUND, "a user who is not there");
    peer_answers(&zitadel.peer, PATCH, 500, "");
    is_status(zitadel_mark_verified(&ctx, ZITADEL_UID, EMAIL, 0), CLOUDEP_EPROVIDER, "a ZITADEL that fails");
    peer_answers(&zitadel.peer, PATCH, 400, zitadel_error(ZITADEL_INVALID, "EMAIL-x"));
    is_status(zitadel_mark_verified(&ctx, ZITADEL_UID, EMAIL, 0), CLOUDEP_EPROVIDER, "an address that it refuses");
    is_int(peer_asked(&zitadel.peer, PUT), 0, "none of these is asked another way");
    flow_end(at);
}

static apr_status_t change_email(flow_case_t *at, int first)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);
    cloudep_idp_user_t user = ada;

    user.first_password = first;
    return zitadel.idp->change_email(&ctx, &user);
}

static void test_change_email(void)
{
    flow_case_t *at = flow_begin();

    peer_answers(&zitadel.peer, PATCH, 200, "{}");
    is_status(change_email(at, 0), APR_SUCCESS, "another address");
    zitadel_was_sent(PATCH, "human.email.email", EMAIL, "is set");
    zitadel_was_sent(PATCH, "human.email.isVerified", "true", "as a verified one");
    zitadel_was_sent(PATCH, "username", EMAIL, "and is the user's name");
    peer_answers_once(&zitadel.peer, PATCH, 409, zitadel_error(6, "COMMAND-xyz"));
    is_status(change_email(at, 0), APR_SUCCESS, "one that another user has as name");
    zitadel_was_sent(PATCH, "username", ZITADEL_UID, "is not the user's name");
    zitadel_was_sent(PATCH, "human.email.email", EMAIL, "but the address");
    peer_answers(&zitadel.peer, PATCH, 404, zitadel_error(ZITADEL_NOT_FOUND, "COMMAND-ugjs0upun6"));
    is_status(change_email(at, 0), CLOUDEP_EPROVIDER, "a user who ought to be there and is not");
    is_status(change_email(at, 1), APR_SUCCESS, "one who has no password needs no user");
    peer_answers(&zitadel.peer, PATCH, 409, zitadel_error(6, "COMMAND-xyz"));
    is_status(change_email(at, 1), CLOUDEP_EPROVIDER, "a name that is taken twice over");
    flow_end(at);
}

/* ---- removal ---- */

static apr_status_t removal(flow_case_t *at)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);

    return zitadel.idp->remove(&ctx, &ada);
}

static void test_remove(void)
{
    flow_case_t *at = flow_begin();

    peer_forgets(&zitadel.peer);
    peer_answers(&zitadel.peer, REMOVE, 200, "{}");
    is_status(removal(at), APR_SUCCESS, "a user who is removed");
    peer_answers(&zitadel.peer, REMOVE, 404, zitadel_error(ZITADEL_NOT_FOUND, "COMMAND-m9od"));
    is_status(removal(at), APR_SUCCESS, "one who is gone already");
    peer_answers(&zitadel.peer, REMOVE, 200, "<html>");
    is_status(removal(at), CLOUDEP_EPROVIDER, "a success that is not ZITADEL's");
    peer_answers(&zitadel.peer, REMOVE, 404, "{}");
    is_status(removal(at), CLOUDEP_EPROVIDER, "a route that is not there");
    peer_answers(&zitadel.peer, REMOVE, 404, zitadel_error(ZITADEL_NOT_FOUND, "AUTH-7fs1e"));
    is_status(removal(at), CLOUDEP_EPROVIDER, "an organization that our account is not in");
    peer_answers(&zitadel.peer, REMOVE, 400, zitadel_error(ZITADEL_PRECONDITION, "COMMAND-x"));
    is_status(removal(at), CLOUDEP_EPROVIDER, "a removal that is refused");
    peer_answers(&zitadel.peer, REMOVE, 401, zitadel_error(16, "AUTH-7fs1e"));
    is_status(removal(at), CLOUDEP_EPROVIDER, "a token that is refused");
    is_int(peer_asked(&zitadel.peer, DEACTIVATE), 0, "none of these deactivates anybody");
    is_int(peer_asked(&zitadel.peer, REMOVE), 7, "and a personal access token is not tried twice");
    flow_end(at);
}

/* Without the permission to delete, a user can still be kept out. */
static void test_deactivate(void)
{
    flow_case_t *at = flow_begin();

    (void)flow_logged("");
    peer_answers(&zitadel.peer, REMOVE, 403, zitadel_error(7, "AUTHZ-cdgFk"));
    peer_answers(&zitadel.peer, DEACTIVATE, 200, "{}");
    is_status(removal(at), APR_SUCCESS, "a user whom our account may not delete");
    ok(flow_logged("our service account may not delete users (role IAM_USER_MANAGER): " ZITADEL_UID
                   " is only deactivated"),
       "is deactivated, which the log says");
    peer_answers(&zitadel.peer, DEACTIVATE, 400, zitadel_error(ZITADEL_PRECONDITION, "COMMAND-5gunjw0cd7"));
    is_status(removal(at), APR_SUCCESS, "one who is deactivated already");
    peer_answers(&zitadel.peer, DEACTIVATE, 404, zitadel_error(ZITADEL_NOT_FOUND, "COMMAND-ugjs0upun6"));
    is_status(removal(at), APR_SUCCESS, "one who is gone");
    peer_answers(&zitadel.peer, DEACTIVATE, 400, zitadel_error(ZITADEL_PRECONDITION, "COMMAND-x"));
    is_status(removal(at), CLOUDEP_EPROVIDER, "one who stays active");
    peer_answers(&zitadel.peer, DEACTIVATE, 403, zitadel_error(7, "AUTHZ-cdgFk"));
    is_status(removal(at), CLOUDEP_EPROVIDER, "one who may not even be deactivated");
    flow_end(at);
}

int main(void)
{
    zitadel_begin();
    zitadel_child_ends();
    flow.config.zitadel_failures = 1000;
    zitadel_child();
    test_create();
    test_name();
    test_kept();
    test_organization();
    test_refusals();
    test_taken();
    test_doubt();
    test_no_connection();
    test_password();
    test_first_password();
    test_mark();
    test_change_email();
    test_remove();
    test_deactivate();
    zitadel_child_ends();
    folder_remove();
    return done_testing();
}
