/*
 * flow_outbox_test.c - rounds of the delivery: what is leased, tried, put off, given up and handed back, with mails
 * that go to a folder. What a mail server or gateway answers is for t/auth/mail.t and t/member/sms.t.
 */
#include <apr_file_io.h>
#include <apr_lib.h>
#include <httpd.h>

#include "flow.h"
#include "base/crypto/link_token.h"
#include "base/store/link_store.h"
#include "base/text/json.h"
#include "core/module.h"
#include "outbox/message.h"
#include "outbox/outbox.h"
#include "outbox/outbox_private.h"
#include "outbox/request.h"

#define SLUG "outbox"
#define BATCH 16

/* What the ways to mail servers and gateways ask httpd for; none is gone here. */
AP_DECLARE(ap_regex_t *) ap_pregcomp(apr_pool_t *p, const char *pattern, int flags)
{
    (void)p;
    (void)pattern;
    (void)flags;
    return NULL;
}

AP_DECLARE(int)
ap_regexec(const ap_regex_t *preg, const char *string, apr_size_t nmatch, ap_regmatch_t *pmatch, int flags)
{
    (void)preg;
    (void)string;
    (void)nmatch;
    (void)pmatch;
    (void)flags;
    return AP_REG_NOMATCH;
}

AP_DECLARE(void) ap_str_tolower(char *s)
{
    for (; *s; s++) {
        *s = (char)apr_tolower(*s);
    }
}

AP_DECLARE(char *) ap_strcasestr(const char *s1, const char *s2)
{
    (void)s1;
    (void)s2;
    return NULL;
}

static const char *folder; /* where mails go */
static const char *tenant_id, *uid;
static int readable; /* mails that others may read */
static cloudep_worker_t worker;
static apr_uint32_t stop;
static server_rec server;

static void make_folder(void)
{
    flow_must(apr_dir_make(folder, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, flow.pool), "a folder");
}

static const char *languages; /* of the mails that mails() found */

/* The language that a mail says it is in. */
static const char *language_of(const char *path)
{
    const char *mail = postgres_file(flow.pool, path);
    const char *at = strstr(mail, "\r\nContent-Language: ");

    at = at ? at + strlen("\r\nContent-Language: ") : "";
    return apr_pstrmemdup(flow.pool, at, strcspn(at, "\r"));
}

/* How many mails there are; they go. */
static int mails(void)
{
    apr_dir_t *dir;
    apr_finfo_t file;
    int n = 0;

    languages = "";
    if (apr_dir_open(&dir, folder, flow.pool) != APR_SUCCESS) {
        return 0;
    }
    while (apr_dir_read(&file, APR_FINFO_NAME | APR_FINFO_PROT, dir) == APR_SUCCESS) {
        if (file.name[0] != '.' && strstr(file.name, ".eml")) { /* what is not complete is hidden */
            readable += (file.protection & (APR_FPROT_GREAD | APR_FPROT_WREAD)) != 0;
            const char *path = apr_pstrcat(flow.pool, folder, "/", file.name, NULL);

            languages = apr_pstrcat(flow.pool, languages, language_of(path), " ", NULL);
            (void)apr_file_remove(path, flow.pool);
            n++;
        }
    }
    (void)apr_dir_close(dir);
    return n;
}

/* What would send a password to another machine without TLS. */
static void is_refused_in_the_clear(void)
{
    const cloudep_mail_setup_t *mail;
    cloudep_config_t config = flow.config;
    const char *error;

    config.mail_transport = "smtp://mail.outbox.test";
    config.mail_from = "no-reply@outbox.test";
    config.mail_user = "user";
    config.mail_starttls = 0;
    is_int(cloudep_mail_prepare(&mail, flow.pool, &server, &config, &error), CLOUDEP_EREFUSED,
           "a mail password is not sent in the clear to another machine");
}

static void setup(void)
{
    static cloudep_outbox_setup_t outbox;
    const char *templates = postgres_path(flow.pool, "common/templates");
    const cloudep_session_t *session;
    const char *error = "";
    flow_case_t *at = flow_begin();

    folder = apr_pstrcat(flow.pool, postgres.dir, "/mails", NULL);
    make_folder();
    flow_tenant(SLUG);
    flow_member(at, SLUG, "ann@outbox.test", &session);
    tenant_id = apr_pstrdup(flow.pool, session->tenant_id);
    uid = apr_pstrdup(flow.pool, session->uid);
    flow.config.mail_transport = apr_pstrcat(flow.pool, "spool:", folder, NULL);
    flow.config.mail_from = "CloudEP <no-reply@outbox.test>";
    is_refused_in_the_clear();
    (void)apr_file_perms_set(folder, 0x755);
    is_int(cloudep_mail_prepare(&outbox.mail, flow.pool, &server, &flow.config, &error), CLOUDEP_EREFUSED,
           "a folder that others may enter is refused");
    (void)apr_file_perms_set(folder, 0x700);
    if (cloudep_mail_prepare(&outbox.mail, flow.pool, &server, &flow.config, &error) != APR_SUCCESS ||
        cloudep_messages_load(&outbox.mail_messages, flow.pool, templates, templates, CLOUDEP_CHANNEL_MAIL, "zh-TW",
                              &error) != APR_SUCCESS ||
        cloudep_messages_load(&outbox.sms_messages, flow.pool, templates, templates, CLOUDEP_CHANNEL_SMS, "en",
                              &error) != APR_SUCCESS) {
        flow_bail_out(error);
    }
    flow.run.outbox_setup = &outbox;
    flow_end(at);
}

/* A worker that has done nothing yet, and no message. */
static void begin(void)
{
    const char *error;

    postgres_sql("DELETE FROM cloudep.outbox");
    cloudep_worker_init(&worker, flow.pool, &server, &flow.config, CLOUDEP_CHANNEL_MAIL);
    worker.share.is_main = 1;
    worker.stop = &stop;
    stop = 0;
    flow_must(cloudep_mailer_create(&worker.mailer, flow.pool, flow.run.outbox_setup->mail, NULL, &error), "a mailer");
    (void)mails();
}

static void write_messages(int count)
{
    flow_case_t *at = flow_begin();
    apr_table_t *params = apr_table_make(at->p, 3);
    const cloudep_message_t *message;
    const cloudep_draft_t draft = {.tenant_id = tenant_id,
                                   .uid = uid,
                                   .channel = CLOUDEP_CHANNEL_MAIL,
                                   .target = "ann@outbox.test",
                                   .template = "registration",
                                   .params = params,
                                   .lifetime = 600};

    apr_table_setn(params, "code", "123456");
    apr_table_setn(params, "minutes", "10");
    apr_table_setn(params, "tenant_name", "Tenant");
    for (int i = 0; i < count; i++) {
        if (cloudep_failed(cloudep_message_new(at->ctx, &message, &draft)) ||
            cloudep_outbox_enqueue(flow.run.db, at->p, message) != APR_SUCCESS) {
            flow_bail_out("a message could not be written");
        }
    }
    flow_end(at);
}

static int take_round(void)
{
    flow_case_t *at = flow_begin();
    const int more = cloudep_worker_round(&worker, at->p);

    flow_end(at);
    return more;
}

/* All that waited has come. */
static void hurry(void)
{
    worker.not_before = 0;
    postgres_sql("UPDATE cloudep.outbox SET next_attempt_at = now() WHERE delivered_at IS NULL AND failed_at IS NULL");
}

#define COUNT "SELECT count(*) FROM cloudep.outbox WHERE "

static void test_batches(void)
{
    begin();
    write_messages(BATCH + 1);
    ok(take_round(), "a full batch: there may be more at once");
    is_int(mails(), BATCH, "its mails are written");
    is_value("16", "and marked, without their codes", COUNT "delivered_at IS NOT NULL AND params IS NULL");
    ok(!take_round(), "what is left: there is no more");
    is_int(mails(), 1, "and it is written");
    ok(!take_round() && !mails(), "then nothing is due");
    write_messages(1);
    worker.not_before = apr_time_now() + apr_time_from_sec(3600);
    ok(!take_round() && !mails(), "nothing is done before the worker's time");
}

static void test_languages(void)
{
    static const char *const cases[][2] = {
        {"'zh-HK'", "zh-TW "}, {"'zh-TW'", "zh-TW "}, {"'en-GB'", "en "}, {"'fr'", "zh-TW "}, {"NULL", "zh-TW "}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        write_messages(1);
        postgres_sql(apr_pstrcat(flow.pool, "UPDATE cloudep.outbox SET language = ", cases[i][0], NULL));
        (void)take_round();
        (void)mails();
        is_str(languages, cases[i][1],
               apr_psprintf(flow.pool, "the language of a mail for %s, where the default is zh-TW", cases[i][0]));
    }
}

static void test_expired(void)
{
    begin();
    write_messages(2);
    postgres_sql("UPDATE cloudep.outbox SET expires_at = now() - interval '1 s'"
                 " WHERE id = (SELECT min(id::text)::uuid FROM cloudep.outbox)");
    (void)flow_logged("");
    (void)take_round();
    is_int(mails(), 1, "an expired message is not sent");
    ok(flow_logged("expired after"), "which the log tells");
    is_value("1", "it has failed", COUNT "failed_at IS NOT NULL AND params IS NULL");
}

static void test_server_down(void)
{
    static const int rests[] = {1, 2, 4, 8, 10, 10};

    apr_time_t before = apr_time_now();

    begin();
    write_messages(3);
    flow_must(apr_dir_remove(folder, flow.pool), "the folder goes");
    ok(!take_round(), "mails cannot be written: there is nothing more at once");
    is_value("1", "one was tried, and says why", COUNT "attempts = 1 AND last_error LIKE '%cannot be written%'");
    is_value("2", "the others have their attempts yet", COUNT "attempts = 0 AND last_error IS NULL");
    is_value("3", "none is lost", COUNT "failed_at IS NULL AND params IS NOT NULL");
    for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        is_int(apr_time_sec(worker.rest), rests[i], "the worker rests, each time longer, up to ten seconds");
        ok(worker.not_before >= before + worker.rest, "and does nothing meanwhile");
        hurry();
        before = apr_time_now();
        ok(!take_round(), "it probes");
    }
    is_value("7", "by one message at a time", "SELECT sum(attempts)::text FROM cloudep.outbox");
    make_folder();
    hurry();
    ok(take_round(), "once it works again there may be more at once");
    is_int((long long)worker.rest, 0, "the worker rests no more");
    is_int(mails(), 1, "the one that probed is sent");
    hurry();
    (void)take_round();
    is_int(mails(), 2, "and then the others, each once");
}

static void test_given_up(void)
{
    begin();
    write_messages(2);
    flow_must(apr_dir_remove(folder, flow.pool), "the folder goes");
    postgres_sql("UPDATE cloudep.outbox SET attempts = 98");
    for (int i = 0; i < 3; i++) {
        (void)take_round();
        hurry();
    }
    is_value("0", "nothing is given up before a hundred tries", COUNT "failed_at IS NOT NULL AND attempts < 100");
    (void)take_round();
    hurry();
    (void)take_round();
    is_value("2", "each is after them", COUNT "failed_at IS NOT NULL AND attempts = 100 AND params IS NULL");
    make_folder();
}

static void test_bad_messages(void)
{
    begin();
    write_messages(4);
    postgres_sql(
        "CREATE TEMP TABLE number AS SELECT id, row_number() OVER () AS n FROM cloudep.outbox;"
        "UPDATE cloudep.outbox AS m SET params = 'v1.gone.' || split_part(params, '.', 3)"
        " FROM number WHERE number.id = m.id AND n = 1;"
        "UPDATE cloudep.outbox AS m SET target = 'eve@outbox.test' FROM number WHERE number.id = m.id AND n = 2;"
        "UPDATE cloudep.outbox AS m SET template = 'nothing', params = params"
        " FROM number WHERE number.id = m.id AND n = 3");
    (void)take_round();
    is_int(mails(), 1, "a good message goes beside bad ones");
    is_value("1", "one whose key is not here is put off: another node may have it",
             "SELECT count(*) FROM cloudep.outbox JOIN number USING (id) WHERE n = 1 AND failed_at IS NULL"
             " AND last_error LIKE '%seal%' AND next_attempt_at >= created_at + interval '5 s'");
    is_value("1", "one with another's address is given up: its seal is of the address",
             "SELECT count(*) FROM cloudep.outbox JOIN number USING (id) WHERE n = 2 AND failed_at IS NOT NULL");
    is_value("1", "as is one of another message",
             "SELECT count(*) FROM cloudep.outbox JOIN number USING (id) WHERE n = 3 AND failed_at IS NOT NULL");
    is_int((long long)worker.rest, 0, "none of them makes the worker rest");
}

static void test_stopped(void)
{
    begin();
    write_messages(2);
    stop = 1;
    (void)take_round();
    is_int(mails(), 0, "a child that ends begins no mail");
    is_value("2", "and hands them back at once, with their attempts",
             COUNT "attempts = 0 AND next_attempt_at <= now() AND failed_at IS NULL");
}

/* From now on a mail that was sent cannot be marked. */
static void let_marks_fail(void)
{
    postgres_sql("CREATE OR REPLACE FUNCTION public.gone() RETURNS trigger LANGUAGE plpgsql AS"
                 " $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '57P01'; END $$;"
                 "CREATE TRIGGER gone BEFORE UPDATE ON cloudep.outbox FOR EACH ROW"
                 " WHEN (NEW.delivered_at IS NOT NULL) EXECUTE FUNCTION public.gone()");
}

static void let_marks_work(void)
{
    postgres_sql("DROP TRIGGER gone ON cloudep.outbox");
}

/* The database goes between a mail and its mark. */
static void test_unmarked(void)
{
    const apr_time_t before = apr_time_now();

    begin();
    write_messages(1);
    let_marks_fail();
    ok(!take_round(), "a mail that cannot be marked");
    is_int(mails(), 1, "was sent");
    is_int(worker.unmarked->nelts, 1, "and is remembered");
    ok(worker.db_wait > 0 && worker.not_before > before, "the database is asked again in a moment");
    let_marks_work();
    hurry();
    (void)take_round();
    is_int(mails(), 0, "it is not sent again");
    is_value("1", "but marked first", COUNT "delivered_at IS NOT NULL");
    is_int(worker.unmarked->nelts, 0, "and forgotten");
    is_int((long long)worker.db_wait, 0, "the worker goes on as before");
}

/* ---- Messages as they are written ---------------------------------------------------------------------------------
 */

static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void test_written(void)
{
    flow_case_t *at = flow_begin();
    apr_table_t *params = apr_table_make(at->p, 3);
    const cloudep_message_t *message;
    cloudep_draft_t draft = {.tenant_id = tenant_id,
                             .uid = uid,
                             .channel = CLOUDEP_CHANNEL_MAIL,
                             .target = "ann@outbox.test",
                             .template = "registration",
                             .params = params,
                             .lifetime = 600};

    at->ctx->traceparent = trace;
    apr_table_setn(params, "code", "123456");
    apr_table_setn(params, "minutes", "10");
    is_outcome(cloudep_message_new(at->ctx, &message, &draft), CLOUDEP_INTERNAL_ERROR,
               "a message that lacks what it shows is not written");
    ok(flow_logged("message registration: tenant_name"), "the log says what it lacks");
    apr_table_setn(params, "tenant_name", "Tenant");
    is_outcome(cloudep_message_new(at->ctx, &message, &draft), CLOUDEP_DONE, "a message");
    is_str(message->lifetime, "600", "has its lifetime in seconds");
    is_str(message->traceparent, trace, "and the trace of the request");
    is_str(message->uid, uid, "its member");
    ok(!strstr(message->params, "123456"), "and its code under seal");
    is_str(message->language, NULL, "without a language where nobody asked for one");
    at->ctx->languages = "fr, zh-TW;q=0.9, en;q=0.8";
    (void)cloudep_message_new(at->ctx, &message, &draft);
    is_str(message->language, "zh-TW", "else in the one that whoever asks reads best");
    draft.language = "fr";
    (void)cloudep_message_new(at->ctx, &message, &draft);
    is_str(message->language, "fr", "unless one is named");
    draft.language = NULL;
    draft.channel = CLOUDEP_CHANNEL_SMS;
    draft.template = "login_sms";
    is_outcome(cloudep_message_new(at->ctx, &message, &draft), CLOUDEP_DONE, "a text message");
    is_str(message->language, "zh-TW", "is in one of its own languages");
    draft.params = NULL;
    (void)cloudep_message_new(at->ctx, &message, &draft);
    is_str(message->params, NULL, "one whose text is made later has no params");
    flow_end(at);
}

/* ---- Messages that the operator's tool asks for -------------------------------------------------------------------
 */

/* What such a message shows, as text; NULL: it cannot be made. */
static const char *fulfilled(flow_case_t *at, const char *template, const char *name)
{
    cloudep_outbox_row_t row = {.tenant_id = tenant_id, .template = template};
    json_t *params = NULL;
    const char *error;
    apr_status_t rv;

    row.id = postgres_value("SELECT id FROM cloudep.outbox", NULL);
    rv = cloudep_outbox_fulfil(&params, at->p, &flow.config, &row, &error);
    ok(rv == APR_SUCCESS || rv == CLOUDEP_EDATA, "%s: %d %s", name, rv, error);
    free((char *)(intptr_t)row.id);
    return rv == APR_SUCCESS ? cloudep_json_text(params, at->p) : NULL;
}

#define LINK                                                                                                           \
    "SELECT count(*) FROM cloudep.links AS link JOIN cloudep.outbox AS message USING (tenant_id, uid) WHERE kind ="

/* The token of a link is found by the digest that is kept of it. */
static void is_kept(flow_case_t *at, const char *params)
{
    const char *text = params ? strstr(params, "#first_password=") : NULL;
    cloudep_link_token_t token = {0};

    text = text ? text + strlen("#first_password=") : "";
    is_int(cloudep_link_token_read(&token, at->p, apr_pstrmemdup(at->p, text, strcspn(text, "\""))), APR_SUCCESS,
           "its token");
    is_value("1", "is kept by its digest", "SELECT count(*) FROM cloudep.links WHERE digest = $1", token.digest);
}

static void test_fulfilled(void)
{
    flow_case_t *at = flow_begin();
    const char *params;

    begin();
    write_messages(1);
    postgres_sql("DELETE FROM cloudep.links");
    flow.config.account_url = NULL;
    is_str(fulfilled(at, CLOUDEP_TEMPLATE_TOTP_RESET, "a notice"),
           "{\"tenant_name\":\"Tenant outbox\",\"display_name\":\"Somebody\"}", "shows names and no link");
    ok(!fulfilled(at, CLOUDEP_TEMPLATE_RESET_LINK, "without account pages"), "no link is made");
    flow.config.account_url = "https://id.test/account/";
    params = fulfilled(at, CLOUDEP_TEMPLATE_INVITATION, "an invitation");
    ok(params && strstr(params, "\"link\":\"https://id.test/account/#first_password="),
       "shows a link to a first password");
    is_value("1", "which is the member's", LINK " 'first_password'");
    is_kept(at, params);
    params = fulfilled(at, CLOUDEP_TEMPLATE_RESET_LINK, "the link of a reset");
    ok(params && strstr(params, "\"link\":\"https://id.test/account/#reset="), "leads to a reset");
    params = fulfilled(at, CLOUDEP_TEMPLATE_FORGOT_LINK, "one that a member asked for");
    ok(params && strstr(params, "#reset="), "does as well");
    is_value("2", "both are the member's", LINK " 'reset'");
    postgres_sql("UPDATE cloudep.members SET status = 'deleting'");
    ok(!fulfilled(at, CLOUDEP_TEMPLATE_TOTP_RESET, "a message to a member who has gone"), "cannot be made");
    postgres_sql("UPDATE cloudep.members SET status = 'active'");
    flow_end(at);
}

/* ---- Servers ------------------------------------------------------------------------------------------------------
 */

/* A server with settings of its own, behind another one. */
typedef struct host_t {
    server_rec server;
    cloudep_config_t config;
    cloudep_runtime_t run;
    void *configs[1];
} host_t;

static host_t *host(const char *name, host_t *before)
{
    host_t *made = apr_pcalloc(flow.pool, sizeof(*made));

    made->config = flow.config;
    made->run = flow.run;
    made->config.run = &made->run;
    made->config.template_dir = postgres_path(flow.pool, "common/templates");
    made->configs[0] = &made->config;
    made->server.module_config = (ap_conf_vector_t *)made->configs;
    made->server.server_hostname = apr_pstrdup(flow.pool, name);
    made->server.is_virtual = before != NULL;
    made->server.log.level = APLOG_INFO;
    if (before) {
        before->server.next = &made->server;
    }
    return made;
}

static const char *prepare_error;

static apr_status_t prepare_outbox(host_t *at)
{
    prepare_error = "";
    return cloudep_outbox_prepare(&at->server, &at->config, flow.pool, &prepare_error);
}

static void test_names(void)
{
    host_t *main_host = host("Main.test", NULL);
    host_t *other = host("Other.Test", main_host);
    char *longest = apr_pcalloc(flow.pool, CLOUDEP_OUTBOX_NAME_MAX + 2);

    is_int(prepare_outbox(main_host), APR_SUCCESS, "the main server's outbox");
    is_str(main_host->run.outbox_setup->name, NULL, "has no name");
    is_int(prepare_outbox(other), APR_SUCCESS, "that of a virtual host");
    is_str(other->run.outbox_setup->name, "other.test", "has its ServerName, in small letters");
    ok(cloudep_outbox_has_mail(&other->config) && !cloudep_outbox_has_sms(&other->config), "it sends mails alone");
    memset(longest, 'x', CLOUDEP_OUTBOX_NAME_MAX);
    other->config.outbox = longest;
    is_int(prepare_outbox(other), APR_SUCCESS, "CloudEPOutbox may be long");
    is_str(other->run.outbox_setup->name, longest, "and goes before ServerName");
    longest[CLOUDEP_OUTBOX_NAME_MAX] = 'x';
    is_int(prepare_outbox(other), CLOUDEP_EMALFORMED, "but not longer than a name may be");
    other->config.outbox = "a\nb";
    is_int(prepare_outbox(other), CLOUDEP_EMALFORMED, "nor of two lines");
    other->config.outbox = NULL;
    other->config.default_language = "ZH-tw";
    is_int(prepare_outbox(other), APR_SUCCESS, "CloudEPDefaultLanguage in other letters");
    is_str(other->config.default_language, "zh-TW", "is taken as it is written otherwise");
    other->config.default_language = "deutsch!";
    is_int(prepare_outbox(other), CLOUDEP_EMALFORMED, "one that is no language is refused");
    other->config.default_language = "en";
    other->config.mail_from = NULL;
    is_int(prepare_outbox(other), CLOUDEP_EMALFORMED, "so are mails that nobody sends");
    other->config.mail_transport = NULL;
    is_int(prepare_outbox(other), APR_SUCCESS, "without mails and text messages");
    ok(!other->run.outbox_setup && !cloudep_outbox_has_mail(&other->config), "there is no outbox");
}

static void test_told(void)
{
    host_t *main_host = host("main.test", NULL);
    host_t *other = host("other.test", main_host);

    main_host->config.mail_transport = other->config.mail_transport = "smtp://127.0.0.1";
    main_host->config.mail_hello = "name";
    (void)prepare_outbox(main_host);
    (void)prepare_outbox(other);
    (void)flow_logged("");
    cloudep_outbox_tell(&main_host->server);
    ok(flow_logged("the main server: mail servers are greeted with EHLO name, which is not fully qualified"),
       "a name in EHLO that some refuse is told at start");
    cloudep_outbox_tell(&other->server);
    ok(flow_logged("other.test: mail servers are greeted with EHLO other.test\n"), "another is told without that");
    other->run.outbox_setup = NULL;
    cloudep_outbox_tell(&other->server);
    ok(!flow_logged("EHLO"), "nothing is of a server without mails");
}

static void test_one_outbox(void)
{
    static const struct {
        const char *what;
        size_t offset;
    } cases[] = {{"transport", offsetof(cloudep_config_t, mail_transport)},
                 {"sender", offsetof(cloudep_config_t, mail_from)},
                 {"user", offsetof(cloudep_config_t, mail_user)},
                 {"gateway", offsetof(cloudep_config_t, sms_transport)},
                 {"gateway's body", offsetof(cloudep_config_t, sms_body)},
                 {"gateway's user", offsetof(cloudep_config_t, sms_user)},
                 {"templates", offsetof(cloudep_config_t, template_dir)},
                 {"language", offsetof(cloudep_config_t, default_language)}};
    host_t *main_host = host("main.test", NULL);
    host_t *one = host("one.test", main_host), *two = host("two.test", one);
    const char *error = "";

    one->config.outbox = two->config.outbox = "shared";
    (void)prepare_outbox(main_host);
    (void)prepare_outbox(one);
    (void)prepare_outbox(two);
    is_int(cloudep_outbox_check_names(flow.pool, &main_host->server, &error), APR_SUCCESS,
           "servers that send alike may have one outbox");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char **value = (const char **)((char *)&two->config + cases[i].offset);
        const char *before = *value;

        *value = "another";
        is_int(cloudep_outbox_check_names(flow.pool, &main_host->server, &error), CLOUDEP_ECONFLICT,
               apr_pstrcat(flow.pool, "not with another ", cases[i].what, NULL));
        is_str(error,
               "one.test and two.test have one outbox, shared, but send mail or SMS differently: give each a "
               "CloudEPOutbox of its own",
               "which is told");
        *value = before;
    }
    two->config.mail_from = "Another <another@outbox.test>";
    two->config.outbox = NULL;
    (void)prepare_outbox(two);
    is_int(cloudep_outbox_check_names(flow.pool, &main_host->server, &error), APR_SUCCESS,
           "each with an outbox of its own may differ");
}

/* ---- The threads of a child ---------------------------------------------------------------------------------------
 */

/* A host whose mails go to a folder of its own. */
static host_t *sender(const char *name, host_t *before)
{
    host_t *made = host(name, before);
    const char *own = apr_pstrcat(flow.pool, postgres.dir, "/", name, NULL);

    (void)apr_dir_make(own, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, flow.pool);
    made->config.mail_transport = apr_pstrcat(flow.pool, "spool:", own, NULL);
    if (prepare_outbox(made) != APR_SUCCESS) {
        flow_bail_out(prepare_error);
    }
    return made;
}

/* Who of them has sent a mail, within a minute; the mail goes. */
static const char *who_sent(host_t *const *hosts)
{
    const char *usual = folder;
    const char *who = NULL;

    for (int tries = 0; !who && tries < 60000; tries++) {
        for (int i = 0; hosts[i] && !who; i++) {
            folder = apr_pstrcat(flow.pool, postgres.dir, "/", hosts[i]->server.server_hostname, NULL);
            who = mails() ? hosts[i]->server.server_hostname : NULL;
        }
        apr_sleep(1000);
    }
    folder = usual;
    return who;
}

static void is_sent_by(host_t *main_host, host_t *const *hosts, const char *outbox, const char *want, const char *name)
{
    apr_pool_t *child;

    begin();
    write_messages(1);
    postgres_sql(apr_pstrcat(flow.pool, "UPDATE cloudep.outbox SET outbox = ", outbox, NULL));
    (void)apr_pool_create(&child, flow.pool);
    flow_must(cloudep_outbox_child_init(&main_host->server, child), "the threads of a child");
    is_str(who_sent(hosts), want, name);
    apr_pool_destroy(child);
    is_value("1", "once", COUNT "delivered_at IS NOT NULL");
}

static void test_child(void)
{
    host_t *main_host = host("main.test", NULL);
    host_t *last = sender("last.test", main_host), *first = sender("first.test", last);
    host_t *const hosts[] = {last, first, NULL};

    main_host->run.outbox_setup = NULL;
    is_sent_by(main_host, hosts, "'last.test'", "last.test", "a virtual host sends what it wrote");
    is_sent_by(main_host, hosts, "'first.test'", "first.test", "as does another");
    is_sent_by(main_host, hosts, "NULL", "first.test",
               "where the main server sends no mails, its are sent by the virtual host that comes first");
    main_host = sender("main.test", NULL);
    main_host->server.next = &last->server;
    is_sent_by(main_host, (host_t *const[]){main_host, last, first, NULL}, "NULL", "main.test", "else by itself");
}

/* A child ends while the database does not know of a mail yet. */
static void test_end_of_child(void)
{
    host_t *main_host = sender("main.test", NULL);
    apr_pool_t *child;

    begin();
    write_messages(1);
    let_marks_fail();
    (void)flow_logged("");
    (void)apr_pool_create(&child, flow.pool);
    flow_must(cloudep_outbox_child_init(&main_host->server, child), "the threads of a child");
    for (int tries = 0; tries < 60000 && !flow_logged("delivered, attempt 1"); tries++) {
        apr_sleep(1000);
    }
    let_marks_work();
    apr_pool_destroy(child);
    is_value("1", "a child that ends marks what it has sent", COUNT "delivered_at IS NOT NULL");
    is_str(who_sent((host_t *const[]){main_host, NULL}), "main.test", "which went out");
}

int main(void)
{
    flow_start();
    setup();
    test_batches();
    test_languages();
    test_expired();
    test_server_down();
    test_given_up();
    test_bad_messages();
    test_stopped();
    test_unmarked();
    test_written();
    test_fulfilled();
    test_names();
    test_one_outbox();
    test_told();
    test_child();
    test_end_of_child();
    is_int(readable, 0, "no mail may be read by others");
    return done_testing();
}
