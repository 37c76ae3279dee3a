/*
 * password.c - argon2id through libargon2, guessability through libzxcvbn.
 *
 * libargon2 compares in constant time and wipes the memory it works in. libzxcvbn keeps no state (its dictionary
 * is constant data), so any number of threads may use it.
 */
#include "base/crypto/password.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_encode.h>
#include <apr_strings.h>
#include <argon2.h>
#include <openssl/crypto.h>
#include <zxcvbn.h>

#include "base/crypto/random.h"

#define SALT_SIZE 16
#define TAG_SIZE 32
#define PASSWORD_MAX 4096 /* bytes */
#define PHC_MAX 512       /* bytes; ours have 97 */

#define MEMORY_LEAST 7168         /* KiB: the least that OWASP lists (with 5 passes) */
#define MEMORY_MOST (1024 * 1024) /* KiB */
#define PASSES_MOST 64
#define LANES_MOST 16
#define WORK_MOST (4u * 1024 * 1024) /* KiB times passes: some seconds */

const char *cloudep_password_params_fault(const cloudep_password_params_t *params)
{
    if (params->memory < MEMORY_LEAST || params->memory > MEMORY_MOST) {
        return "memory must be 7168 to 1048576 KiB";
    }
    if (params->passes < 1 || params->passes > PASSES_MOST) {
        return "passes must be 1 to 64";
    }
    if (params->lanes < 1 || params->lanes > LANES_MOST) {
        return "lanes must be 1 to 16";
    }
    if (params->memory * params->passes > WORK_MOST) {
        return "memory times passes must be at most 4194304 KiB";
    }
    return NULL;
}

/* Read the parameters at the head of an argon2id PHC string; libargon2 keeps its own reader to itself.
 * Written by hand since sscanf() also takes signs, white space and numbers that overflow.
 * Returns what follows the parameters, or NULL. */
static const char *read_params(cloudep_password_params_t *params, const char *phc)
{
    static const char *const labels[] = {"$argon2id$v=19$m=", ",t=", ",p="};
    apr_uint32_t *const numbers[] = {&params->memory, &params->passes, &params->lanes};

    if (strlen(phc) > PHC_MAX) {
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        const apr_size_t length = strlen(labels[i]);
        apr_size_t digits;

        if (strncmp(phc, labels[i], length) != 0) {
            return NULL;
        }
        phc += length;
        digits = strspn(phc, "0123456789");
        if (digits < 1 || digits > 9) {
            return NULL;
        }
        *numbers[i] = (apr_uint32_t)apr_atoi64(phc);
        phc += digits;
    }
    return *phc == '$' ? phc : NULL;
}

/* ---- The hash's memory ---------------------------------------------------------------------------------- */

/* libargon2's callbacks take no argument of ours, so a call's block waits here, on its own thread. */
static _Thread_local const cloudep_password_memory_t *lent;

static int take_memory(uint8_t **block, size_t size)
{
    *block = lent && size <= lent->size ? lent->block : malloc(size);
    return *block ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

/* What was in it has been wiped by libargon2. */
static void give_memory_back(uint8_t *block, size_t size)
{
    (void)size;
    if (!lent || block != lent->block) {
        free(block);
    }
}

/* ---- A PHC string --------------------------------------------------------------------------------------- */

/* Salt and tag of a hash; the salt is read from a PHC string or fresh, the tag read or computed. */
typedef struct phc_t {
    cloudep_password_params_t params;
    unsigned char salt[PHC_MAX], tag[PHC_MAX];
    apr_size_t salt_size, tag_size;
} phc_t;

/* "$argon2id$v=19$m=19456,t=2,p=1$salt$tag", both in base64 without padding. */
static const char *write_phc(const phc_t *hash, apr_pool_t *pool)
{
    const char *salt =
        apr_pencode_base64_binary(pool, hash->salt, (apr_ssize_t)hash->salt_size, APR_ENCODE_NOPADDING, NULL);
    const char *tag =
        apr_pencode_base64_binary(pool, hash->tag, (apr_ssize_t)hash->tag_size, APR_ENCODE_NOPADDING, NULL);

    return apr_psprintf(pool, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s", hash->params.memory, hash->params.passes,
                        hash->params.lanes, salt, tag);
}

/* One spelling only: what is not written as we write it is no hash. */
static int read_phc(phc_t *hash, const char *phc, apr_pool_t *pool)
{
    const char *salt = read_params(&hash->params, phc);
    const char *tag = salt ? strchr(++salt, '$') : NULL;

    if (!tag) {
        return 0;
    }
    tag++;
    return tag - salt > 1 && *tag &&
           apr_decode_base64_binary(hash->salt, salt, tag - salt - 1, APR_ENCODE_NONE, &hash->salt_size) ==
               APR_SUCCESS &&
           apr_decode_base64_binary(hash->tag, tag, (apr_ssize_t)strlen(tag), APR_ENCODE_NONE, &hash->tag_size) ==
               APR_SUCCESS &&
           strcmp(write_phc(hash, pool), phc) == 0;
}

static argon2_context context_of(phc_t *hash, unsigned char *tag, const char *password)
{
    /* It is only read: without ARGON2_FLAG_CLEAR_PASSWORD libargon2 leaves it as it is. */
    union {
        const char *given;
        uint8_t *taken;
    } secret = {.given = password};

    return (argon2_context){
        .out = tag,
        .outlen = (uint32_t)hash->tag_size,
        .pwd = secret.taken,
        .pwdlen = (uint32_t)strlen(password),
        .salt = hash->salt,
        .saltlen = (uint32_t)hash->salt_size,
        .t_cost = hash->params.passes,
        .m_cost = hash->params.memory,
        .lanes = hash->params.lanes,
        .threads = hash->params.lanes,
        .version = ARGON2_VERSION_13,
        .allocate_cbk = take_memory,
        .free_cbk = give_memory_back,
    };
}

/* What libargon2's answer means; a tag that differs is told by argon2id_verify_ctx() alone. */
static apr_status_t status_of(int argon2)
{
    switch (argon2) {
    case ARGON2_OK:
        return APR_SUCCESS;
    case ARGON2_VERIFY_MISMATCH:
        return CLOUDEP_EFORGED;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
    case ARGON2_THREAD_FAIL:
        return APR_ENOMEM;
    default:
        return CLOUDEP_EDATA;
    }
}

apr_status_t cloudep_password_hash(const char **phc, const char *password, const cloudep_password_params_t *params,
                                   const cloudep_password_memory_t *memory, apr_pool_t *pool)
{
    phc_t hash = {.params = *params, .salt_size = SALT_SIZE, .tag_size = TAG_SIZE};
    argon2_context context;
    apr_status_t rv;

    *phc = NULL;
    if (strlen(password) > PASSWORD_MAX || cloudep_password_params_fault(params)) {
        return APR_EINVAL;
    }
    if ((rv = cloudep_random_bytes(hash.salt, SALT_SIZE)) != APR_SUCCESS) {
        return rv;
    }
    context = context_of(&hash, hash.tag, password);
    lent = memory;
    rv = status_of(argon2id_ctx(&context));
    *phc = rv == APR_SUCCESS ? write_phc(&hash, pool) : NULL;
    return rv;
}

apr_status_t cloudep_password_verify(const char *password, const char *phc, const cloudep_password_memory_t *memory,
                                     apr_pool_t *pool)
{
    cloudep_password_params_t params;
    unsigned char tag[PHC_MAX];
    argon2_context context;
    phc_t hash;

    if (!read_phc(&hash, phc, pool)) {
        return CLOUDEP_EDATA;
    }
    params = hash.params;
    if (params.memory < MEMORY_LEAST) {
        params.memory = MEMORY_LEAST; /* weaker than we would make it, but no reason to lock out */
    }
    if (cloudep_password_params_fault(&params)) {
        return CLOUDEP_EDATA;
    }
    if (strlen(password) > PASSWORD_MAX) {
        return CLOUDEP_EFORGED; /* it could never have been set */
    }
    context = context_of(&hash, tag, password);
    lent = memory;
    return status_of(argon2id_verify_ctx(&context, (const char *)hash.tag));
}

int cloudep_password_needs_rehash(const char *phc, const cloudep_password_params_t *params)
{
    cloudep_password_params_t made_with;

    return !read_params(&made_with, phc) || made_with.memory != params->memory || made_with.passes != params->passes ||
           made_with.lanes != params->lanes;
}

apr_status_t cloudep_password_decoy(const char **phc, const cloudep_password_params_t *params, apr_pool_t *pool)
{
    const char *nobody_knows;

    *phc = NULL;
    if (cloudep_random_id(&nobody_knows, pool) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    return cloudep_password_hash(phc, nobody_knows, params, NULL, pool);
}

/* libzxcvbn's time grows with more than the fourth power of the length on hostile input (digits and
 * signs that leet spelling can read in several ways): measured at worst 7 ms for 32 bytes, 40 ms for 48,
 * 160 ms for 64. So it sees 32 bytes at a time, and no more of them than it takes to be sure. */
#define PIECE_SIZE 32

/* About 10^6 guesses: what zxcvbn's authors count as found by an online attack without a throttle. All
 * of the lists of common passwords lies below. */
#define BITS_LEAST 20.0

#define UNIT_LEAST 8 /* characters: what is repeated must be a password by itself */

#define WORDS_MOST 32
#define WORD_LEAST 3 /* shorter ones are parts of anything */

typedef struct wordlist_t {
    const char *words[WORDS_MOST + 1]; /* ended by NULL, as libzxcvbn wants them */
    apr_size_t count;
} wordlist_t;

static void add_word(wordlist_t *list, const char *word, apr_size_t length, apr_pool_t *pool)
{
    if (length >= WORD_LEAST && length <= PIECE_SIZE && list->count < WORDS_MOST) {
        list->words[list->count++] = apr_pstrndup(pool, word, length);
        list->words[list->count] = NULL;
    }
}

/* Collect what belongs to the user: each text as it is and, as people shorten them, its parts. */
static void collect_words(wordlist_t *list, const char *const words[], apr_pool_t *pool)
{
    static const char separators[] = " \t.,;:!?'\"@_+-/()";

    list->count = 0;
    list->words[0] = NULL;
    for (; words && *words; words++) {
        const char *at = strchr(*words, '@');

        add_word(list, *words, strlen(*words), pool);
        if (at) {
            add_word(list, *words, (apr_size_t)(at - *words), pool);
        }
        for (const char *part = *words; *part;) {
            const apr_size_t length = strcspn(part, separators);

            if (part[length] || part > *words) {
                add_word(list, part, length, pool);
            }
            part += length;
            part += strspn(part, separators);
        }
    }
}

/* Whether the password is one of the user's texts or its part before the @, also when that is too long
 * for libzxcvbn. */
static int is_own_text(const char *password, const char *const words[])
{
    const apr_size_t length = strlen(password);

    for (; words && *words; words++) {
        if (strncasecmp(password, *words, length) == 0 && ((*words)[length] == '\0' || (*words)[length] == '@')) {
            return 1;
        }
    }
    return 0;
}

/* The length of what the text repeats at least twice (the last time maybe cut short), else its own. */
static apr_size_t repeated_unit(const char *text, apr_size_t length)
{
    for (apr_size_t unit = 1; unit <= length / 2; unit++) {
        if (memcmp(text, text + unit, length - unit) == 0) {
            return unit;
        }
    }
    return length;
}

static const char *reason_of(ZxcTypeMatch_t type)
{
    switch ((int)type & ~MULTIPLE_MATCH) {
    case DICTIONARY_MATCH:
    case DICT_LEET_MATCH:
        return "must not be a common password or a single word";
    case USER_MATCH:
    case USER_LEET_MATCH:
        return "must not be your name, email address or organisation";
    case REPEATS_MATCH:
        return "must not repeat a short text";
    case SEQUENCE_MATCH:
        return "must not be a sequence of letters or digits";
    case SPATIAL_MATCH:
        return "must not be a keyboard pattern";
    case DATE_MATCH:
    case YEAR_MATCH:
        return "must not be a date";
    default:
        return NULL;
    }
}

/* Estimate one piece of at most PIECE_SIZE bytes. reason: why it is weak, if it is one pattern. */
static double estimate(const char **reason, const char *piece, apr_size_t length, wordlist_t *list)
{
    char text[PIECE_SIZE + 1];
    ZxcMatch_t *parts = NULL;
    double bits;

    memcpy(text, piece, length);
    text[length] = '\0';
    bits = ZxcvbnMatch(text, list->words, &parts);
    *reason = parts && !parts->Next ? reason_of(parts->Type) : NULL;
    ZxcvbnFreeInfo(parts);
    OPENSSL_cleanse(text, sizeof(text));
    return bits;
}

apr_status_t cloudep_password_acceptable(const char **reason, const char *password, const char *const words[],
                                         apr_pool_t *pool)
{
    const apr_size_t length = strlen(password);
    const apr_size_t unit = repeated_unit(password, length);
    apr_size_t characters = 0;
    wordlist_t list;
    double bits = 0;

    *reason = NULL;
    for (apr_size_t i = 0; i < unit; i++) {
        characters += ((unsigned char)password[i] & 0xc0) != 0x80;
    }
    if (unit < length && characters < UNIT_LEAST) {
        *reason = reason_of(REPEATS_MATCH);
        return CLOUDEP_EREFUSED;
    }
    if (is_own_text(password, words)) {
        *reason = reason_of(USER_MATCH);
        return CLOUDEP_EREFUSED;
    }
    collect_words(&list, words, pool);
    for (apr_size_t at = 0; at < unit && bits < BITS_LEAST; at += PIECE_SIZE) {
        const apr_size_t size = unit - at < PIECE_SIZE ? unit - at : PIECE_SIZE;

        bits += estimate(reason, password + at, size, &list);
        if (*reason && size == unit) {
            return CLOUDEP_EREFUSED;
        }
    }
    *reason = NULL;
    if (bits < BITS_LEAST) {
        *reason = "must not be so easy to guess: common words, names, dates and patterns count little";
        return CLOUDEP_EREFUSED;
    }
    return APR_SUCCESS;
}
