/*
 * flow_hasher_test.c - how many passwords are hashed at once, who waits for a turn, and the memory to hash in.
 */
#include <apr_atomic.h>
#include <apr_thread_proc.h>

#include "counted.h"
#include "flow.h"

/* flow_shim.c: what httpd says of the threads of a child; 0: nothing. */
extern int flow_mpm_threads;

static apr_pool_t *pool;

/* A hasher of these settings. */
static cloudep_hasher_t *hasher(int workers, int queue, int wait)
{
    static cloudep_runtime_t run;
    cloudep_config_t config = {.run = &run,
                               .password_memory = 7168,
                               .password_passes = 5,
                               .password_lanes = 1,
                               .password_workers = workers,
                               .password_queue = queue,
                               .password_wait = wait};

    flow_must(cloudep_hasher_child_init(NULL, &config, pool), "the hasher");
    ok(run.decoy && strstr(run.decoy, "$argon2id$v=19$m=7168,t=5,p=1$"), "the decoy is as hard as a hash");
    return run.hasher;
}

/* How many may hash at once: the permits that are given to whoever does not wait. */
static int permits(cloudep_hasher_t *from)
{
    const cloudep_password_memory_t *memory[256];
    int n = 0;

    while (n < 256 && cloudep_hasher_enter(&memory[n], from) == APR_SUCCESS) {
        n++;
    }
    for (int i = 0; i < n; i++) {
        cloudep_hasher_leave(from, memory[i]);
    }
    return n;
}

static long long gauge(cloudep_metric_e metric)
{
    return counted(metric, "", "");
}

static void test_memory(void)
{
    cloudep_hasher_t *of = hasher(2, 1, 0);
    const cloudep_password_memory_t *first, *second, *none, *again;

    is_int(cloudep_hasher_enter(&first, of), APR_SUCCESS, "the first of two turns");
    is_int(cloudep_hasher_enter(&second, of), APR_SUCCESS, "the second");
    ok(first->block != second->block, "each has memory of its own");
    is_int((long long)first->size, 7168LL * 1024, "as much as a hash takes");
    is_int(gauge(CLOUDEP_METRIC_HASHING), 2, "two hash now");
    is_int(cloudep_hasher_enter(&none, of), CLOUDEP_EOVERLOAD, "the third is refused");
    ok(!none, "and has no memory");
    is_int(gauge(CLOUDEP_METRIC_HASHES_REFUSED), 1, "which is counted");
    is_int(gauge(CLOUDEP_METRIC_HASHES_AWAITED), 0, "nobody waits any more");
    is_int(gauge(CLOUDEP_METRIC_HASHING), 2, "and two hash still");
    cloudep_hasher_leave(of, first);
    is_int(cloudep_hasher_enter(&again, of), APR_SUCCESS, "a turn that was given back is given again");
    ok(again == first, "with its memory");
    cloudep_hasher_leave(of, again);
    cloudep_hasher_leave(of, second);
    is_int(cloudep_hasher_enter(&again, of), APR_SUCCESS, "another turn");
    ok(again == second, "has the memory that was used last");
    cloudep_hasher_leave(of, again);
    is_int(gauge(CLOUDEP_METRIC_HASHING), 0, "in the end nobody hashes");
}

/* One who asks for a turn, in a thread. */
typedef struct asker_t {
    cloudep_hasher_t *of;
    apr_thread_t *thread;
    apr_uint32_t ended; /* atomic */
    apr_status_t rv;
} asker_t;

static void *APR_THREAD_FUNC ask(apr_thread_t *thread, void *askerv)
{
    asker_t *asker = askerv;
    const cloudep_password_memory_t *memory;

    asker->rv = cloudep_hasher_enter(&memory, asker->of);
    apr_atomic_set32(&asker->ended, 1);
    if (asker->rv == APR_SUCCESS) {
        cloudep_hasher_leave(asker->of, memory);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* Whether whoever asks, while all turns are taken, waits in line. */
static int waits(asker_t *asker, cloudep_hasher_t *of)
{
    *asker = (asker_t){.of = of};
    flow_must(apr_thread_create(&asker->thread, NULL, ask, asker, pool), "a thread");
    for (int i = 0; i < 5000 && gauge(CLOUDEP_METRIC_HASHES_AWAITED) < 1 && !apr_atomic_read32(&asker->ended); i++) {
        (void)usleep(2000);
    }
    return gauge(CLOUDEP_METRIC_HASHES_AWAITED) == 1 && !apr_atomic_read32(&asker->ended);
}

static apr_status_t outcome_of(asker_t *asker)
{
    apr_status_t rv;

    (void)apr_thread_join(&rv, asker->thread);
    return asker->rv;
}

static void test_queue(void)
{
    const cloudep_password_memory_t *memory, *none;
    cloudep_hasher_t *of;
    asker_t asker;

    flow_mpm_threads = 7;
    of = hasher(1, 0, 60000);
    is_int(cloudep_hasher_enter(&memory, of), APR_SUCCESS, "in a child of seven threads one hashes");
    ok(waits(&asker, of), "and one waits");
    is_int(cloudep_hasher_enter(&none, of), CLOUDEP_EOVERLOAD, "but no other, so that the rest can answer");
    cloudep_hasher_leave(of, memory);
    is_int(outcome_of(&asker), APR_SUCCESS, "whoever waits gets the turn that is given back");
    flow_mpm_threads = 3;
    of = hasher(1, 0, 60000);
    is_int(cloudep_hasher_enter(&memory, of), APR_SUCCESS, "of three threads one hashes");
    ok(waits(&asker, of), "and one may wait, however few threads there are");
    cloudep_hasher_leave(of, memory);
    is_int(outcome_of(&asker), APR_SUCCESS, "for that turn");
    flow_mpm_threads = 0;
}

/* Milliseconds, not seconds: far longer than any machine takes. */
static void test_wait(void)
{
    cloudep_hasher_t *of = hasher(1, 1, 25);
    const cloudep_password_memory_t *memory, *none;
    const apr_time_t began = apr_time_now();

    is_int(cloudep_hasher_enter(&memory, of), APR_SUCCESS, "a turn that is not given back in time");
    is_int(cloudep_hasher_enter(&none, of), CLOUDEP_EOVERLOAD, "is not waited for");
    ok(apr_time_now() - began < apr_time_from_sec(20), "longer than CloudEPPasswordWait says");
    cloudep_hasher_leave(of, memory);
}

static void test_permits(void)
{
    is_int(permits(hasher(3, 1, 0)), 3, "as many hash at once as CloudEPPasswordWorkers says");
    is_int(permits(hasher(0, 1, 0)), sysconf(_SC_NPROCESSORS_ONLN),
           "as many as there are processors where it says nothing");
}

static void test_prepare(void)
{
    cloudep_config_t config = {.password_memory = 7168, .password_passes = 5, .password_lanes = 1};
    const char *error = NULL;

    is_int(cloudep_hasher_prepare(NULL, &config, pool, &error), APR_SUCCESS, "a cost that may be");
    config.password_lanes = 17;
    is_int(cloudep_hasher_prepare(NULL, &config, pool, &error), APR_EINVAL, "too many lanes do not");
    ok(error && !strncmp(error, "CloudEPPasswordMemory, Passes, Lanes: ", 38), "the directives are told");
    config.password_lanes = 1;
    config.password_memory = 7167;
    is_int(cloudep_hasher_prepare(NULL, &config, pool, &error), APR_EINVAL, "too little memory does not");
    config.password_memory = 1048576;
    is_int(cloudep_hasher_prepare(NULL, &config, pool, &error), APR_EINVAL, "nor do too many passes over it");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    (void)atexit(apr_terminate);
    (void)count_in(256);
    test_memory();
    test_queue();
    test_wait();
    test_permits();
    test_prepare();
    return done_testing();
}
