/*
 * check.c - whether an httpd of this configuration would work: its own configtest, and then what it is configured to
 * use.
 *
 * httpd does it itself ("httpd -t -D CLOUDEP_CHECK"): so it is the configuration that is meant, read by what reads it
 * otherwise, and everything is asked as the user that its children run as. This tool runs it and says what it found.
 */
#include "cloudepctl.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/text/json.h"

#define LINE "cloudep-check "
#define DEFINE "CLOUDEP_CHECK"
#define NOT_STARTED 127 /* the shell's word for it */
/* httpd's output; what is beyond is not read. In bytes. */
#define LARGEST_OUTPUT (256 * 1024)

static const cloudepctl_column_t columns[] = {
    {"server", "SERVER"}, {"part", "PART"}, {"state", "STATE"}, {"message", "MESSAGE"}, {NULL, NULL}};

/* What was found so far. */
typedef struct findings_t {
    cloudepctl_t *ctl;
    json_t *list;
    int parts; /* that httpd told of */
    int bad;
} findings_t;

static void add(findings_t *findings, const char *server, const char *part, const char *state, const char *message)
{
    findings->bad += !strcmp(state, "bad");
    (void)json_array_append_new(findings->list, json_pack("{s:s, s:s, s:s, s:s}", "server", server, "part", part,
                                                          "state", state, "message", message));
}

/* ---- Running httpd -------------------------------------------------------------------------------------- */

/* The programs that may be httpd's, in the order in which they are tried. Debian's needs the variables of its script.
 */
static void become_httpd(const char *program, const char *config)
{
    const char *const usual[] = {"apache2ctl", "apachectl", "httpd", NULL};
    const char *const given[] = {program, NULL};

    for (const char *const *name = program ? given : usual; *name; name++) {
        (void)execlp(*name, *name, "-t", "-D", DEFINE, config ? "-f" : (char *)NULL, config, (char *)NULL);
        if (errno != ENOENT) {
            break;
        }
    }
    _exit(NOT_STARTED);
}

static char *read_all(apr_pool_t *p, int from)
{
    char *text = apr_palloc(p, LARGEST_OUTPUT + 1);
    apr_size_t length = 0;
    char rest[1024] = "";
    ssize_t got;

    do {
        const apr_size_t room = LARGEST_OUTPUT - length;

        got = read(from, room ? text + length : rest, room ? room : sizeof(rest));
        length += room && got > 0 ? (apr_size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    text[length] = '\0';
    return text;
}

/* Its output, both streams in one. *status: as from waitpid. */
static apr_status_t run_httpd(cloudepctl_t *ctl, char **output, int *status)
{
    int ends[2];
    pid_t child;

    if (pipe(ends) != 0) {
        return apr_get_os_error();
    }
    child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0) {
            _exit(NOT_STARTED);
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        become_httpd(cloudepctl_option(ctl, "httpd"), cloudepctl_option(ctl, "config"));
    }
    (void)close(ends[1]);
    if (child > 0) {
        *output = read_all(ctl->pool, ends[0]);
        while (waitpid(child, status, 0) < 0 && errno == EINTR) {
        }
    }
    (void)close(ends[0]);
    return child > 0 ? APR_SUCCESS : apr_get_os_error();
}

/* ---- What it said --------------------------------------------------------------------------------------- */

/* Takes the time, the module and the like off a line of httpd's log. */
static const char *without_brackets(const char *line)
{
    while (*line == '[' && strchr(line, ']')) {
        line = strchr(line, ']') + 1;
        line += strspn(line, " ");
    }
    return line;
}

/* Lines that say no more than the exit status does. */
static int is_noise(const char *line)
{
    return !*line || !strcmp(line, "Syntax OK") || !strncmp(line, "AH00014:", 8) || !strncmp(line, "AH00013:", 8) ||
           !strncmp(line, "AH00558:", 8) || !strncmp(line, "Action '", 8) ||
           !strncmp(line, "The Apache error log may have", 29);
}

static void take_finding(findings_t *findings, const char *text)
{
    const char *server;
    const char *part;
    const char *state;
    const char *message;
    const char *reason;
    json_t *line;

    if (cloudep_json_parse(&line, &reason, text, strlen(text), findings->ctl->pool) == APR_SUCCESS &&
        !json_unpack(line, "{s:s, s:s, s:s, s:s}", "server", &server, "part", &part, "state", &state, "message",
                     &message)) {
        findings->parts++;
        add(findings, server, part, state, message);
    }
}

/* Whatever is not a finding is about the configuration: what httpd refuses, or a warning of ours. */
static void take_output(findings_t *findings, char *output, int refused)
{
    int told = 0;
    char *rest;

    for (char *line = apr_strtok(output, "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        const char *text = without_brackets(line);

        if (!strncmp(line, LINE, strlen(LINE))) {
            take_finding(findings, line + strlen(LINE));
        }
        else if (!is_noise(text)) {
            add(findings, "httpd", "configuration", refused ? "bad" : "doubtful", text);
            told = 1;
        }
    }
    if (refused && !told) {
        add(findings, "httpd", "configuration", "bad", "httpd refuses it and says nothing");
    }
    if (!refused && !findings->parts) {
        add(findings, "httpd", "configuration", "bad",
            "no server in it uses CloudEP: LoadModule cloudep_module, and Include cloudep.conf");
    }
}

static int by_state(json_t *list, json_t *out, const char *state)
{
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        if (!strcmp(json_string_value(json_object_get(row, "state")), state) && json_array_append(out, row)) {
            return -1;
        }
    }
    return 0;
}

static void add_page_finding(void *findings, const char *state, const char *message)
{
    add(findings, "account pages", "files", state, message);
}

/* The files of the account pages in each folder that was named. */
static void look_at_pages(findings_t *findings)
{
    const apr_array_header_t *folders = cloudepctl_option_list(findings->ctl, "portal");

    for (int i = 0; folders && i < folders->nelts; i++) {
        const char *folder = APR_ARRAY_IDX(folders, i, const char *);

        if (!cloudepctl_check_portal(findings->ctl->pool, folder, add_page_finding, findings)) {
            add_page_finding(findings, "good", apr_pstrcat(findings->ctl->pool, folder, " can be used", NULL));
        }
    }
}

static int check(cloudepctl_t *ctl)
{
    findings_t findings = {.ctl = ctl, .list = cloudepctl_own(ctl, json_array())};
    json_t *sorted = cloudepctl_own(ctl, json_array());
    char *output = NULL;
    char why[128];
    int status = 0;
    int code;
    const apr_status_t rv = run_httpd(ctl, &output, &status);

    if (rv != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "httpd cannot be run: %s", apr_strerror(rv, why, sizeof(why)));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) == NOT_STARTED) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "httpd cannot be run: name its program or apachectl with --httpd");
    }
    take_output(&findings, output, WEXITSTATUS(status) != 0);
    look_at_pages(&findings);
    /* What is wrong comes first. */
    if (by_state(findings.list, sorted, "bad") || by_state(findings.list, sorted, "doubtful") ||
        by_state(findings.list, sorted, "good") || by_state(findings.list, sorted, "off")) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "the findings could not be listed");
    }
    code = cloudepctl_print_list(ctl, "checks", columns, sorted, NULL);
    if (code || !findings.bad) {
        return code;
    }
    ctl->told = 1;
    return CLOUDEPCTL_REFUSED;
}

static const cloudepctl_option_t options[] = {
    {"config", "FILE", "httpd's configuration (default: the one that httpd was built with)", 0},
    {"httpd", "PROGRAM", "httpd, or its apachectl (default: apache2ctl, apachectl or httpd)", 0},
    {"portal", "FOLDER", "look at your files of the account pages there, too", CLOUDEPCTL_REPEATABLE},
    {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_check_commands[] = {
    {"check", NULL, "Says whether httpd would work with its configuration, and what to mend.", options,
     "Runs httpd's configtest, and asks what the configuration names as the user that httpd's children run as: "
     "database\n"
     "and schema, memcached, keys, mail server. Nothing is changed or sent. Run it as root, as keys and secrets are\n"
     "root's. Exit codes: 0 nothing is wrong, 1 something is, 4 httpd cannot be run.\n\n"
     "States: bad (mend it), doubtful (it works, hardly as it was meant), good, off (not configured).\n",
     "  cloudepctl check\n"
     "  cloudepctl check --json | jq '.checks[] | select(.state == \"bad\")'\n"
     "  cloudepctl check --httpd /usr/local/apache2/bin/apachectl\n"
     "  cloudepctl check --portal /etc/cloudep/portal\n",
     check},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
