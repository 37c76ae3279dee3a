/*
 * semaphore_test.c - how many are inside at once, how many wait and for how long, and who is sent away.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_thread_proc.h>

#include "base/semaphore.h"
#include "tap.h"

#define LONG apr_time_from_sec(60) /* far longer than any machine takes for what ends a wait here */

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
    cloudep_semaphore_t *semaphore = make(2, 1, apr_time_from_msec(30));
    apr_time_t began;

    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "the first of two permits is given");
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "the second of two permits is given");
    began = cloudep_monotonic_now();
    is_int(cloudep_semaphore_acquire(semaphore), CLOUDEP_EOVERLOAD, "a third one is not");
    ok(cloudep_monotonic_now() - began >= apr_time_from_msec(30), "and that is said when the wait is over");
    cloudep_semaphore_release(semaphore);
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "a permit that came back is given again");

    semaphore = make(1, 0, LONG);
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "without a line the permit is given");
    is_int(cloudep_semaphore_acquire(semaphore), CLOUDEP_EOVERLOAD, "without a line nobody waits");
}

/* One thread that waits in line. */
typedef struct waiter_t {
    cloudep_semaphore_t *semaphore;
    apr_thread_t *thread;
    apr_uint32_t asks;
    apr_uint32_t ended;
    apr_status_t result;
} waiter_t;

static void *APR_THREAD_FUNC wait_in_line(apr_thread_t *thread, void *waiterv)
{
    waiter_t *waiter = waiterv;

    apr_atomic_set32(&waiter->asks, 1);
    waiter->result = cloudep_semaphore_acquire(waiter->semaphore);
    apr_atomic_set32(&waiter->ended, 1);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void start(waiter_t *waiter, cloudep_semaphore_t *semaphore)
{
    *waiter = (waiter_t){.semaphore = semaphore};
    (void)apr_thread_create(&waiter->thread, NULL, wait_in_line, waiter, pool);
    while (!apr_atomic_read32(&waiter->asks)) {
        apr_sleep(1000);
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
    (void)apr_thread_join(&rv, waiter.thread);
    is_int(waiter.result, APR_SUCCESS, "a permit that comes back ends a wait");

    start(&waiter, semaphore);
    /* Until it is in line, a dismissal finds nobody. */
    while (!apr_atomic_read32(&waiter.ended)) {
        cloudep_semaphore_dismiss(semaphore);
        apr_sleep(1000);
    }
    (void)apr_thread_join(&rv, waiter.thread);
    is_int(waiter.result, CLOUDEP_EOVERLOAD, "who is dismissed gets no permit");
    cloudep_semaphore_release(semaphore);
    is_int(cloudep_semaphore_acquire(semaphore), APR_SUCCESS, "a dismissal concerns nobody who comes later");
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
    test_crowd();
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
