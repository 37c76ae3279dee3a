/*
 * member.h - the flows of /api/v1/members, one file a flow; the table that names them is mod_cloudep_member.c.
 */
#ifndef CLOUDEP_MEMBER_H
#define CLOUDEP_MEMBER_H

#include "core/cloudep.h"

/* Fields and flows; the order of a table's fields is known to its flow only. */
extern const cloudep_field_t profile_fields[];
cloudep_problem_t *profile_get(cloudep_call_t *call);
cloudep_problem_t *profile_update(cloudep_call_t *call);

extern const cloudep_field_t email_start_fields[], phone_start_fields[], verification_confirm_fields[];
cloudep_problem_t *email_verification_start(cloudep_call_t *call);
cloudep_problem_t *email_verification_confirm(cloudep_call_t *call);
cloudep_problem_t *phone_verification_start(cloudep_call_t *call);
cloudep_problem_t *phone_verification_confirm(cloudep_call_t *call);

extern const cloudep_field_t totp_confirm_fields[], totp_verify_fields[];
cloudep_problem_t *totp_status(cloudep_call_t *call);
cloudep_problem_t *totp_enroll_start(cloudep_call_t *call);
cloudep_problem_t *totp_enroll_confirm(cloudep_call_t *call);
cloudep_problem_t *totp_verify(cloudep_call_t *call);
cloudep_problem_t *totp_backup_codes(cloudep_call_t *call);
cloudep_problem_t *totp_remove(cloudep_call_t *call);
cloudep_problem_t *totp_picture(cloudep_call_t *call);

/* A session may outlive its member's row. */

/** 404, for operations whose contract knows it. */
cloudep_problem_t *member_gone(cloudep_call_t *call);

/** 401, for the others: the token speaks for nobody any more. */
cloudep_problem_t *nobody(cloudep_call_t *call);

#endif
