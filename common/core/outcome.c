/*
 * outcome.c - see outcome.h.
 */
#include "core/outcome.h"

#define REASON_WORD(name, word) word,
static const char *const words[] = {CLOUDEP_REASONS(REASON_WORD)};

const char *cloudep_reason_word(cloudep_reason_e reason)
{
    return reason < CLOUDEP_REASON_COUNT ? words[reason] : "internal_error";
}
