/*
 * rsa_key.h - which RSA public keys are taken, wherever they come from.
 */
#ifndef CLOUDEP_RSA_KEY_H
#define CLOUDEP_RSA_KEY_H

#include <openssl/bn.h>

#define CLOUDEP_RSA_MIN_BITS 2048

typedef enum {
    CLOUDEP_RSA_FIT = 0,
    CLOUDEP_RSA_SIZE,       /* fewer bits than CLOUDEP_RSA_MIN_BITS, or more than asked for */
    CLOUDEP_RSA_IMPOSSIBLE, /* an even modulus or exponent, an exponent of 1 or above 64 bits */
    /* Made by the key generator of CVE-2017-15361 (ROCA), which is in TPMs and security keys: it can be factored. */
    CLOUDEP_RSA_FACTORABLE
} cloudep_rsa_verdict_t;

/** Judges a modulus and its exponent. max_bits: the largest modulus that is taken. */
cloudep_rsa_verdict_t cloudep_rsa_judge(const BIGNUM *n, const BIGNUM *e, int max_bits);

#endif
