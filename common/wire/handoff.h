/*
 * handoff.h - POST /handoff, of every style that has cookies.
 */
#ifndef CLOUDEP_WIRE_HANDOFF_H
#define CLOUDEP_WIRE_HANDOFF_H

#include "wire/wire.h"

typedef struct cloudep_handoff_body_t {
    const char *return_to;
    const char *enter; /* NULL: the browser was not sent here by a guard */
} cloudep_handoff_body_t;

extern CLOUDEP_DECLARE(const cloudep_field_t) cloudep_handoff_fields[];

/** Answers {"url"}: where the browser goes on. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_run_handoff(cloudep_call_t *call);

#endif
