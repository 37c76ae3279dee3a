/*
 * check.h - what "cloudepctl check" reads: it runs "httpd -t -D CLOUDEP_CHECK", where each part that is configured is
 * asked whether it answers.
 */
#ifndef CLOUDEP_CHECK_H
#define CLOUDEP_CHECK_H

#include <httpd.h>

/** What httpd is defined with to be asked, and what a line of the answer begins with. One JSON object follows it. */
#define CLOUDEP_CHECK_DEFINE "CLOUDEP_CHECK"
#define CLOUDEP_CHECK_LINE "cloudep-check "

/** Whether httpd only runs to be asked. */
int cloudep_check_is_wanted(void);

/** Goes on as the user that children run as, where this is root: what root may read, they may not. */
apr_status_t cloudep_check_become_user(void);

/** Writes a line to standard output: server, part, state ("good", "bad", "off") and a sentence. */
void cloudep_check_say(apr_pool_t *p, const server_rec *s, const char *part, const char *state, const char *said);

#endif
