/*
 * auth.h - the flows of /api/v1/auth, one file a flow; the table that names them is mod_cloudep_auth.c.
 */
#ifndef CLOUDEP_AUTH_H
#define CLOUDEP_AUTH_H

#include "cloudep.h"

/* Purposes of challenges: a code of one never serves another. */
#define PURPOSE_REGISTRATION "registration"
#define PURPOSE_PASSWORD_RESET "password_reset"
#define PURPOSE_LOGIN_MFA "login_mfa"

/* Fields and flows; the order of a table's fields is known to its flow only. */
extern const cloudep_field_t register_fields[], confirm_fields[], resend_fields[], resume_fields[];
cloudep_problem_t *register_start(cloudep_call_t *call);
cloudep_problem_t *register_confirm(cloudep_call_t *call);
cloudep_problem_t *register_resend(cloudep_call_t *call);
cloudep_problem_t *register_resume(cloudep_call_t *call);

extern const cloudep_field_t login_fields[];
cloudep_problem_t *login(cloudep_call_t *call);

/** Answers a right password with the challenge for the second factor. amr: how the first one was done (RFC 8176). */
cloudep_problem_t *ask_second_factor(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                     const cloudep_member_t *member, const char *amr);
extern const cloudep_field_t mfa_fields[];
cloudep_problem_t *login_mfa(cloudep_call_t *call);

extern const cloudep_field_t forgot_fields[], reset_fields[];
cloudep_problem_t *password_forgot(cloudep_call_t *call);
cloudep_problem_t *password_reset(cloudep_call_t *call);

extern const cloudep_field_t refresh_fields[];
cloudep_problem_t *token_refresh(cloudep_call_t *call);
cloudep_problem_t *logout(cloudep_call_t *call);

extern const cloudep_field_t verify_fields[];
cloudep_problem_t *verify(cloudep_call_t *call);

/* The handler of /.well-known/jwks.json. */
int jwks_handler(request_rec *r);

/* Fields that many flows take. */
#define FIELD_TENANT                                                                                                   \
    {                                                                                                                  \
        .name = "tenant_slug", .type = CLOUDEP_FIELD_SLUG, .flags = CLOUDEP_FIELD_REQUIRED                             \
    }
#define FIELD_EMAIL                                                                                                    \
    {                                                                                                                  \
        .name = "email", .type = CLOUDEP_FIELD_EMAIL, .flags = CLOUDEP_FIELD_REQUIRED                                  \
    }
#define FIELD_CHALLENGE                                                                                                \
    {                                                                                                                  \
        .name = "challenge_id", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED                              \
    }
#define FIELD_CODE                                                                                                     \
    {                                                                                                                  \
        .name = "code", .type = CLOUDEP_FIELD_CODE, .flags = CLOUDEP_FIELD_REQUIRED, .min = CLOUDEP_CODE_DIGITS,       \
        .max = CLOUDEP_CODE_DIGITS                                                                                     \
    }
#define FIELD_PASSWORD(field)                                                                                          \
    {                                                                                                                  \
        .name = field, .type = CLOUDEP_FIELD_PASSWORD, .flags = CLOUDEP_FIELD_REQUIRED, .min = 8, .max = 128           \
    }
#define FIELD_LANGUAGE                                                                                                 \
    {                                                                                                                  \
        .name = "language", .type = CLOUDEP_FIELD_LANGUAGE                                                             \
    }
#define FIELDS_END                                                                                                     \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

#endif
