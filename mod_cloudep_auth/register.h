/*
 * register.h - what registering and its concealed form share.
 */
#ifndef CLOUDEP_REGISTER_H
#define CLOUDEP_REGISTER_H

#include "auth.h"

/* Who registers, or seems to. */
typedef struct registrant_t {
    cloudep_code_receiver_t receiver; /* target: the email that the client typed */
    const cloudep_member_t *owner;    /* a decoy's: whose that email is, to be told; NULL: nobody is told */
    int stored;                       /* the row of receiver.uid is to be pending from now on, as of now */
} registrant_t;

/** Starts the challenge, commits the message, and answers with the challenge. The cooldown has been claimed. */
cloudep_problem_t *send_code(cloudep_call_t *call, const registrant_t *who);

/**
 * A registration from the reserved row to the code on its way, under user->email; sets user->uid and the receiver's. A
 * problem has undone it. 409 28303000: the email is taken.
 */
cloudep_problem_t *enrol(cloudep_call_t *call, cloudep_idp_user_t *user, registrant_t *who);

/** The same with CloudEPConcealAccounts: nobody can tell from the answer whether the email was taken. */
cloudep_problem_t *enrol_concealed(cloudep_call_t *call, cloudep_idp_user_t *user, const char *password,
                                   registrant_t *who);

/** Whom a resumed registration is of when nobody may tell: member (NULL: nobody has the email), or a decoy. */
cloudep_problem_t *find_concealed(cloudep_call_t *call, const cloudep_member_t *member, registrant_t *who);

#endif
