/*
 * flow_password_rules_test.c - what no password may be, in each of the flows that set one: whoever's email, name or
 * tenant it is, what is known from a breach, what is too short. All of them would be good enough otherwise.
 */
#include <apr_file_io.h>
#include <openssl/evp.h>

#include "base/crypto/breached.h"
#include "base/crypto/link_token.h"
#include "base/store/link_store.h"
#include "flow.h"
#include "flow/password_change.h"
#include "flow/password_reset.h"

#define SLUG "wvqxzjkptr"
#define LOCAL "qzjxkvwpth"
#define NAME "Jxqvkz Wzpqxv"
#define LEAKED "kwpzqjxvthd"
#define GOOD "vjqkzxwp" /* no longer than it must be */
#define EMAIL(flow) LOCAL "@" flow ".test"

/* One flow on its way to a password. */
typedef struct setter_t {
    const char *flow;
    const char *email;
    apr_size_t field;
    cloudep_outcome_t (*set)(flow_case_t *at, const struct setter_t *setter, const char *password);
    int has_name; /* whether the flow knows the member's name */
    cloudep_principal_t who;
    const char *key; /* a challenge or a token */
    const char *code;
} setter_t;

static cloudep_outcome_t by_registration(flow_case_t *at, const setter_t *setter, const char *password)
{
    const cloudep_registration_t in = {.tenant_slug = SLUG,
                                       .invite_code = "open",
                                       .email = setter->email,
                                       .password = password,
                                       .display_name = NAME,
                                       .terms_version = "1"};
    cloudep_challenge_answer_t answer;

    return cloudep_register(at->ctx, &in, &answer);
}

static cloudep_outcome_t by_resumption(flow_case_t *at, const setter_t *setter, const char *password)
{
    const cloudep_resume_t in = {.tenant_slug = SLUG, .email = setter->email, .password = password};
    cloudep_challenge_answer_t answer;

    return cloudep_resume_registration(at->ctx, &in, &answer);
}

static cloudep_outcome_t by_reset(flow_case_t *at, const setter_t *setter, const char *password)
{
    const cloudep_reset_t in = {
        .tenant_slug = SLUG, .challenge_id = setter->key, .code = setter->code, .new_password = password};

    return cloudep_reset_password(at->ctx, &in);
}

static cloudep_outcome_t by_link(flow_case_t *at, const setter_t *setter, const char *password)
{
    return cloudep_reset_by_link(at->ctx, &(cloudep_link_reset_t){.token = setter->key, .new_password = password});
}

static cloudep_outcome_t by_change(flow_case_t *at, const setter_t *setter, const char *password)
{
    const cloudep_own_password_t in = {.current_password = FLOW_PASSWORD, .new_password = password};

    return cloudep_change_own_password(at->ctx, &setter->who, &in);
}

static void refuses(flow_case_t *at, const setter_t *setter, const char *password, const char *rule, const char *what)
{
    is_invalid(setter->set(at, setter, password), setter->field, rule,
               apr_psprintf(at->p, "%s: %s is refused", setter->flow, what));
}

static void check(flow_case_t *at, const setter_t *setter)
{
    refuses(at, setter, setter->email, CLOUDEP_RULE_PASSWORD, "one's own email");
    refuses(at, setter, LOCAL, CLOUDEP_RULE_PASSWORD, "its part before the @");
    refuses(at, setter, SLUG, CLOUDEP_RULE_PASSWORD, "the tenant's name");
    refuses(at, setter, LEAKED, CLOUDEP_RULE_PASSWORD, "what is known from a breach");
    refuses(at, setter, "qzjxkvw", CLOUDEP_RULE_LENGTH, "what is too short");
    refuses(at, setter, "qzjxkve\xcc\x81", CLOUDEP_RULE_LENGTH, "what is too short once it is composed");
    if (setter->has_name) {
        refuses(at, setter, NAME, CLOUDEP_RULE_PASSWORD, "one's own name");
    }
    is_outcome(setter->set(at, setter, GOOD), CLOUDEP_DONE,
               apr_psprintf(at->p, "%s: what belongs to nobody is good", setter->flow));
}

/* A member of that name. */
static cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    free(postgres_value("UPDATE cloudep.members SET display_name = '" NAME "' WHERE uid = $1::uuid", session->uid,
                        NULL));
    return (cloudep_principal_t){.tenant_id = session->tenant_id, .uid = session->uid, .session_id = session->id};
}

static void test_registration(void)
{
    flow_case_t *at = flow_begin();
    setter_t setter = {.flow = "registration",
                       .email = EMAIL("registration"),
                       .field = offsetof(cloudep_registration_t, password),
                       .set = by_registration,
                       .has_name = 1};

    check(at, &setter);
    setter.flow = "resumption";
    setter.field = offsetof(cloudep_resume_t, password);
    setter.set = by_resumption;
    setter.has_name = 0;
    check(at, &setter);
    flow_end(at);
}

static void test_reset(void)
{
    flow_case_t *at = flow_begin();
    setter_t setter = {.flow = "reset",
                       .email = EMAIL("reset"),
                       .field = offsetof(cloudep_reset_t, new_password),
                       .set = by_reset,
                       .has_name = 1};
    const cloudep_forgot_t in = {.tenant_slug = SLUG, .email = setter.email};
    cloudep_forgot_result_t challenge;

    (void)member(at, setter.email);
    if (cloudep_failed(cloudep_forgot_password(at->ctx, &in, &challenge))) {
        flow_bail_out("no code");
    }
    setter.key = challenge.challenge_id;
    setter.code = flow_code(at, setter.email, "password_reset");
    check(at, &setter);
    flow_end(at);
}

static void test_link(void)
{
    flow_case_t *at = flow_begin();
    setter_t setter = {.flow = "link",
                       .email = EMAIL("link"),
                       .field = offsetof(cloudep_link_reset_t, new_password),
                       .set = by_link,
                       .has_name = 1,
                       .who = member(at, EMAIL("link"))};
    cloudep_link_token_t token;
    cloudep_link_t link = {.kind = CLOUDEP_LINK_RESET, .tenant_id = setter.who.tenant_id, .uid = setter.who.uid};

    flow_must(cloudep_link_token_make(&token, at->p, link.tenant_id), "a token");
    link.digest = token.digest;
    flow_must(cloudep_link_add(flow.run.db, at->p, &link), "a link");
    setter.key = token.text;
    check(at, &setter);
    flow_end(at);
}

static void test_change(void)
{
    flow_case_t *at = flow_begin();
    const setter_t setter = {.flow = "change",
                             .email = EMAIL("change"),
                             .field = offsetof(cloudep_own_password_t, new_password),
                             .set = by_change,
                             .has_name = 1,
                             .who = member(at, EMAIL("change"))};

    check(at, &setter);
    flow_end(at);
}

/* The file of breached passwords, with one. */
static void breach(void)
{
    const char *list = apr_pstrcat(flow.pool, postgres.dir, "/breached.txt", NULL);
    const char *path = apr_pstrcat(flow.pool, postgres.dir, "/breached", NULL);
    apr_array_header_t *sources = apr_array_make(flow.pool, 1, sizeof(const char *));
    unsigned char hash[EVP_MAX_MD_SIZE];
    const char *error = NULL;
    apr_file_t *file;

    flow_must(EVP_Digest(LEAKED, strlen(LEAKED), hash, NULL, EVP_sha1(), NULL) == 1 ? APR_SUCCESS : APR_EGENERAL,
              "SHA-1");
    flow_must(apr_file_open(&file, list, APR_FOPEN_WRITE | APR_FOPEN_CREATE, APR_FPROT_OS_DEFAULT, flow.pool),
              "the list");
    for (int i = 0; i < 20; i++) {
        (void)apr_file_printf(file, "%02x", hash[i]);
    }
    flow_must(apr_file_close(file), "the list");
    APR_ARRAY_PUSH(sources, const char *) = list;
    flow_must(cloudep_breached_import(flow.pool, path, sources, 1, &error), error ? error : "the import");
    flow_must(cloudep_breached_open(&flow.run.breached, flow.pool, path, &error), error ? error : "the file");
}

int main(void)
{
    flow_start();
    breach();
    flow_tenant(SLUG);
    test_registration();
    test_reset();
    test_link();
    test_change();
    return done_testing();
}
