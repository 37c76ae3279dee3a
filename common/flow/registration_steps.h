/*
 * registration_steps.h - the steps that a registration and its concealed form share.
 */
#ifndef CLOUDEP_REGISTRATION_STEPS_H
#define CLOUDEP_REGISTRATION_STEPS_H

#include "base/store/registration_store.h"
#include "flow/registration.h"
#include "idp/idp.h"
#include "service/code.h"

/* The person who registers, or a decoy. */
typedef struct cloudep_registrant_t {
    cloudep_code_receiver_t receiver; /* target: the email that the client typed */
    const cloudep_member_t *owner;    /* a decoy's: whose that email is, to be told; NULL: nobody is told */
    cloudep_registration_attempt_t attempt;
} cloudep_registrant_t;

/**
 * Makes an attempt of who->receiver's: its uid, and what is kept of the password. Stores nothing. FIELD_INVALID at
 * field (an offsetof of the flow's input): the identity provider refuses the password.
 * @param password NULL: none was given
 */
cloudep_outcome_t cloudep_new_attempt(cloudep_context_t *ctx, cloudep_registrant_t *who, apr_size_t field,
                                      const char *password);

/** Starts the attempt's challenge, stores the attempt with the mail, and answers. The cooldown has been claimed. */
cloudep_outcome_t cloudep_send_attempt_code(cloudep_context_t *ctx, cloudep_registrant_t *who,
                                            cloudep_challenge_answer_t *out);

/** The same for an attempt that is stored already: a new code for it. REGISTRATION_NOT_PENDING: it has ended. */
cloudep_outcome_t cloudep_send_renewed_code(cloudep_context_t *ctx, cloudep_registrant_t *who,
                                            cloudep_challenge_answer_t *out);

/**
 * A registration from the reserved row to the code on its way, under user->email and the attempt's uid. A failure has
 * undone it. EMAIL_TAKEN, REGISTRATION_PENDING.
 */
cloudep_outcome_t cloudep_enrol(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                const cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                cloudep_challenge_answer_t *out);

/** The same with CloudEPConcealAccounts: the answer does not tell whether the email was taken. */
cloudep_outcome_t cloudep_enrol_concealed(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                          cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                          cloudep_challenge_answer_t *out);

/** Who is sent a code at a concealed resumption: the member (NULL: nobody has the email), or a decoy. */
cloudep_outcome_t cloudep_find_concealed(cloudep_context_t *ctx, const cloudep_member_t *member,
                                         cloudep_registrant_t *who);

#endif
