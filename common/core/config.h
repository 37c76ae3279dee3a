/*
 * config.h - the directives of a server: what httpd calls to make, inherit and set the settings of settings.h.
 */
#ifndef CLOUDEP_CONFIG_H
#define CLOUDEP_CONFIG_H

#include <httpd.h>
#include <http_config.h>
#include <stddef.h>
#include "core/settings.h"

void *cloudep_config_create(apr_pool_t *p, server_rec *s);
void *cloudep_config_merge(apr_pool_t *p, void *base, void *add);

/** Puts defaults where nothing was set, and notes whether something was; check_config, once a server. */
void cloudep_config_settle(cloudep_config_t *config);

/* ---- The commands, for the one table of the module ------------------------------------------------------ */

/* How one directive stores its value; its command has it as cmd->info. */
typedef struct cloudep_setting_t {
    size_t offset;
    int min;
    int max;
} cloudep_setting_t;

#define CLOUDEP_SETTING_NUMBER(member, ...) CLOUDEP_SETTING_##member,
enum {
    CLOUDEP_SETTINGS(CLOUDEP_SETTING_NUMBER, CLOUDEP_SETTING_NUMBER, CLOUDEP_SETTING_NUMBER, CLOUDEP_SETTING_NUMBER,
                     CLOUDEP_SETTING_NUMBER, CLOUDEP_SETTING_NUMBER, CLOUDEP_SETTING_NUMBER) CLOUDEP_SETTING_COUNT
};
extern const cloudep_setting_t cloudep_settings[CLOUDEP_SETTING_COUNT];

const char *cloudep_set_flag(cmd_parms *cmd, void *place, int on);
const char *cloudep_set_number(cmd_parms *cmd, void *place, const char *arg);
const char *cloudep_set_seconds(cmd_parms *cmd, void *place, const char *arg);
const char *cloudep_set_text(cmd_parms *cmd, void *place, const char *arg);
const char *cloudep_set_filename(cmd_parms *cmd, void *place, const char *arg);
const char *cloudep_add_to_list(cmd_parms *cmd, void *place, const char *arg);
const char *cloudep_add_row(cmd_parms *cmd, void *place, int count, char *const words[]);

const char *cloudep_refuse_renamed(cmd_parms *cmd, void *place, const char *args);

/* httpd keeps a writable pointer that the setters only read. */
#define CLOUDEP_INFO(member) ((void *)(apr_uintptr_t)&cloudep_settings[CLOUDEP_SETTING_##member])
#define CLOUDEP_COMMAND_FLAG(member, directive, value, help)                                                           \
    AP_INIT_FLAG(directive, cloudep_set_flag, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_NUMBER(member, directive, value, low, high, help)                                              \
    AP_INIT_TAKE1(directive, cloudep_set_number, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_SECONDS(member, directive, value, low, high, help)                                             \
    AP_INIT_TAKE1(directive, cloudep_set_seconds, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_TEXT(member, directive, value, help)                                                           \
    AP_INIT_TAKE1(directive, cloudep_set_text, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_FILENAME(member, directive, help)                                                              \
    AP_INIT_TAKE1(directive, cloudep_set_filename, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_LIST(member, directive, help)                                                                  \
    AP_INIT_ITERATE(directive, cloudep_add_to_list, CLOUDEP_INFO(member), RSRC_CONF, help),
#define CLOUDEP_COMMAND_ROWS(member, directive, low, high, help)                                                       \
    AP_INIT_TAKE_ARGV(directive, cloudep_add_row, CLOUDEP_INFO(member), RSRC_CONF, help),

#define CLOUDEP_COMMAND_RENAMED(directive, present)                                                                    \
    AP_INIT_RAW_ARGS(directive, cloudep_refuse_renamed, (void *)(apr_uintptr_t)(present), RSRC_CONF,                   \
                     "is " present " now"),

/* All of CLOUDEP_SETTINGS and CLOUDEP_RENAMED_SETTINGS; a comma is behind the last one. */
#define CLOUDEP_SERVER_COMMANDS                                                                                        \
    CLOUDEP_RENAMED_SETTINGS(CLOUDEP_COMMAND_RENAMED)                                                                  \
    CLOUDEP_SETTINGS(CLOUDEP_COMMAND_FLAG, CLOUDEP_COMMAND_NUMBER, CLOUDEP_COMMAND_SECONDS, CLOUDEP_COMMAND_TEXT,      \
                     CLOUDEP_COMMAND_FILENAME, CLOUDEP_COMMAND_LIST, CLOUDEP_COMMAND_ROWS)

#endif
