/*
 * event_log_open.c - see event_log.h: which log a directive names, and opening it as root.
 */
#include "core/event_log_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_strings.h>
#include <syslog.h>
#include "core/settings.h"

static const struct {
    const char *name;
    int number;
} facilities[] = {
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},     {"daemon", LOG_DAEMON},
    {"ftp", LOG_FTP},       {"kern", LOG_KERN},         {"lpr", LOG_LPR},       {"mail", LOG_MAIL},
    {"news", LOG_NEWS},     {"syslog", LOG_SYSLOG},     {"user", LOG_USER},     {"uucp", LOG_UUCP},
    {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},     {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
};

/* syslog or syslog:facility. 0: there is no such facility. */
static int read_facility(int *facility, const char *text)
{
    *facility = LOG_AUTHPRIV;
    if (text[strlen("syslog")] == '\0') {
        return 1;
    }
    for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++) {
        if (!strcmp(facilities[i].name, text + strlen("syslog:"))) {
            *facility = facilities[i].number;
            return 1;
        }
    }
    return 0;
}

/* The path; *error when its folder is not there. */
static apr_status_t find_file(const char **path, const char *text, apr_pool_t *p, const char **error)
{
    apr_finfo_t info;
    const char *folder;
    apr_status_t rv;

    *path = ap_server_root_relative(p, text);
    folder = *path ? ap_make_dirstr_parent(p, *path) : NULL;
    rv = folder ? apr_stat(&info, folder, APR_FINFO_TYPE, p) : APR_EBADPATH;
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(p, "CloudEPEventLog %s: the folder of this file is not there", text);
    }
    return rv;
}

static apr_status_t open_pipe(cloudep_event_log_t *log, const char *text, apr_pool_t *p, const char **error)
{
    piped_log *pipe = ap_open_piped_log(p, text + 1);

    if (!pipe) {
        *error = apr_psprintf(p, "CloudEPEventLog %s: this program cannot be started", text);
        return APR_EGENERAL;
    }
    log->file = ap_piped_log_write_fd(pipe);
    return APR_SUCCESS;
}

static apr_status_t open_file(cloudep_event_log_t *log, const char *path, apr_pool_t *p, const char **error)
{
    const apr_int32_t flags = APR_FOPEN_WRITE | APR_FOPEN_APPEND | APR_FOPEN_CREATE | APR_FOPEN_LARGEFILE;
    char why[128];
    apr_status_t rv = apr_file_open(&log->file, path, flags, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD, p);

    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(p, "CloudEPEventLog %s: %s", path, apr_strerror(rv, why, sizeof(why)));
    }
    return rv;
}

apr_status_t cloudep_event_log_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const char *text = config->event_log;
    const int dry = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
    cloudep_event_log_t *log = apr_pcalloc(pconf, sizeof(*log));
    const char *path;
    apr_status_t rv = APR_SUCCESS;

    (void)s;
    if (!text) {
        return APR_SUCCESS;
    }
    log->facility = -1;
    config->run->event_log = log;
    if (!strcmp(text, "off")) {
        return APR_SUCCESS;
    }
    if (!strcmp(text, "syslog") || !strncmp(text, "syslog:", 7)) {
        if (!read_facility(&log->facility, text)) {
            *error = apr_psprintf(pconf, "CloudEPEventLog %s: syslog has no such facility", text);
            return APR_EINVAL;
        }
        return APR_SUCCESS;
    }
    if (*text == '|') {
        return dry ? APR_SUCCESS : open_pipe(log, text, pconf, error);
    }
    rv = find_file(&path, text, pconf, error);
    return rv == APR_SUCCESS && !dry ? open_file(log, path, pconf, error) : rv;
}
