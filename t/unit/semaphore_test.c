/*
 * semaphore_test.c - how many are inside at once, how many wait and for how long, and who is sent away.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_thread_proc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/semaphore.h"
#include "tap.h"

#define LONG apr_time_from_sec(60) /* far longer than any machine takes for what ends a wait here */
#define SOON apr_time_from_sec(15) /* so is this; what has not ended by then hangs */

static apr_pool_t *pool;

static cloudep_semaphore_t *make(int permits, int queue, apr_interval_time_t wait)
{
    const cloudep_semaphore_limits_t limits = {permits, queue, wait};
    cloudep_semaphore_t *semaphore = NULL;

    is_int(cloudep_semaphore_create(&semaphore, pool, &limits), APR_SUCCESS, "a semaphore is made");
    return semaphore;
}

static void test_bound(void)
{
    const apr_interval_time_t wait = apr_time_from_msec(200);
    cloudep_semaphore_t *semaphore = make(2, 1, wait);
    apr_time_t began;

    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "the first of two permits is given");
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "the second of two permits is given");
    began = cloudep_monotonic_now();
    is_int(cloudep_semaphore_acquire(semaphore), CLOUDEP_EOVERLOAD, "a third one is not");
    ok(cloudep_monotonic_now() - began >= wait, "and that is said when the wait is over");
    ok(cloudep_monotonic_now() - began < 10 * wait, "not long after that");
    cloudep_semaphore_release(semaphore);
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "a permit that came back is given again");

    semaphore = make(1, 0, LONG);
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "without a line the permit is given");
    began = cloudep_monotonic_now();
    is_int(cloudep_semaphore_acquire(semaphore), CLOUDEP_EOVERLOAD, "without a line there is no second permit");
    ok(cloudep_monotonic_now() - began < SOON, "without a line nobody waits");
}

/* One thread that waits in line. */
typedef struct waiter_t {
    cloudep_semaphore_t *semaphore;
    apr_thread_t *thread;
    atomic_int asks;
    atomic_int ended;
    apr_status_t result;
} waiter_t;

static void *APR_THREAD_FUNC wait_in_line(apr_thread_t *thread, void *waiterv)
{
    waiter_t *waiter = waiterv;

    atomic_store(&waiter->asks, 1);
    waiter->result = cloudep_semaphore_acquire(waiter->semaphore);
    atomic_store(&waiter->ended, 1);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void start(waiter_t *waiter, cloudep_semaphore_t *semaphore)
{
    *waiter = (waiter_t){.semaphore = semaphore};
    (void)apr_thread_create(&waiter->thread, NULL, wait_in_line, waiter, pool);
    while (!atomic_load(&waiter->asks)) {
        apr_sleep(1000);
    }
}

/* It must come to an end long before its wait is over; where it does not there is nothing more to see. */
static void ends(waiter_t *waiter, const char *name)
{
    const apr_time_t until = cloudep_monotonic_now() + SOON;

    while (!atomic_load(&waiter->ended) && cloudep_monotonic_now() < until) {
        apr_sleep(1000);
    }
    if (!ok(atomic_load(&waiter->ended), "%s", name)) {
        exit(done_testing()); /* NOLINT(concurrency-mt-unsafe) */
    }
}

static void test_line(void)
{
    cloudep_semaphore_t *semaphore = make(1, 1, LONG);
    waiter_t waiter;
    apr_status_t rv;

    (void)cloudep_semaphore_acquire(semaphore);
    start(&waiter, semaphore);
    cloudep_semaphore_release(semaphore);
    ends(&waiter, "a permit that comes back ends a wait");
    (void)apr_thread_join(&rv, waiter.thread);
    is_int(waiter.result, APR_SUCCESS, "and is given to whoever waited");

    start(&waiter, semaphore);
    /* Until it is in line, a dismissal finds nobody. */
    for (int i = 0; i < 10000 && !atomic_load(&waiter.ended); i++) {
        cloudep_semaphore_dismiss(semaphore);
        apr_sleep(1000);
    }
    ends(&waiter, "a dismissal ends a wait");
    cloudep_semaphore_release(semaphore);
    (void)apr_thread_join(&rv, waiter.thread);
    is_int(waiter.result, CLOUDEP_EOVERLOAD, "who is dismissed gets no permit");
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "a dismissal concerns nobody who comes later");
    start(&waiter, semaphore);
    cloudep_semaphore_release(semaphore);
    ends(&waiter, "nor does it concern who waits later");
    (void)apr_thread_join(&rv, waiter.thread);
    is_int(waiter.result, APR_SUCCESS, "and gets a permit");
}

/* The one of three that is sent away, as the line has two places; the others are in line then. */
static int find_ended(waiter_t *waiters)
{
    const apr_time_t until = cloudep_monotonic_now() + SOON;

    while (cloudep_monotonic_now() < until) {
        for (int i = 0; i < 3; i++) {
            if (atomic_load(&waiters[i].ended)) {
                return i;
            }
        }
        apr_sleep(1000);
    }
    return -1;
}

static void start_three(waiter_t *waiters, cloudep_semaphore_t *semaphore)
{
    int sent_away;

    for (int i = 0; i < 3; i++) {
        start(&waiters[i], semaphore);
    }
    sent_away = find_ended(waiters);
    if (!ok(sent_away >= 0, "of three one is sent away where two may wait")) {
        exit(done_testing()); /* NOLINT(concurrency-mt-unsafe) */
    }
    is_int(waiters[sent_away].result, CLOUDEP_EOVERLOAD, "at once, without a permit");
}

static void end_three(waiter_t *waiters, int permits)
{
    apr_status_t rv;
    int given = 0;

    for (int i = 0; i < 3; i++) {
        ends(&waiters[i], "one of three comes to an end");
        (void)apr_thread_join(&rv, waiters[i].thread);
        given += waiters[i].result == APR_SUCCESS;
    }
    is_int(given, permits, "with as many permits as came back");
}

static void test_full_line(void)
{
    cloudep_semaphore_t *semaphore = make(1, 2, LONG);
    waiter_t waiters[3];

    (void)cloudep_semaphore_acquire(semaphore);
    start_three(waiters, semaphore);
    cloudep_semaphore_dismiss(semaphore);
    end_three(waiters, 0);
    start_three(waiters, semaphore);
    cloudep_semaphore_release(semaphore);
    cloudep_semaphore_release(semaphore);
    end_three(waiters, 2);
}

static void test_clock(void)
{
    struct timespec before, after;
    apr_time_t now;

    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    now = cloudep_monotonic_now();
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    ok(now >= before.tv_sec * 1000000 + before.tv_nsec / 1000 && now <= after.tv_sec * 1000000 + after.tv_nsec / 1000,
       "time is of the clock that nobody sets, in microseconds");
}

typedef struct crowd_t {
    cloudep_semaphore_t *semaphore;
    apr_uint32_t inside;
    apr_uint32_t peak;
    apr_uint32_t served;
} crowd_t;

static void *APR_THREAD_FUNC visit(apr_thread_t *thread, void *crowdv)
{
    crowd_t *crowd = crowdv;

    for (int i = 0; i < 50; i++) {
        if (cloudep_semaphore_acquire(crowd->semaphore) == APR_SUCCESS) {
            const apr_uint32_t inside = apr_atomic_inc32(&crowd->inside) + 1;

            if (inside > apr_atomic_read32(&crowd->peak)) {
                apr_atomic_set32(&crowd->peak, inside);
            }
            apr_sleep(200);
            apr_atomic_dec32(&crowd->inside);
            apr_atomic_inc32(&crowd->served);
            cloudep_semaphore_release(crowd->semaphore);
        }
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void test_crowd(void)
{
    crowd_t crowd = {.semaphore = make(3, 100, LONG)};
    apr_thread_t *threads[12];
    apr_status_t rv;

    for (int i = 0; i < 12; i++) {
        (void)apr_thread_create(&threads[i], NULL, visit, &crowd, pool);
    }
    for (int i = 0; i < 12; i++) {
        (void)apr_thread_join(&rv, threads[i]);
    }
    ok(crowd.peak <= 3, "of twelve threads never more than three are inside (%u)", crowd.peak);
    is_int((int)crowd.served, 600, "and all who waited were served");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_bound();
    test_line();
    test_full_line();
    test_clock();
    test_crowd();
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
