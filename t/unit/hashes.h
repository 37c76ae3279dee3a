/*
 * hashes.h - how many passwords are hashed, and how hard, for the tests: libargon2's two functions that we call,
 * counted on their way. For one thread.
 */
#ifndef CLOUDEP_TEST_HASHES_H
#define CLOUDEP_TEST_HASHES_H

#include <argon2.h>

static struct {
    int made;
    int compared;
    unsigned int memory, passes, lanes; /* of the last one */
} hashes;

static inline void hashes_note(const argon2_context *context, int *count)
{
    (*count)++;
    hashes.memory = context->m_cost;
    hashes.passes = context->t_cost;
    hashes.lanes = context->lanes;
}

int argon2id_ctx(argon2_context *context)
{
    hashes_note(context, &hashes.made);
    return argon2_ctx(context, Argon2_id);
}

int argon2id_verify_ctx(argon2_context *context, const char *hash)
{
    hashes_note(context, &hashes.compared);
    return argon2_verify_ctx(context, hash, Argon2_id);
}

#endif
