/*
 * event_log_private.h - what the two files of the event log share.
 */
#ifndef CLOUDEP_EVENT_LOG_PRIVATE_H
#define CLOUDEP_EVENT_LOG_PRIVATE_H

#include <apr_file_io.h>
#include <string.h>
#include "core/event_log.h"

typedef struct cloudep_event_log_t {
    int facility;     /* syslog's; -1: it does not go there */
    apr_file_t *file; /* or the pipe to a program; NULL: nowhere */
} cloudep_event_log_t;

#endif
