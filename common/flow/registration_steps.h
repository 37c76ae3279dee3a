/*
 * registration_steps.h - the steps that a registration and its concealed form share.
 */
#ifndef CLOUDEP_REGISTRATION_STEPS_H
#define CLOUDEP_REGISTRATION_STEPS_H

#include "flow/registration.h"
#include "idp/idp.h"
#include "service/code.h"

/* The person who registers, or a decoy. */
typedef struct cloudep_registrant_t {
    cloudep_code_receiver_t receiver; /* target: the email that the client typed */
    const cloudep_member_t *owner;    /* a decoy's: whose that email is, to be told; NULL: nobody is told */
    int stored;                       /* the row of receiver.uid is to be pending from now on, as of now */
} cloudep_registrant_t;

/** Starts the challenge, commits the message, and answers with the challenge. The cooldown has been claimed. */
cloudep_outcome_t cloudep_send_registration_code(cloudep_context_t *ctx, const cloudep_registrant_t *who,
                                                 cloudep_challenge_answer_t *out);

/**
 * A registration from the reserved row to the code on its way, under user->email; sets user->uid and the receiver's. A
 * failure has undone it. EMAIL_TAKEN.
 */
cloudep_outcome_t cloudep_enrol(cloudep_context_t *ctx, const cloudep_registration_t *in, cloudep_idp_user_t *user,
                                cloudep_registrant_t *who, cloudep_challenge_answer_t *out);

/** The same with CloudEPConcealAccounts: the answer does not tell whether the email was taken. */
cloudep_outcome_t cloudep_enrol_concealed(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                          cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                          cloudep_challenge_answer_t *out);

/** Who is sent a code at a concealed resumption: the member (NULL: nobody has the email), or a decoy. */
cloudep_outcome_t cloudep_find_concealed(cloudep_context_t *ctx, const cloudep_member_t *member,
                                         cloudep_registrant_t *who);

#endif
