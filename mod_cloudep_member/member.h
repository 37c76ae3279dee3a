/*
 * member.h - the flows of /api/v1/members, one file a flow; the table that names them is mod_cloudep_member.c.
 */
#ifndef CLOUDEP_MEMBER_H
#define CLOUDEP_MEMBER_H

#include "cloudep.h"

extern const cloudep_field_t profile_fields[];
cloudep_problem_t *profile_get(cloudep_call_t *call);
cloudep_problem_t *profile_update(cloudep_call_t *call);

#endif
