/*
 * config_test.c - directives by the table that httpd has them from: what is stored, what is refused, what a virtual
 * host inherits, and what is the default. httpd's own functions, which read "15min" and find ServerRoot, are not
 * linked.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

#include "core/config.h"
#include "core/module.h"
#include "tap.h"

module AP_MODULE_DECLARE_DATA cloudep_module;

/* As httpd's: a number and a unit, or that of the caller. */
AP_DECLARE(apr_status_t)
ap_timeout_parameter_parse(const char *text, apr_interval_time_t *timeout, const char *usual)
{
    static const struct {
        const char *name;
        apr_interval_time_t unit;
    } units[] = {{"ms", 1000}, {"s", APR_USEC_PER_SEC}, {"min", 60 * APR_USEC_PER_SEC}, {"h", 3600 * APR_USEC_PER_SEC}};
    char *end;
    const apr_int64_t number = apr_strtoi64(text, &end, 10);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!strcmp(*end ? end : usual, units[i].name)) {
            *timeout = number * units[i].unit;
            return APR_SUCCESS;
        }
    }
    return APR_EGENERAL;
}

AP_DECLARE(char *) ap_server_root_relative(apr_pool_t *pool, const char *file)
{
    return !strcmp(file, "//") ? NULL : apr_pstrcat(pool, *file == '/' ? "" : "/root/", file, NULL);
}

static const command_rec commands[] = {CLOUDEP_SERVER_COMMANDS{NULL}};

static apr_pool_t *p;

/* A server and its settings. */
typedef struct host_t {
    server_rec server;
    cloudep_config_t *config;
    void *configs[1];
} host_t;

static host_t *host(void)
{
    host_t *made = apr_pcalloc(p, sizeof(*made));

    made->config = made->configs[0] = cloudep_config_create(p, &made->server);
    made->server.module_config = (ap_conf_vector_t *)made->configs;
    return made;
}

static const command_rec *command_of(const char *name)
{
    const command_rec *command = commands;

    while (command->name && strcmp(command->name, name) != 0) {
        command++;
    }
    if (!command->name) {
        printf("Bail out! no directive %s\n", name);
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
    return command;
}

/* A line of a configuration; what is wrong with it, "": nothing. */
static const char *set_words(host_t *at, const char *name, int count, const char *const *words)
{
    const command_rec *command = command_of(name);
    cmd_parms parms = {.pool = p, .server = &at->server, .cmd = command, .info = command->cmd_data};
    const char *wrong = NULL;

    switch (command->args_how) {
    case FLAG:
        wrong = command->AP_FLAG(&parms, NULL, !strcmp(words[0], "On"));
        break;
    case TAKE_ARGV:
        wrong = command->AP_TAKE_ARGV(&parms, NULL, count, (char *const *)(intptr_t)words);
        break;
    case RAW_ARGS:
        wrong = command->AP_RAW_ARGS(&parms, NULL, words[0]);
        break;
    default:
        for (int i = 0; i < count && !wrong; i++) {
            wrong = command->AP_TAKE1(&parms, NULL, words[i]);
        }
    }
    return wrong ? wrong : "";
}

#define WORDS(...)                                                                                                     \
    (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), ((const char *const[]){__VA_ARGS__})

static const char *set(host_t *at, const char *name, const char *value)
{
    return set_words(at, name, WORDS(value));
}

/* ---- Numbers ------------------------------------------------------------------------------------------------------
 */

static void test_bounds(void)
{
    static const char *const refused[] = {"-1", "0", "1001", "99999999999999999999", "4294967297"};
    static const char *const strange[] = {"", "ten", "10x", "10 ", "0x10", "1.5"};
    host_t *at = host();

    is_str(set(at, "CloudEPDatabaseConnections", "1"), "", "the lowest number is taken");
    is_int(at->config->database_connections, 1, "and stored");
    is_str(set(at, "CloudEPDatabaseConnections", "1000"), "", "the highest is taken");
    is_int(at->config->database_connections, 1000, "and stored, in place of that before");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        is_str(set(at, "CloudEPDatabaseConnections", refused[i]),
               "CloudEPDatabaseConnections must be between 1 and 1000",
               apr_pstrcat(p, "out of its bounds: ", refused[i], NULL));
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        is_str(set(at, "CloudEPDatabaseConnections", strange[i]), "CloudEPDatabaseConnections must be a whole number",
               apr_pstrcat(p, "no number: \"", strange[i], "\"", NULL));
    }
    is_int(at->config->database_connections, 1000, "what is refused is not stored");
}

static void test_days(void)
{
    host_t *at = host();

    is_str(set(at, "CloudEPSessionLifetime", "30d"), "", "days are taken");
    is_int(at->config->session_lifetime, 30 * 86400, "as seconds");
    is_str(set(at, "CloudEPSessionLifetime", "2D"), "", "in capitals, too");
    is_int(at->config->session_lifetime, 2 * 86400, "as seconds");
    is_str(set(at, "CloudEPSessionLifetime", "3660d"), "", "as many as the highest number of seconds");
    is_str(set(at, "CloudEPSessionLifetime", "3661d"),
           "CloudEPSessionLifetime must be between 60 and 316224000 seconds", "but no day more");
    is_str(set(at, "CloudEPSessionLifetime", "0d"), "CloudEPSessionLifetime must be between 60 and 316224000 seconds",
           "and not none");
    is_str(set(at, "CloudEPSessionLifetime", "-1d"), "CloudEPSessionLifetime must be between 60 and 316224000 seconds",
           "nor less");
    is_str(set(at, "CloudEPSessionLifetime", "106751991167301d"), "too many days", "more seconds than numbers have");
    is_str(set(at, "CloudEPSessionLifetime", "d"),
           "CloudEPSessionLifetime must be a time such as 90, 15min, 24h or 30d", "a unit alone is no time");
    is_int(at->config->session_lifetime, 3660 * 86400, "what is refused is not stored");
}

static void test_times(void)
{
    static const char range[] = "CloudEPCodeLifetime must be between 30 and 3600 seconds";
    static const char form[] = "CloudEPCodeLifetime must be a time such as 90, 15min, 24h or 30d";
    host_t *at = host();

    is_str(set(at, "CloudEPCodeLifetime", "90"), "", "a number is one of seconds");
    is_int(at->config->code_lifetime, 90, "and stored as those");
    is_str(set(at, "CloudEPCodeLifetime", "15min"), "", "minutes are taken");
    is_int(at->config->code_lifetime, 900, "as seconds");
    is_str(set(at, "CloudEPCodeLifetime", "1h"), "", "an hour, the most");
    is_int(at->config->code_lifetime, 3600, "as seconds");
    is_str(set(at, "CloudEPCodeLifetime", "2h"), range, "two are too many");
    is_str(set(at, "CloudEPCodeLifetime", "29"), range, "less than the least is refused");
    is_str(set(at, "CloudEPCodeLifetime", "15m"), form, "a unit that there is not");
    is_str(set(at, "CloudEPCodeLifetime", "s"), form, "a unit alone");
    is_str(set(at, "CloudEPCodeLifetime", ""), form, "nothing");
    is_int(at->config->code_lifetime, 3600, "what is refused is not stored");
}

static void test_files(void)
{
    host_t *at = host();

    is_str(set(at, "CloudEPCAFile", "conf/ca.pem"), "", "a file is taken");
    is_str(at->config->ca_file, "/root/conf/ca.pem", "below ServerRoot");
    is_str(set(at, "CloudEPCAFile", "/etc/ca.pem"), "", "an absolute one");
    is_str(at->config->ca_file, "/etc/ca.pem", "as it is");
    is_str(set(at, "CloudEPCAFile", "//"), "CloudEPCAFile: not a path: //", "what is no path is refused");
    is_str(at->config->ca_file, "/etc/ca.pem", "and not stored");
}

/* ---- Flags, texts, lists ------------------------------------------------------------------------------------------
 */

static void test_texts(void)
{
    host_t *at = host();

    is_str(set(at, "CloudEPAudience", "a b"), "", "a text is taken");
    is_str(at->config->audience, "a b", "and stored");
    is_str(set(at, "CloudEPAudience", ""), "CloudEPAudience must not be empty", "one that is empty is refused");
    is_str(at->config->audience, "a b", "and not stored");
    is_str(set(at, "CloudEPExchangeSingleUse", "Off"), "", "a flag is taken");
    is_int(at->config->exchange_single_use, 0, "Off is 0");
    is_str(set(at, "CloudEPExchangeSingleUse", "On"), "", "and again");
    is_int(at->config->exchange_single_use, 1, "On is 1");
}

static void test_lists(void)
{
    host_t *at = host();

    is_str(set_words(at, "CloudEPMemcacheServer", WORDS("a:1", "b:2")), "", "a list is taken");
    is_str(set(at, "CloudEPMemcacheServer", "c:3"), "", "and another one");
    is_int(at->config->memcache_servers->nelts, 3, "all of it is stored");
    is_str(apr_array_pstrcat(p, at->config->memcache_servers, ' '), "a:1 b:2 c:3", "in its order");
}

static void test_rows(void)
{
    host_t *at = host();
    char first[] = "google";
    const char *words[33] = {first, "https://idp.test", "client", "none"};
    const char **row;

    for (int i = 4; i < 33; i++) {
        words[i] = "more=1";
    }
    is_str(set_words(at, "CloudEPSocialProvider", 3, words), "CloudEPSocialProvider takes 4 to 32 words",
           "a row of too few words is refused");
    is_str(set_words(at, "CloudEPSocialProvider", 33, words), "CloudEPSocialProvider takes 4 to 32 words",
           "as is one of too many");
    ok(!at->config->social_providers, "and not stored");
    is_str(set_words(at, "CloudEPSocialProvider", 4, words), "", "the fewest are taken");
    is_str(set_words(at, "CloudEPSocialProvider", 32, words), "", "and the most");
    is_int(at->config->social_providers->nelts, 2, "each is a row");
    *first = 'x';
    row = APR_ARRAY_IDX(at->config->social_providers, 0, const char **);
    is_str(row[0], "google", "with words of its own");
    is_str(row[3], "none", "all of them");
    ok(!row[4], "and an end");
}

static void test_renamed(void)
{
    is_str(set(host(), "CloudEPStepUp", "5min"),
           "CloudEPStepUp is called CloudEPFreshness now: see doc/upgrading.md for what has changed with the name",
           "a name of before is told with the present one");
}

/* ---- Defaults and virtual hosts -----------------------------------------------------------------------------------
 */

static int is_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* How many settings differ from what is expected of their kind. */
static int count_other(const cloudep_config_t *config, int defaults)
{
    int other = 0;

#define OTHER_INT(member, directive, value, ...) other += config->member != (defaults ? (value) : CLOUDEP_UNSET);
#define OTHER_TEXT(member, directive, value, ...) other += !is_same(config->member, defaults ? (value) : NULL);
#define OTHER_POINTER(member, ...) other += config->member != NULL;
    CLOUDEP_SETTINGS(OTHER_INT, OTHER_INT, OTHER_INT, OTHER_TEXT, OTHER_POINTER, OTHER_POINTER, OTHER_POINTER)
    return other;
}

static void test_defaults(void)
{
    host_t *at = host();

    is_int(count_other(at->config, 0), 0, "at first nothing is set");
    cloudep_config_settle(at->config);
    is_int(count_other(at->config, 1), 0, "each setting gets its default");
    ok(!at->config->is_set, "and is known not to have been set");
    at = host();
    (void)set(at, "CloudEPExchangeSingleUse", "Off");
    cloudep_config_settle(at->config);
    is_int(at->config->exchange_single_use, 0, "what was set stays, 0 as well");
    ok(at->config->is_set, "and is known to have been set");
    at = host();
    (void)set(at, "CloudEPAudience", "b");
    cloudep_config_settle(at->config);
    is_str(at->config->audience, "b", "a text stays");
    ok(at->config->is_set, "and counts as set");
    at = host();
    (void)set_words(at, "CloudEPMemcacheServer", WORDS("a:1"));
    cloudep_config_settle(at->config);
    ok(at->config->is_set, "as does a list");
}

static void test_inherited(void)
{
    host_t *base = host(), *add = host();
    const cloudep_config_t *merged;

    (void)set(base, "CloudEPDatabaseConnections", "7");
    (void)set(base, "CloudEPDatabaseWait", "70");
    (void)set(base, "CloudEPExchangeSingleUse", "On");
    (void)set(base, "CloudEPAudience", "base");
    (void)set(base, "CloudEPIssuer", "https://base.test");
    (void)set_words(base, "CloudEPMemcacheServer", WORDS("a:1", "b:2"));
    (void)set_words(base, "CloudEPTLSProxy", WORDS("10.0.0.1"));
    (void)set(add, "CloudEPDatabaseConnections", "9");
    (void)set(add, "CloudEPExchangeSingleUse", "Off");
    (void)set(add, "CloudEPAudience", "add");
    (void)set_words(add, "CloudEPMemcacheServer", WORDS("c:3"));
    merged = cloudep_config_merge(p, base->config, add->config);
    is_int(merged->database_connections, 9, "a virtual host's number goes before its server's");
    is_int(merged->exchange_single_use, 0, "as does its Off before On");
    is_str(merged->audience, "add", "its text");
    is_str(apr_array_pstrcat(p, merged->memcache_servers, ' '), "c:3", "and its list, alone");
    is_int(merged->database_wait, 70, "what it does not set is its server's: a number");
    is_str(merged->issuer, "https://base.test", "a text");
    ok(merged->tls_proxies == base->config->tls_proxies, "a list");
    is_int(merged->database, CLOUDEP_UNSET, "what neither sets stays unset");
    is_int(base->config->database_connections, 7, "the server keeps its own");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_bounds();
    test_days();
    test_times();
    test_files();
    test_texts();
    test_lists();
    test_rows();
    test_renamed();
    test_defaults();
    test_inherited();
    return done_testing();
}
