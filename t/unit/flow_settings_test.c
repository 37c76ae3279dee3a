/*
 * flow_settings_test.c - directives that a deployment rarely sets, each with another value than its default: how long
 * wrong passwords make wait and are remembered, and what a hash costs.
 */
#include "flow.h"
#include "core/needs.h"
#include "outbox/message.h"
#include "service/notice.h"

#define SLUG "set"
#define EMAIL "a@set.test"
#define ELSEWHERE "198.51.100.7" /* a network that the member is not known at */

static void wrong_password(const char *network)
{
    flow_case_t *at = flow_begin();
    cloudep_login_result_t result;

    at->ctx->address = at->ctx->network = network;
    is_outcome(flow_login(at, SLUG, EMAIL, "not the password of anybody", &result), CLOUDEP_CREDENTIALS_WRONG,
               apr_psprintf(at->p, "a wrong password from %s", network));
    flow_end(at);
}

/* As if the last failures had been so many seconds ago, and their waits were over. */
static void later(const char *seconds)
{
    postgres_sql(apr_pstrcat(flow.pool,
                             "UPDATE cloudep.budgets SET blocked_until = now() - interval '1 second', last_at ="
                             " now() - interval '",
                             seconds, " seconds'", NULL));
}

/* Failures and seconds of the wait of the rows of a kind at a network. */
static void is_row(const char *kind, const char *network, const char *want, const char *name)
{
    is_value(want, name,
             "SELECT failures || ' ' || greatest(round(extract(epoch FROM blocked_until - last_at)), 0)"
             " FROM cloudep.budgets WHERE kind = $1 AND network = $2",
             kind, network);
}

static void test_waits(void)
{
    flow.config.unknown_guesses = flow.config.known_guesses = 1;
    flow.config.guess_wait = 100;
    flow.config.unknown_longest_wait = 150;
    flow.config.known_longest_wait = 120;
    flow.config.guess_memory = 1000;
    wrong_password(ELSEWHERE);
    is_row("password", "", "1 100", "CloudEPGuessWait is the first wait");
    later("900");
    wrong_password(ELSEWHERE);
    is_row("password", "", "2 150", "CloudEPUnknownLongestWait the longest of strangers");
    later("1001");
    wrong_password(ELSEWHERE);
    is_row("password", "", "1 100", "after CloudEPGuessMemory counting starts again");
    wrong_password("192.0.2.1");
    later("900");
    wrong_password("192.0.2.1");
    is_row("password", "192.0.2.1", "2 120", "CloudEPKnownLongestWait is the longest at a known network");
    postgres_sql("DELETE FROM cloudep.budgets");
}

static void test_network_memory(void)
{
    flow.config.unknown_guesses = 1000;
    flow.config.address_attempts = 100;
    flow.config.address_memory = 500;
    wrong_password(ELSEWHERE);
    later("400");
    wrong_password(ELSEWHERE);
    is_row("network", ELSEWHERE, "2 0", "a network's failures count on within CloudEPAddressMemory");
    later("501");
    wrong_password(ELSEWHERE);
    is_row("network", ELSEWHERE, "1 0", "and start again after it");
}

static void test_network_waits(void)
{
    postgres_sql("DELETE FROM cloudep.budgets");
    flow.config.address_attempts = 1;
    flow.config.address_wait = 100;
    flow.config.address_longest_wait = 150;
    flow.config.address_memory = 1000;
    wrong_password(ELSEWHERE);
    is_row("network", ELSEWHERE, "1 100", "CloudEPAddressWait is a network's first wait");
    later("900");
    wrong_password(ELSEWHERE);
    is_row("network", ELSEWHERE, "2 150", "CloudEPAddressLongestWait its longest");
}

static void test_lanes(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;

    flow.config.password_lanes = 2;
    flow_member(at, SLUG, "b@set.test", &session);
    is_value("true", "a hash has CloudEPPasswordLanes",
             "SELECT (phc LIKE '$argon2id$%,p=2$%')::text FROM cloudep.credentials WHERE uid = $1::uuid", session->uid);
    flow_end(at);
}

/* Where nothing can be mailed the change itself goes on. */
static void test_without_mail(void)
{
    static const unsigned lacking[] = {CLOUDEP_NEEDS_MAIL, CLOUDEP_NEEDS_SEALING};
    const cloudep_tenant_t tenant = {.id = "00000000-0000-4000-8000-000000000000", .name = "Set"};
    const cloudep_member_t member = {.uid = "00000000-0000-4000-8000-000000000001", .email = EMAIL};
    flow_case_t *at = flow_begin();
    const cloudep_message_t *message;

    is_outcome(cloudep_notice_new(at->ctx, &message, &tenant, &member, "password_changed", 0), CLOUDEP_DONE,
               "a notice");
    ok(message->channel != NULL, "is written");
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
        flow.config.off = lacking[i];
        is_outcome(cloudep_notice_new(at->ctx, &message, &tenant, &member, "password_changed", 0), CLOUDEP_DONE,
                   i ? "without sealing keys" : "without mail");
        ok(!message->channel, "there is none");
    }
    flow.config.off = 0;
    flow_end(at);
}

int main(void)
{
    flow_case_t *at;
    const cloudep_session_t *session;

    flow_start();
    flow_tenant(SLUG);
    at = flow_begin();
    flow_member(at, SLUG, EMAIL, &session);
    test_waits();
    test_network_memory();
    test_network_waits();
    test_lanes();
    test_without_mail();
    flow_end(at);
    return done_testing();
}
