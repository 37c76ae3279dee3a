/*
 * flow_event_log_test.c - a disk that takes a part of an event: the error log has all of it.
 */
#include <apr_portable.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/event_log_private.h"
#include "flow.h"

#define LINE "{\"event\":\"auth.login\",\"result\":\"success\"}"

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
