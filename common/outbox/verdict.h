/*
 * verdict.h - what the end of one try says, and of whom.
 *
 * A server's answer about a recipient or a message concerns that message alone. Only what says that the server cannot
 * be used at present (connection, TLS, greeting, login, time) makes its worker rest.
 */
#ifndef CLOUDEP_VERDICT_H
#define CLOUDEP_VERDICT_H

typedef enum {
    CLOUDEP_SENT,              /* the server has taken responsibility for the message */
    CLOUDEP_RECIPIENT_REFUSED, /* never for this recipient: the message is given up */
    CLOUDEP_MESSAGE_REFUSED,   /* never, or it cannot be made at all: the message is given up */
    CLOUDEP_LATER,             /* not this message, not now: it is put off alone */
    CLOUDEP_SERVER_DOWN,       /* nobody's message at present: it is put off, and the worker rests */
    CLOUDEP_NOT_TRIED          /* the worker has to end first: handed back, and the attempt does not count */
} cloudep_verdict_e;

#endif
