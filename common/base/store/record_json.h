/*
 * record_json.h - a record as a JSON object, for whoever writes rows as they are: cloudepctl, and a member's export.
 */
#ifndef CLOUDEP_RECORD_JSON_H
#define CLOUDEP_RECORD_JSON_H

#include <jansson.h>
#include "base/export.h"
#include "base/store/record.h"

/** The columns in their order under their names, SQL NULL as null. The caller owns it; NULL: out of memory. */
CLOUDEP_DECLARE(json_t *) cloudep_record_json(const cloudep_record_t *record, const void *row);

#endif
