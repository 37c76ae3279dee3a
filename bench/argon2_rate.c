/*
 * argon2_rate.c - how many argon2id hashes this machine makes in a second, with nothing around them.
 *
 *   argon2_rate SECONDS THREADS MEMORY PASSES LANES
 */
#include <argon2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
    double seconds;
    uint32_t memory, passes, lanes;
} given;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *count(void *total)
{
    static const unsigned char salt[16] = "0123456789abcdef";
    unsigned char tag[32];
    double end = now() + given.seconds;

    while (now() < end) {
        if (argon2id_hash_raw(given.passes, given.memory, given.lanes, "correct horse", 13, salt, sizeof(salt), tag,
                              sizeof(tag)) != ARGON2_OK) {
            exit(1);
        }
        ++*(long *)total;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    long totals[64] = {0};
    long all = 0;
    int n = argc == 6 ? atoi(argv[2]) : 0;

    if (n < 1 || n > 64) {
        return 2;
    }
    given.seconds = atof(argv[1]);
    given.memory = (uint32_t)atol(argv[3]);
    given.passes = (uint32_t)atol(argv[4]);
    given.lanes = (uint32_t)atol(argv[5]);
    for (int i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, count, &totals[i])) {
            return 1;
        }
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        all += totals[i];
    }
    printf("%.2f\n", (double)all / given.seconds);
    return 0;
}
