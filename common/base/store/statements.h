/*
 * statements.h - every store's statements, so that a test can look at all of them.
 *
 * A store keeps its statements in one array, indexed by an enum, and shows it as cloudep_NAME_statements: one that is
 * not in the array cannot be run.
 */
#ifndef CLOUDEP_STATEMENTS_H
#define CLOUDEP_STATEMENTS_H

#include "base/store/db.h"

typedef struct cloudep_statement_list_t {
    const cloudep_statement_t *statements;
    int count;
} cloudep_statement_list_t;

#define CLOUDEP_STATEMENT_LIST(array)                                                                                  \
    {                                                                                                                  \
        .statements = (array), .count = (int)(sizeof(array) / sizeof((array)[0]))                                      \
    }

/* The stores, by the names of their files: NAME_store.c. */
#define CLOUDEP_STORES(X)                                                                                              \
    X(budget)                                                                                                          \
    X(clock)                                                                                                           \
    X(contact)                                                                                                         \
    X(credential)                                                                                                      \
    X(email)                                                                                                           \
    X(event)                                                                                                           \
    X(generation)                                                                                                      \
    X(identity)                                                                                                        \
    X(link)                                                                                                            \
    X(liveness)                                                                                                        \
    X(login_phone)                                                                                                     \
    X(member)                                                                                                          \
    X(operator)                                                                                                        \
    X(operator_member)                                                                                                 \
    X(operator_migration)                                                                                              \
    X(operator_outbox)                                                                                                 \
    X(operator_watch)                                                                                                  \
    X(outbox)                                                                                                          \
    X(own_session)                                                                                                     \
    X(passkey)                                                                                                         \
    X(password)                                                                                                        \
    X(registration)                                                                                                    \
    X(health)                                                                                                          \
    X(schema)                                                                                                          \
    X(session)                                                                                                         \
    X(sweep)                                                                                                           \
    X(tenant)                                                                                                          \
    X(totp)

#define CLOUDEP_STATEMENTS_OF(store) extern const cloudep_statement_list_t cloudep_##store##_statements;
CLOUDEP_STORES(CLOUDEP_STATEMENTS_OF)

#endif
