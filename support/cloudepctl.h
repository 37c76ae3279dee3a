/*
 * cloudepctl.h - what the files of the operator's tool share.
 *
 * A command is a row in a table: what it is called, which options it takes, and the function that does it. A
 * function answers once, through one of the output functions, or fails once, through cloudepctl_fail; what it
 * returns is the exit code.
 */
#ifndef CLOUDEPCTL_H
#define CLOUDEPCTL_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>
#include "base/store/operator_store.h"

/* Exit codes. */
enum {
    CLOUDEPCTL_DONE = 0,
    CLOUDEPCTL_REFUSED = 1, /* not allowed in this state */
    CLOUDEPCTL_USAGE = 2,
    CLOUDEPCTL_DATABASE = 3,
    CLOUDEPCTL_FILE = 4,
    CLOUDEPCTL_EXISTS = 5,    /* what was to be added is there already */
    CLOUDEPCTL_NOT_FOUND = 6, /* what the command is about is not there */
    CLOUDEPCTL_PENDING = 7    /* something is still to be done */
};

typedef struct cloudepctl_t {
    apr_pool_t *pool;
    apr_hash_t *options; /* name -> apr_array_header_t of texts, in the order given */
    int json;
    const char *error; /* what went wrong, one line */
    int told;          /* what went wrong is in what was printed */
    struct cloudep_db_t db;
    struct cloudepctl_link_t *link;
} cloudepctl_t;

/* ---- Commands and their options ------------------------------------------------------------------------- */

#define CLOUDEPCTL_REQUIRED 1u   /* the command does not run without it */
#define CLOUDEPCTL_REPEATABLE 2u /* may be given more than once */

typedef struct cloudepctl_option_t {
    const char *name;     /* NULL ends a table */
    const char *argument; /* what stands behind it; NULL: nothing, it is a switch */
    const char *help;
    unsigned int flags;
} cloudepctl_option_t;

typedef struct cloudepctl_command_t {
    const char *noun; /* NULL ends a table */
    const char *verb; /* NULL: the noun is the whole command */
    const char *summary;
    const cloudepctl_option_t *options;
    const char *notes; /* lines for the help, NULL: none */
    const char *examples;
    int (*run)(cloudepctl_t *ctl);
} cloudepctl_command_t;

extern const cloudepctl_command_t cloudepctl_migrate_commands[];
extern const cloudepctl_command_t cloudepctl_tenant_commands[];
extern const cloudepctl_command_t cloudepctl_invite_commands[];
extern const cloudepctl_command_t cloudepctl_member_commands[];
extern const cloudepctl_command_t cloudepctl_session_commands[];
extern const cloudepctl_command_t cloudepctl_watch_commands[]; /* lockout and event */
extern const cloudepctl_command_t cloudepctl_mail_commands[];
extern const cloudepctl_command_t cloudepctl_key_commands[];
extern const cloudepctl_command_t cloudepctl_breached_commands[];
extern const cloudepctl_command_t cloudepctl_check_commands[];

/* Rows of option tables that several commands have. */
#define CLOUDEPCTL_TENANT_OPTION                                                                                       \
    {                                                                                                                  \
        "tenant", "SLUG", "the tenant", CLOUDEPCTL_REQUIRED                                                            \
    }
#define CLOUDEPCTL_IF_ABSENT_OPTION                                                                                    \
    {                                                                                                                  \
        "if-absent", NULL, "succeed and change nothing where it is there already", 0                                   \
    }
#define CLOUDEPCTL_PAGE_OPTIONS                                                                                        \
    {"limit", "N", "show at most N rows, 1 to 1000 (default 100)", 0},                                                 \
    {                                                                                                                  \
        "after", "VALUE", "go on behind this one: \"next\" of the page before", 0                                      \
    }

/**
 * Reads the options of a command into ctl->options, checks that the required ones are there and nothing is given
 * twice or in vain. argv[0] is not looked at. Returns an exit code.
 */
int cloudepctl_parse(cloudepctl_t *ctl, const cloudepctl_command_t *command, int argc, const char *const *argv);

/** The option's text (the first one), NULL when it was not given. A switch that was given is "". */
const char *cloudepctl_option(const cloudepctl_t *ctl, const char *name);

/** All texts (const char *) of a repeatable option, NULL when it was not given. */
const apr_array_header_t *cloudepctl_option_list(const cloudepctl_t *ctl, const char *name);

/** A whole number from least to most; *number stays as it is when the option was not given. Returns an exit code. */
int cloudepctl_option_number(cloudepctl_t *ctl, int *number, const char *name, int least, int most);

/** "on" or "off" as "true" or "false", NULL when it was not given. Returns an exit code. */
int cloudepctl_option_switch(cloudepctl_t *ctl, const char **boolean, const char *name);

/** Prints the help of one command. Returns an exit code. */
int cloudepctl_command_help(cloudepctl_t *ctl, const cloudepctl_command_t *command);

/** What a command that adds says where the thing is there already: unchanged with --if-absent, else it fails. */
int cloudepctl_is_there(cloudepctl_t *ctl, const char *noun, const char *name, json_t *thing);

/** tenant export and tenant delete: a tenant with all that it has. Return an exit code. */
int cloudepctl_tenant_export(cloudepctl_t *ctl);
int cloudepctl_tenant_delete(cloudepctl_t *ctl);

/** --name and the like: printable text of 1 to most characters, or "" where that may be. Returns an exit code. */
int cloudepctl_check_text(cloudepctl_t *ctl, const char *name, int may_be_empty, int most);

/** --language in the canonical form; *language NULL when it was not given. Returns an exit code. */
int cloudepctl_language(cloudepctl_t *ctl, const char **language);

/** --outbox, the name of one; *outbox NULL when it was not given. Returns an exit code. */
int cloudepctl_outbox(cloudepctl_t *ctl, const char **outbox);

/* ---- The account pages ---------------------------------------------------------------------------------- */

/** What is told of a finding: state is a word of "cloudepctl check". The message lives as long as the pool. */
typedef void cloudepctl_finding_fn(void *baton, const char *state, const char *message);

/** Looks at an operator's own files of the account pages in a folder. Returns how many faults there are. */
int cloudepctl_check_portal(apr_pool_t *p, const char *folder, cloudepctl_finding_fn *found, void *baton);

/* ---- Time ----------------------------------------------------------------------------------------------- */

/**
 * Reads a point in the future: a duration (30s, 15m, 12h, 7d, 2w) into *seconds, or an RFC 3339 time into *at. The
 * other one is NULL. CLOUDEP_EMALFORMED: neither. CLOUDEP_EEXPIRED: that time is over.
 */
apr_status_t cloudepctl_future(const char **seconds, const char **at, apr_pool_t *p, const char *text);

/* ---- Failing -------------------------------------------------------------------------------------------- */

/** Keeps a message for the end of the run and returns code. */
int cloudepctl_fail(cloudepctl_t *ctl, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- Output: text from elsewhere is printed with its control characters escaped ------------------------- */

typedef struct cloudepctl_column_t {
    const char *field; /* NULL ends a table */
    const char *title;
} cloudepctl_column_t;

/** A record as an object that lives as long as the run: its columns in their order, SQL NULL as null. */
json_t *cloudepctl_json(cloudepctl_t *ctl, const cloudep_record_t *record, const void *row);

/**
 * A list: a table of the columns, or {name: [...]}; with next (an element's cursor, or null where there is no more)
 * also a line that says how to go on, or "next".
 * @param next NULL: the list is complete by its nature
 */
int cloudepctl_print_list(cloudepctl_t *ctl, const char *name, const cloudepctl_column_t *columns, const json_t *array,
                          json_t *next);

/** One object: every field on a line of its own, or {name: object}. */
int cloudepctl_print_record(cloudepctl_t *ctl, const char *name, json_t *object);

/** What was done: the sentence, or {name: result}. */
int cloudepctl_print_done(cloudepctl_t *ctl, const char *name, const json_t *result, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Notes in what a command prints whether it changed anything. Returns the object. */
json_t *cloudepctl_changed(json_t *result, int changed);

/** The failure that ctl->error holds: on stderr, and as {"error": {...}} when JSON is asked for. */
void cloudepctl_print_error(cloudepctl_t *ctl, int code);
/** A line on standard error that begins with "cloudepctl: warning: "; whatever it does not show is escaped. */
void cloudepctl_warn(const cloudepctl_t *ctl, const char *text);

/** Lines of ours as they are (help). */
int cloudepctl_print_text(cloudepctl_t *ctl, const char *text);

/** Hands a reference to the end of the run. NULL is allowed. */
json_t *cloudepctl_own(cloudepctl_t *ctl, json_t *json);

/* ---- Database ------------------------------------------------------------------------------------------- */

/** Makes ctl->db; the connection is opened when the first statement needs it. */
void cloudepctl_database_init(cloudepctl_t *ctl);

/** Turns a failed statement into a message and an exit code. */
int cloudepctl_database_failed(cloudepctl_t *ctl, apr_status_t rv);

/* ---- What the options name ------------------------------------------------------------------------------- */

/** The UUID of the tenant that --tenant names. Returns an exit code. */
int cloudepctl_tenant_id(cloudepctl_t *ctl, const char **id);

/** The tenant and the member that --tenant and --uid or --email name. Returns an exit code. */
int cloudepctl_member_named(cloudepctl_t *ctl, cloudep_operator_member_name_t *who);

/** Says that the tenant has no such member. Returns an exit code. */
int cloudepctl_no_member(cloudepctl_t *ctl, const cloudep_operator_member_name_t *who);

/**
 * The tenant that --tenant names, and the uid of the member that --uid or --email names: one named by email is looked
 * up. Without --tenant *tenant_id stays as it is; without a member *uid is NULL. Returns an exit code.
 */
int cloudepctl_scope(cloudepctl_t *ctl, const char **tenant_id, const char **uid);

/* ---- Commands that list, and commands that end ------------------------------------------------------------ */

/* A command that lists things: {name: [...], "next": cursor or null}. */
typedef struct cloudepctl_list_t {
    const char *name;
    const cloudepctl_column_t *columns; /* of the table */
    const cloudep_record_t *record;
    const char *cursor;                 /* the column to go on behind */
    int (*is_cursor)(const char *text); /* whether --after may be that; NULL: any text */
    const char *cursor_name;            /* what it must be */
    cloudep_operator_list_t *read;
} cloudepctl_list_t;

/**
 * Runs it with whichever of --tenant, --uid, --email, --status, --name, --outbox, --all, --limit and --after the
 * command takes. Returns an exit code.
 */
int cloudepctl_list(cloudepctl_t *ctl, const cloudepctl_list_t *list);

/* A command that ends things: "2 sessions ended", {"ended": {"sessions_ended": 2}}. */
typedef struct cloudepctl_ending_t {
    const char *own;  /* the option that names the thing itself, beside --uid, --email and --all */
    const char *noun; /* session */
    const char *done; /* ended */
    cloudep_operator_end_t *end;
} cloudepctl_ending_t;

/** Runs it; ending none is a refusal when the thing itself was named. Returns an exit code. */
int cloudepctl_end(cloudepctl_t *ctl, const cloudepctl_ending_t *ending);

#endif
