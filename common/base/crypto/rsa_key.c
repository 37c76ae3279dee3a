/*
 * rsa_key.c - size and form of RSA public keys, and the mark of the weak ones of CVE-2017-15361.
 */
#include "base/crypto/rsa_key.h"

#define MAX_EXPONENT_BITS 64
#define ROCA_GENERATOR 65537
#define ROCA_LARGEST_PRIME 167

static int is_prime(BN_ULONG odd)
{
    BN_ULONG divisor = 3;

    while (divisor * divisor <= odd && odd % divisor) {
        divisor += 2;
    }
    return divisor * divisor > odd;
}

/* Whether rest is a power of the generator modulo prime. */
static int is_power(BN_ULONG rest, BN_ULONG prime)
{
    BN_ULONG power = 1;

    do {
        if (power == rest) {
            return 1;
        }
        power = power * ROCA_GENERATOR % prime;
    } while (power != 1);
    return 0;
}

/*
 * The generator of CVE-2017-15361 made primes k * M + (65537^a mod M), M being the product of the first primes. So the
 * modulus is a power of 65537 modulo each of them, which another one is by chance once in 2^27 ("The Return of
 * Coppersmith's Attack", Nemec and others, 2017, section 2.2).
 */
static int is_factorable(const BIGNUM *n)
{
    BN_ULONG prime;

    for (prime = 3; prime <= ROCA_LARGEST_PRIME; prime += 2) {
        if (is_prime(prime) && !is_power(BN_mod_word(n, prime), prime)) {
            return 0;
        }
    }
    return 1;
}

cloudep_rsa_verdict_t cloudep_rsa_judge(const BIGNUM *n, const BIGNUM *e, int max_bits)
{
    const int bits = BN_num_bits(n);

    if (bits < CLOUDEP_RSA_MIN_BITS || bits > max_bits) {
        return CLOUDEP_RSA_SIZE;
    }
    if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > MAX_EXPONENT_BITS) {
        return CLOUDEP_RSA_IMPOSSIBLE;
    }
    return is_factorable(n) ? CLOUDEP_RSA_FACTORABLE : CLOUDEP_RSA_FIT;
}
