/*
 * flow_event_log_test.c - which log a directive names, and how it is opened; and a disk that takes a part of an event:
 * the error log has all of it. Programs are for t/operate/events.t.
 */
#include <apr_portable.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "core/event_log_private.h"
#include "flow.h"
#include "folder.h"

#define LINE "{\"event\":\"auth.login\",\"result\":\"success\"}"

/* ---- httpd's part -------------------------------------------------------------------------------------------------
 */

static int state = AP_SQ_MS_CREATE_CONFIG;
static const char *program; /* that was to be started */

AP_DECLARE(int) ap_state_query(int query_code)
{
    return query_code == AP_SQ_MAIN_STATE ? state : AP_SQ_NOT_SUPPORTED;
}

AP_DECLARE(char *) ap_make_dirstr_parent(apr_pool_t *p, const char *s)
{
    const char *last = strrchr(s, '/');

    return apr_pstrmemdup(p, s, last ? (apr_size_t)(last - s + 1) : 0);
}

AP_DECLARE(piped_log *) ap_open_piped_log(apr_pool_t *p, const char *text)
{
    program = apr_pstrdup(p, text);
    return NULL;
}

AP_DECLARE(apr_file_t *) ap_piped_log_write_fd(piped_log *pl)
{
    (void)pl;
    return NULL;
}

/* ---- Opening it ---------------------------------------------------------------------------------------------------
 */

static apr_pool_t *pool;
static const char *error;

/* The log that CloudEPEventLog names; NULL: the error log. */
static const cloudep_event_log_t *opened(apr_status_t want, const char *text, const char *name)
{
    cloudep_runtime_t *run = apr_pcalloc(pool, sizeof(*run));
    cloudep_config_t config = {.run = run, .event_log = text};
    apr_status_t rv;

    error = "";
    rv = cloudep_event_log_prepare(NULL, &config, pool, &error);
    ok(rv == want, "%s: %d %s", name, rv, error);
    return run->event_log;
}

static void test_syslog(void)
{
    static const struct {
        const char *text;
        int facility;
    } cases[] = {{"syslog", LOG_AUTHPRIV},      {"syslog:auth", LOG_AUTH},     {"syslog:authpriv", LOG_AUTHPRIV},
                 {"syslog:daemon", LOG_DAEMON}, {"syslog:user", LOG_USER},     {"syslog:local0", LOG_LOCAL0},
                 {"syslog:local6", LOG_LOCAL6}, {"syslog:local7", LOG_LOCAL7}, {"syslog:mail", LOG_MAIL}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_event_log_t *log = opened(APR_SUCCESS, cases[i].text, cases[i].text);

        is_int(log->facility, cases[i].facility, "is that facility");
        ok(!log->file, "and no file");
    }
    (void)opened(APR_EINVAL, "syslog:local9", "a facility that there is not");
    is_str(error, "CloudEPEventLog syslog:local9: syslog has no such facility", "is told");
    (void)opened(APR_EINVAL, "syslog:", "none at all");
}

static mode_t mode_of(const char *path)
{
    struct stat about = {0};

    return stat(path, &about) == 0 ? about.st_mode & 07777 : 0;
}

static void test_file(void)
{
    const char *path = folder_path("events.log");
    const mode_t before = umask(0);
    const cloudep_event_log_t *log;

    ok(!opened(APR_SUCCESS, NULL, "without the directive"), "events go to the error log");
    log = opened(APR_SUCCESS, "off", "off");
    ok(log && !log->file && log->facility < 0, "is a log to nowhere");
    state = AP_SQ_MS_CREATE_PRE_CONFIG;
    log = opened(APR_SUCCESS, path, "a file, where httpd reads its configuration the first time");
    ok(!log->file && !mode_of(path), "is not made");
    (void)opened(APR_SUCCESS, "|/bin/program with words", "a program");
    ok(!program, "is not started");
    state = AP_SQ_MS_CREATE_CONFIG;
    log = opened(APR_SUCCESS, path, "the second time");
    ok(log->file && log->facility < 0, "it is opened");
    is_int(mode_of(path), 0640, "others may not read it");
    flow_must(apr_file_write_full(log->file, "one\n", 4, NULL), "a line");
    log = opened(APR_SUCCESS, path, "once more");
    flow_must(apr_file_write_full(log->file, "two\n", 4, NULL), "a line");
    is_str(postgres_file(pool, path), "one\ntwo\n", "what is there stays");
    (void)opened(APR_ENOENT, "/nowhere/events.log", "a file in no folder");
    is_str(error, "CloudEPEventLog /nowhere/events.log: the folder of this file is not there", "is told");
    ok(opened(APR_FROM_OS_ERROR(EISDIR), folder.path, "a folder") && strstr(error, folder.path), "is no file");
    (void)opened(APR_EGENERAL, "|/bin/program with words", "a program that cannot be started");
    is_str(program, "/bin/program with words", "is httpd's to start");
    is_str(error, "CloudEPEventLog |/bin/program with words: this program cannot be started", "which is told");
    (void)umask(before);
}

/* ---- Writing to it ------------------------------------------------------------------------------------------------
 */

int main(void)
{
    char path[] = "/tmp/cloudep-event-log.XXXXXX";
    int file = mkstemp(path);
    const struct rlimit limit = {.rlim_cur = 20, .rlim_max = RLIM_INFINITY};
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    cloudep_event_log_t log = {.facility = -1};
    cloudep_runtime_t run = {.event_log = &log};
    cloudep_config_t config = {.run = &run};
    cloudep_context_t ctx = {.config = &config};
    off_t whole;
    int taken;

    (void)apr_initialize();
    (void)atexit(apr_terminate);
    (void)apr_pool_create(&ctx.p, NULL);
    pool = ctx.p;
    folder_make(pool);
    test_syslog();
    test_file();
    folder_remove();
    (void)unlink(path);
    (void)apr_os_file_put(&log.file, &file, APR_FOPEN_WRITE | APR_FOPEN_APPEND, ctx.p);
    (void)signal(SIGXFSZ, SIG_IGN);
    is_int(cloudep_event_log_write(&ctx, LINE), 1, "an event goes to its log");
    whole = lseek(file, 0, SEEK_END);
    ok(whole > 20 && !flow_logged("CE1431"), "all of it, and the error log has nothing");
    is_int(ftruncate(file, 0) + lseek(file, 0, SEEK_SET), 0, "it is emptied");
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    taken = cloudep_event_log_write(&ctx, LINE);
    (void)setrlimit(RLIMIT_FSIZE, &none);
    is_int(taken, 1, "another one, of which there is room for a part");
    is_int(lseek(file, 0, SEEK_END), 20, "which is there");
    ok(flow_logged("this one is here: {\"time\""), "the error log has it");
    return done_testing();
}
