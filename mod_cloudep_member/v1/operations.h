/*
 * operations.h - the operations of /api/v1/members. operations.c has the table; each file beside it has the fields and
 * the functions of one group.
 */
#ifndef CLOUDEP_MEMBER_OPERATIONS_H
#define CLOUDEP_MEMBER_OPERATIONS_H

#include "wire/v1/v1.h"

extern const cloudep_operation_t member_operations[];

/* email.c */
extern const cloudep_field_t login_email_start_fields[];
cloudep_outcome_t run_login_email_start(cloudep_call_t *call);
cloudep_outcome_t run_login_email_confirm(cloudep_call_t *call);

/* login_phone.c */
extern const cloudep_field_t login_phone_start_fields[];
cloudep_outcome_t run_login_phone_start(cloudep_call_t *call);
cloudep_outcome_t run_login_phone_confirm(cloudep_call_t *call);
cloudep_outcome_t run_login_phone_remove(cloudep_call_t *call);

/* leaving.c */
cloudep_outcome_t run_export(cloudep_call_t *call);
cloudep_outcome_t run_leave(cloudep_call_t *call);

/* identities.c */
extern const cloudep_field_t link_start_fields[], link_confirm_fields[];
cloudep_outcome_t run_linked_accounts(cloudep_call_t *call);
cloudep_outcome_t run_link_start(cloudep_call_t *call);
cloudep_outcome_t run_link_confirm(cloudep_call_t *call);
cloudep_outcome_t run_unlink(cloudep_call_t *call);

/* profile.c */
extern const cloudep_field_t profile_fields[];
cloudep_outcome_t run_get_profile(cloudep_call_t *call);
cloudep_outcome_t run_update_profile(cloudep_call_t *call);

/* password.c */
extern const cloudep_field_t password_fields[];
cloudep_outcome_t run_password_change(cloudep_call_t *call);

/* verification.c */
extern const cloudep_field_t email_start_fields[], phone_start_fields[], contact_confirm_fields[];
cloudep_outcome_t run_email_start(cloudep_call_t *call);
cloudep_outcome_t run_email_confirm(cloudep_call_t *call);
cloudep_outcome_t run_phone_start(cloudep_call_t *call);
cloudep_outcome_t run_phone_confirm(cloudep_call_t *call);

/* sessions.c */
extern const cloudep_field_t page_fields[];
cloudep_outcome_t run_list_sessions(cloudep_call_t *call);
cloudep_outcome_t run_end_other_sessions(cloudep_call_t *call);
cloudep_outcome_t run_end_session(cloudep_call_t *call);
cloudep_outcome_t run_list_events(cloudep_call_t *call);

/* totp.c */
extern const cloudep_field_t totp_confirm_fields[], totp_verify_fields[];
cloudep_outcome_t run_get_totp(cloudep_call_t *call);
cloudep_outcome_t run_totp_start(cloudep_call_t *call);
cloudep_outcome_t run_totp_confirm(cloudep_call_t *call);
cloudep_outcome_t run_totp_verify(cloudep_call_t *call);
cloudep_outcome_t run_totp_backup_codes(cloudep_call_t *call);
cloudep_outcome_t run_totp_remove(cloudep_call_t *call);

/* passkey.c */
extern const cloudep_field_t passkey_finish_fields[], passkey_name_fields[];
cloudep_outcome_t run_passkey_start(cloudep_call_t *call);
cloudep_outcome_t run_passkey_finish(cloudep_call_t *call);
cloudep_outcome_t run_passkey_list(cloudep_call_t *call);
cloudep_outcome_t run_passkey_rename(cloudep_call_t *call);
cloudep_outcome_t run_passkey_remove(cloudep_call_t *call);

/* picture.c */
cloudep_outcome_t run_totp_picture(cloudep_call_t *call);

#endif
