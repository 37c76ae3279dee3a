/*
 * auth.h - the flows of /api/v1/auth, one file a flow; the table that names them is mod_cloudep_auth.c.
 */
#ifndef CLOUDEP_AUTH_H
#define CLOUDEP_AUTH_H

#include "core/cloudep.h"
#include "idp/idp.h"

/* Purposes of challenges: a code of one never serves another. */
#define PURPOSE_REGISTRATION "registration"
#define PURPOSE_PASSWORD_RESET "password_reset"
#define PURPOSE_LOGIN_MFA "login_mfa"
#define PURPOSE_SOCIAL_REGISTER "social_register"
#define PURPOSE_SOCIAL_LOGIN "social_login"

/* Fields and flows; the order of a table's fields is known to its flow only. */
extern const cloudep_field_t register_fields[], confirm_fields[], resend_fields[], resume_fields[];
cloudep_problem_t *register_start(cloudep_call_t *call);
cloudep_problem_t *register_confirm(cloudep_call_t *call);
cloudep_problem_t *register_resend(cloudep_call_t *call);
cloudep_problem_t *register_resume(cloudep_call_t *call);

/**
 * Looks at tenant, invite and email, in the order that tells nobody without an invite who is registered, and takes
 * nothing. email NULL: not known yet.
 */
cloudep_problem_t *admit(cloudep_call_t *call, const char *slug, const char *invite_code, const char *email,
                         cloudep_admission_t *admission);

extern const cloudep_field_t login_fields[];
cloudep_problem_t *login(cloudep_call_t *call);

/**
 * A login after the first factor, done as amr says (RFC 8176): tells who may not log in, asks for the second factor, or
 * opens the session.
 */
cloudep_problem_t *complete_login(cloudep_call_t *call, const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                  const char *amr);

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

extern const cloudep_field_t social_register_fields[], social_login_fields[], social_callback_fields[];
cloudep_problem_t *social_register_start(cloudep_call_t *call);
cloudep_problem_t *social_register_callback(cloudep_call_t *call);
cloudep_problem_t *social_login_start(cloudep_call_t *call);
cloudep_problem_t *social_login_callback(cloudep_call_t *call);

extern const cloudep_field_t exchange_fields[];
cloudep_problem_t *token_exchange(cloudep_call_t *call);

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
#define FIELD_INVITE                                                                                                   \
    {                                                                                                                  \
        .name = "invite_code", .type = CLOUDEP_FIELD_TEXT, .flags = CLOUDEP_FIELD_REQUIRED, .min = 1, .max = 64        \
    }
#define FIELD_TERMS                                                                                                    \
    {                                                                                                                  \
        .name = "accept_terms_version", .type = CLOUDEP_FIELD_TEXT, .flags = CLOUDEP_FIELD_REQUIRED, .min = 1,         \
        .max = 64                                                                                                      \
    }
#define FIELD_MARKETING                                                                                                \
    {                                                                                                                  \
        .name = "marketing_opt_in", .type = CLOUDEP_FIELD_BOOL                                                         \
    }
#define FIELDS_END                                                                                                     \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

#endif
