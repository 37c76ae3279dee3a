/*
 * cloudepctl.c - the operator's tool: finds the command, runs it, and turns its end into an exit code.
 */
#include "cloudepctl.h"
#include "base/version.h"

#include <apr_dbd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const cloudepctl_command_t *const groups[] = {cloudepctl_migrate_commands,
                                                     cloudepctl_tenant_commands,
                                                     cloudepctl_invite_commands,
                                                     cloudepctl_member_commands,
                                                     cloudepctl_session_commands,
                                                     cloudepctl_watch_commands,
                                                     cloudepctl_mail_commands,
                                                     cloudepctl_key_commands,
                                                     cloudepctl_breached_commands,
                                                     cloudepctl_check_commands,
                                                     NULL};

static const cloudepctl_command_t *find(const char *noun, const char *verb, int *noun_known)
{
    *noun_known = 0;
    for (int g = 0; groups[g]; g++) {
        for (const cloudepctl_command_t *c = groups[g]; c->noun; c++) {
            if (strcmp(c->noun, noun)) {
                continue;
            }
            *noun_known = 1;
            if (!c->verb || (verb && !strcmp(c->verb, verb))) {
                return c;
            }
        }
    }
    return NULL;
}

/* The list of commands, of one noun or (NULL) of all. */
static int overview(cloudepctl_t *ctl, const char *noun)
{
    const char *text =
        apr_pstrcat(ctl->pool, "usage: cloudepctl ", noun ? noun : "COMMAND", " [VERB] [OPTIONS]\n\ncommands:\n", NULL);

    for (int g = 0; groups[g]; g++) {
        for (const cloudepctl_command_t *c = groups[g]; c->noun; c++) {
            if (!noun || !strcmp(noun, c->noun)) {
                const char *name = apr_pstrcat(ctl->pool, c->noun, " ", c->verb ? c->verb : "", NULL);

                text = apr_psprintf(ctl->pool, "%s  %-16s  %s\n", text, name, c->summary);
            }
        }
    }
    text = apr_pstrcat(ctl->pool, text,
                       "\nEvery command takes --help, --json and --database CONNINFO.\n"
                       "The database is found by --database or CLOUDEP_DATABASE, a libpq connection string such as\n"
                       "\"host=db.example.org dbname=cloudep user=cloudep_owner\". Keep its password out of it: libpq\n"
                       "reads ~/.pgpass, or the file that PGPASSFILE names.\n\n"
                       "exit codes:\n"
                       "  0  done\n"
                       "  1  refused: not found, exists already, or not possible in this state\n"
                       "  2  wrong usage\n"
                       "  3  the database failed or could not be reached\n"
                       "  4  a file could not be read, written or accepted\n",
                       NULL);
    return cloudepctl_print_text(ctl, text);
}

static int has_word(int argc, const char *const *argv, const char *word)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], word)) {
            return 1;
        }
    }
    return 0;
}

static int run(cloudepctl_t *ctl, int argc, const char *const *argv)
{
    const char *noun = argc > 1 ? argv[1] : "--help";
    const char *verb = argc > 2 ? argv[2] : NULL;
    const int help = has_word(argc, argv, "--help") || has_word(argc, argv, "-h");
    const cloudepctl_command_t *command;
    int noun_known;
    int code;

    ctl->json = has_word(argc, argv, "--json");
    if (!strcmp(noun, "--version")) {
        return cloudepctl_print_text(ctl, "cloudepctl " CLOUDEP_VERSION "\n");
    }
    if (!strcmp(noun, "--help") || !strcmp(noun, "-h") || !strcmp(noun, "help")) {
        return overview(ctl, NULL);
    }
    command = find(noun, verb, &noun_known);
    if (!command && noun_known && help) {
        return overview(ctl, noun);
    }
    if (!command) {
        return noun_known
                   ? cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "%s needs a verb; see cloudepctl %s --help", noun, noun)
                   : cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "no command %s; see cloudepctl --help", noun);
    }
    if (help) {
        return cloudepctl_command_help(ctl, command);
    }
    code = cloudepctl_parse(ctl, command, command->verb ? argc - 2 : argc - 1, command->verb ? argv + 2 : argv + 1);
    return code ? code : command->run(ctl);
}

int main(int argc, const char *const *argv)
{
    cloudepctl_t ctl = {0};
    int code;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return CLOUDEPCTL_FILE;
    }
    (void)atexit(apr_terminate);
    /* A reader that goes away shows as a failed write, not as a death in the middle of a change. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (apr_pool_create(&ctl.pool, NULL) != APR_SUCCESS) {
        return CLOUDEPCTL_FILE;
    }
    ctl.options = apr_hash_make(ctl.pool);
    cloudepctl_database_init(&ctl);
    code = run(&ctl, argc, argv);
    if (code != CLOUDEPCTL_DONE && !ctl.told) {
        cloudepctl_print_error(&ctl, code);
    }
    apr_pool_destroy(ctl.pool);
    return code;
}
