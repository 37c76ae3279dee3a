/*
 * event_log.h - CloudEPEventLog: where the lines of events go in place of httpd's error log.
 *
 *     CloudEPEventLog logs/events.log       a file, below ServerRoot unless absolute; opened as root, again at each
 * restart CloudEPEventLog "|/usr/bin/program"   a program that reads them, started again when it ends CloudEPEventLog
 * syslog[:facility]     the system's log CloudEPEventLog off                   nowhere; the table of events has them
 * still
 *
 * There each is a JSON object on a line of its own, with the time. A line is one write() that other children's lines
 * are not mixed with.
 */
#ifndef CLOUDEP_EVENT_LOG_H
#define CLOUDEP_EVENT_LOG_H

#include "core/context.h"

/** As a member of cloudep_part_t: refuses what cannot be, and opens it unless this is a dry run. */
apr_status_t cloudep_event_log_prepare(struct server_rec *s, struct cloudep_config_t *config, apr_pool_t *pconf,
                                       const char **error);

/**
 * Writes one event.
 * @param line a JSON object
 * @return 0: this server's events go to the error log, where the caller writes it
 */
int cloudep_event_log_write(const cloudep_context_t *ctx, const char *line);

#endif
