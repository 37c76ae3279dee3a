/*
 * fetched_test.c - what is read from afar: once for all who ask, not too often, kept on failure, freed with its last
 * user.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_thread_proc.h>

#include "base/fetched.h"
#include "tap.h"

#define MS(n) apr_time_from_msec(n)

static apr_pool_t *pool;

/* The other server. */
static struct {
    apr_status_t result;
    apr_interval_time_t takes;
    apr_uint32_t others; /* a reading takes until so many others were answered */
    apr_uint32_t answered;
    apr_uint32_t reads;
    apr_uint32_t at_once;
    apr_uint32_t most_at_once;
    apr_uint32_t freed;
} peer;

static apr_status_t count_freed(void *unused)
{
    (void)unused;
    apr_atomic_inc32(&peer.freed);
    return APR_SUCCESS;
}

/* The value is the number of the reading. */
static apr_status_t fetch(const void **value, void *baton, apr_pool_t *p)
{
    int *number = apr_palloc(p, sizeof(*number));
    const apr_uint32_t now = apr_atomic_inc32(&peer.at_once) + 1;

    (void)baton;
    *number = (int)apr_atomic_inc32(&peer.reads) + 1;
    if (now > apr_atomic_read32(&peer.most_at_once)) {
        apr_atomic_set32(&peer.most_at_once, now);
    }
    apr_sleep(peer.takes);
    for (int i = 0; i < 20000 && apr_atomic_read32(&peer.answered) < peer.others; i++) {
        apr_sleep(MS(1));
    }
    apr_atomic_dec32(&peer.at_once);
    if (peer.result != APR_SUCCESS) {
        return peer.result;
    }
    apr_pool_cleanup_register(p, NULL, count_freed, apr_pool_cleanup_null);
    *value = number;
    return APR_SUCCESS;
}

static cloudep_fetched_t *make(apr_pool_t *p, int lifetime, int min_interval, int wait)
{
    const cloudep_fetched_rule_t rule = {fetch, NULL, MS(lifetime), MS(min_interval), MS(wait)};
    cloudep_fetched_t *fetched = NULL;

    memset(&peer, 0, sizeof(peer));
    ok(cloudep_fetched_create(&fetched, p, &rule) == APR_SUCCESS, "made: lives %d ms, read every %d ms at most",
       lifetime, min_interval);
    return fetched;
}

/* The number of the reading, or minus the status. */
static int get(cloudep_fetched_t *fetched, unsigned int *generation, apr_pool_t *p)
{
    unsigned int ignored;
    const void *value;
    const apr_status_t rv = cloudep_fetched_get(&value, generation ? generation : &ignored, fetched, p);

    return rv == APR_SUCCESS ? *(const int *)value : -rv;
}

static int renew(cloudep_fetched_t *fetched, unsigned int *generation)
{
    const void *value;
    const apr_status_t rv = cloudep_fetched_renew(&value, generation, fetched, pool);

    return rv == APR_SUCCESS ? *(const int *)value : -rv;
}

static void test_kept(void)
{
    cloudep_fetched_t *fetched = make(pool, 400, 150, 50);

    is_int(get(fetched, NULL, pool), 1, "the first request has it read");
    is_int(get(fetched, NULL, pool), 1, "the second request gets the same");
    apr_sleep(MS(420));
    is_int(get(fetched, NULL, pool), 2, "when it is too old it is read again");
    peer.result = CLOUDEP_EPROVIDER;
    apr_sleep(MS(420));
    is_int(get(fetched, NULL, pool), 2, "a reading that fails leaves what was there");
    is_int(peer.reads, 3, "a reading that fails was tried");
    is_int(get(fetched, NULL, pool), 2, "the next request gets what was there at once");
    is_int(peer.reads, 3, "the next request makes no other try so soon");
    apr_sleep(MS(170));
    peer.result = APR_SUCCESS;
    is_int(get(fetched, NULL, pool), 4, "later it is read again");
    fetched = make(pool, 3600000, 1, 50);
    (void)get(fetched, NULL, pool);
    apr_sleep(MS(5));
    is_int(get(fetched, NULL, pool), 1, "what is young enough is not read again, though it might be");
}

static void test_nothing(void)
{
    cloudep_fetched_t *fetched = make(pool, 1000, 20, 50);

    peer.result = CLOUDEP_EPROVIDER;
    is_int(get(fetched, NULL, pool), -CLOUDEP_EPROVIDER, "with nothing there a failed reading is told");
    is_int(get(fetched, NULL, pool), -CLOUDEP_EPROVIDER, "the next request is told of the failure as well");
    is_int(peer.reads, 1, "the next request does not try again at once");
    peer.result = APR_SUCCESS;
    apr_sleep(MS(1020));
    is_int(get(fetched, NULL, pool), 2, "a second later it is tried again");
}

static void test_renew(void)
{
    cloudep_fetched_t *fetched = make(pool, 10000, 200, 50);
    unsigned int generation, seen;

    is_int(get(fetched, &generation, pool), 1, "the first generation is read");
    seen = generation;
    is_int(renew(fetched, &generation), -APR_NOTFOUND, "something newer cannot be had so soon");
    is_int(peer.reads, 1, "something newer is not read so soon");
    apr_sleep(MS(220));
    is_int(renew(fetched, &generation), 2, "something newer is read later");
    ok(generation != seen, "what is newer is another generation");
    is_int(renew(fetched, &seen), 2, "who knew the old one only gets what is newer already");
    is_int(peer.reads, 2, "what is newer already takes no other reading");
    peer.result = CLOUDEP_EPROVIDER;
    apr_sleep(MS(220));
    is_int(renew(fetched, &generation), -CLOUDEP_EPROVIDER, "a failure is not an answer");
    is_int(renew(fetched, &generation), -CLOUDEP_EPROVIDER, "a failure is no answer a moment later either");
    is_int(get(fetched, &generation, pool), 2, "what was there stays");
}

/* One of many who ask at the same time. */
typedef struct asker_t {
    cloudep_fetched_t *fetched;
    unsigned int generation;
    int renews;
    int got;
} asker_t;

static void *APR_THREAD_FUNC ask(apr_thread_t *thread, void *data)
{
    asker_t *asker = data;

    (void)thread;
    if (asker->renews) {
        const void *value;
        apr_pool_t *p;
        apr_status_t rv;

        apr_pool_create_unmanaged_ex(&p, NULL, NULL);
        rv = cloudep_fetched_renew(&value, &asker->generation, asker->fetched, p);
        asker->got = rv == APR_SUCCESS ? *(const int *)value : -rv;
        apr_pool_destroy(p);
    }
    else {
        apr_pool_t *p;

        apr_pool_create_unmanaged_ex(&p, NULL, NULL);
        asker->got = get(asker->fetched, NULL, p);
        apr_pool_destroy(p);
    }
    apr_atomic_inc32(&peer.answered);
    return NULL;
}

/* How many of 16 got that. */
static int all_ask(cloudep_fetched_t *fetched, int renews, unsigned int generation, int want)
{
    enum { ASKERS = 16 };
    asker_t askers[ASKERS];
    apr_thread_t *threads[ASKERS];
    apr_status_t ended;
    int right = 0;

    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (asker_t){fetched, generation, renews, 0};
        apr_thread_create(&threads[i], NULL, ask, &askers[i], pool);
    }
    for (int i = 0; i < ASKERS; i++) {
        apr_thread_join(&ended, threads[i]);
        right += askers[i].got == want;
    }
    return right;
}

static void test_threads(void)
{
    cloudep_fetched_t *fetched = make(pool, 10000, 10, 2000);
    unsigned int generation;

    peer.takes = MS(100);
    is_int(all_ask(fetched, 0, 0, 1), 16, "sixteen who ask at once get the one reading");
    is_int(peer.reads, 1, "sixteen who ask at once cause one reading");
    is_int(get(fetched, &generation, pool), 1, "the reading stays");
    apr_sleep(MS(20));
    is_int(all_ask(fetched, 1, generation, 2), 16, "sixteen who want a newer one get the same");
    is_int(peer.reads, 2, "sixteen who want a newer one cause one more reading");
    is_int(peer.most_at_once, 1, "never two at once");

    fetched = make(pool, 10000, 10, 20);
    peer.others = 15;
    is_int(all_ask(fetched, 0, 0, -APR_TIMEUP), 15, "a slow reading is not waited for but by its own thread");

    fetched = make(pool, 30, 10, 2000);
    is_int(get(fetched, NULL, pool), 1, "read");
    apr_sleep(MS(40));
    peer.others = 15;
    is_int(all_ask(fetched, 0, 0, 1), 15, "who asks while it is read again goes on with what is there");
}

static void test_freed(void)
{
    apr_pool_t *owner, *user;
    cloudep_fetched_t *fetched;

    apr_pool_create(&owner, pool);
    apr_pool_create(&user, pool);
    fetched = make(owner, 1, 0, 50);
    is_int(get(fetched, NULL, user), 1, "somebody uses the first reading");
    apr_sleep(MS(5));
    is_int(get(fetched, NULL, owner), 2, "while it is replaced");
    is_int(peer.freed, 0, "it stays for them");
    apr_pool_destroy(user);
    is_int(peer.freed, 1, "and goes with them");
    apr_sleep(MS(5));
    peer.result = CLOUDEP_EPROVIDER;
    is_int(get(fetched, NULL, owner), 2, "one that failed");
    is_int(peer.freed, 1, "leaves nothing behind");
    apr_pool_destroy(owner);
    is_int(peer.freed, 2, "the rest goes with the owner");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_kept();
    test_nothing();
    test_renew();
    test_threads();
    test_freed();
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
