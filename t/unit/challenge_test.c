/*
 * challenge_test.c - one-time codes against a real memcached: guesses, resends, races, loss and outage.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <poll.h>
#include <stdatomic.h>

#include "base/cache/challenge.h"
#include "tap.h"
#include "memcached.h"

#define SECOND APR_USEC_PER_SEC
#define ATTEMPTS 5
#define KEYS                                                                                                           \
    "{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"alg\":\"A256GCM\",\"kid\":\"k1\","                                  \
    "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}"

typedef struct crowd_t {
    const cloudep_challenges_t *in;
    const char *id;
    const char *code;
    apr_uint32_t attempts;
    apr_pool_t *pool[TEST_MOST_THREADS];
    apr_status_t rv[TEST_MOST_THREADS];
} crowd_t;

static apr_status_t make_cache(cloudep_cache_t **cache, apr_pool_t *pool, const int *ports, int count)
{
    apr_array_header_t *servers = apr_array_make(pool, count, sizeof(cloudep_cache_server_t));

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)ports[i]};
    }
    return cloudep_cache_create(cache, pool, servers, TEST_THREADS, 10 * SECOND);
}

static cloudep_challenge_spec_t spec_of(const char *uid)
{
    return (cloudep_challenge_spec_t){.tenant_id = "t1",
                                      .purpose = "register",
                                      .uid = uid,
                                      .target = "\xc3\xa9@example.com",
                                      .extra = "{\"a\":\"\\u0001\"}",
                                      .generation = "9007199254740993",
                                      .opened_with = "identity:1"};
}

static const cloudep_challenge_asker_t home = {.network = "192.0.2.1", .known = 1};

static apr_status_t start(cloudep_challenge_t **made, const char **code, const cloudep_challenges_t *in,
                          const cloudep_challenge_spec_t *spec, apr_uint32_t lifetime, apr_pool_t *pool)
{
    apr_uint32_t wait;

    return cloudep_challenge_start(made, code, &wait, in, spec, &home, lifetime, pool);
}

static apr_status_t renew(cloudep_challenge_t **made, const char **code, const cloudep_challenges_t *in,
                          cloudep_challenge_t *old, apr_pool_t *pool)
{
    apr_uint32_t wait;

    return cloudep_challenge_renew(made, code, &wait, in, old, &home, 600, ATTEMPTS, pool);
}

/* A code that is not the right one. */
static const char *wrong(const char *code, apr_pool_t *pool)
{
    char *other = apr_pstrdup(pool, code);

    other[5] = other[5] == '9' ? '0' : (char)(other[5] + 1);
    return other;
}

/* Load and check, as a confirm route does. */
static apr_status_t guess(const cloudep_challenges_t *in, const char *id, const char *code, apr_pool_t *pool)
{
    cloudep_challenge_t *c;
    const apr_status_t rv = cloudep_challenge_load(&c, in, id, pool);

    return rv == APR_SUCCESS ? cloudep_challenge_check(c, in, code, ATTEMPTS, pool) : rv;
}

static void test_right(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("right");
    cloudep_challenge_t *made;
    cloudep_challenge_t *c = NULL;
    const char *code;
    char *raw = NULL;

    is_int(start(&made, &code, in, &spec, 600, pool), APR_SUCCESS, "a challenge with a code is made");
    ok(strlen(code) == 6 && strspn(code, "0123456789") == 6, "its code has six digits");
    is_int((long long)strlen(made->id), 22, "its id has 128 bits");
    ok(cloudep_challenge_remaining(made) > 590 && cloudep_challenge_remaining(made) <= 600,
       "the challenge lives for ten minutes");
    cloudep_cache_get(&raw, NULL, in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(made->id)), pool);
    ok(raw && strstr(raw, "example.com") && !strstr(raw, code), "memcached has the record but not the code");

    is_int(cloudep_challenge_load(&c, in, made->id, pool), APR_SUCCESS, "the challenge is found by its id");
    is_str(c->spec.tenant_id, "t1", "it has its tenant");
    is_str(c->spec.purpose, "register", "it has its purpose");
    is_str(c->spec.uid, "right", "it has its member");
    is_str(c->spec.target, spec.target, "it has its target");
    is_str(c->spec.extra, spec.extra, "it has what the caller added");
    is_str(c->spec.generation, spec.generation, "it has the generation of the member's credentials, however large");
    is_str(c->spec.opened_with, spec.opened_with, "it has what the login was begun with");
    is_int(cloudep_challenge_check(c, in, code, ATTEMPTS, pool), APR_SUCCESS, "the right code is accepted");
    is_int(cloudep_challenge_consume(c, in, pool), APR_SUCCESS, "the challenge is consumed");
    is_int(cloudep_challenge_consume(c, in, pool), APR_NOTFOUND, "it cannot be consumed twice");
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "a consumed challenge is not found");
    is_int(cloudep_challenge_check(c, in, code, ATTEMPTS, pool), APR_NOTFOUND,
           "a request that loaded it before finds it consumed");

    is_int(cloudep_challenge_load(&c, in, "", pool), APR_NOTFOUND, "an empty id is not found");
    is_int(cloudep_challenge_load(&c, in, "../../../../../../../..", pool), APR_NOTFOUND,
           "an id of another form is not found");
    is_int(cloudep_challenge_load(&c, in, "AAAAAAAAAAAAAAAAAAAAAA", pool), APR_NOTFOUND,
           "an id that was never made is not found");
}

static void test_wrong(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("wrong");
    cloudep_challenge_t *made;
    cloudep_challenge_t *again;
    const char *code;
    const char *next;
    int i;

    start(&made, &code, in, &spec, 600, pool);
    for (i = 0; i < ATTEMPTS; i++) {
        is_int(guess(in, made->id,
                     i == 0   ? ""
                     : i == 1 ? apr_pstrcat(pool, code, "0", NULL)
                              : wrong(code, pool),
                     pool),
               CLOUDEP_EFORGED, "one of five wrong codes is told to be wrong");
    }
    is_int(renew(&again, &next, in, made, pool), CLOUDEP_ELOCKED, "after five wrong codes there is no new code");
    is_int(guess(in, made->id, code, pool), CLOUDEP_ELOCKED, "and the right one is refused");
    is_int(cloudep_challenge_locked(made, in, ATTEMPTS, pool), CLOUDEP_ELOCKED, "the challenge is locked then");
    is_int(renew(&again, &next, in, made, pool), CLOUDEP_ELOCKED, "a locked challenge gets no new code");
    ok(!again && !next, "and nothing is told of one");
    is_int(cloudep_challenge_load(&again, in, made->id, pool), APR_SUCCESS, "it is still there");
    is_int(guess(in, made->id, code, pool), CLOUDEP_ELOCKED, "and locked");
    is_int(start(&again, &next, in, &spec, 600, pool), APR_SUCCESS, "another challenge of the same member is made");
    is_int(guess(in, again->id, next, pool), APR_SUCCESS, "with guesses of its own");
}

static void test_renewed(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("renewed");
    cloudep_challenge_t *made;
    cloudep_challenge_t *again;
    cloudep_challenge_t *other;
    const char *code;
    const char *next;
    int i;

    start(&made, &code, in, &spec, 60, pool);
    for (i = 0; i < 3; i++) {
        guess(in, made->id, wrong(code, pool), pool);
    }
    do {
        is_int(renew(&again, &next, in, made, pool), APR_SUCCESS, "a challenge gets a new code");
    } while (strcmp(code, next) == 0);
    is_str(again->id, made->id, "it keeps its id");
    is_int(cloudep_challenge_load(&again, in, made->id, pool), APR_SUCCESS, "under which it is found");
    ok(cloudep_challenge_remaining(again) > 590, "its lifetime starts again");
    is_str(again->spec.target, spec.target, "it has the same target");
    is_str(again->spec.extra, spec.extra, "and what the caller added");
    is_int(guess(in, made->id, code, pool), CLOUDEP_EFORGED, "the old code is wrong");
    is_int(guess(in, made->id, wrong(next, pool), pool), CLOUDEP_EFORGED, "the fifth wrong guess, two after it");
    is_int(guess(in, made->id, next, pool), CLOUDEP_ELOCKED, "a new code gives no new guesses");
    start(&other, &code, in, &spec, 600, pool);
    cloudep_challenge_consume(other, in, pool);
    is_int(renew(&again, &next, in, other, pool), APR_NOTFOUND, "one that was used gets no new code");
    is_int(cloudep_challenge_load(&again, in, other->id, pool), APR_NOTFOUND, "and stays used");
}

static void test_apart(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    cloudep_challenge_spec_t spec = spec_of("apart");
    cloudep_challenge_t *made;
    cloudep_challenge_t *again;
    const char *code;
    const char *next;
    int i;

    start(&made, &code, in, &spec, 600, pool);
    start(&again, &next, in, &spec, 600, pool);
    ok(strcmp(again->id, made->id) != 0, "each start makes a challenge of its own");
    for (i = 0; i < ATTEMPTS; i++) {
        guess(in, again->id, wrong(next, pool), pool);
    }
    is_int(guess(in, again->id, next, pool), CLOUDEP_ELOCKED, "one of them is used up");
    is_int(guess(in, made->id, code, pool), APR_SUCCESS, "which concerns the other one in nothing");
    made->mac = again->mac;
    is_int(cloudep_challenge_check(made, in, next, ATTEMPTS, pool), CLOUDEP_EFORGED,
           "the hash of a code is good for no other challenge");
}

static void test_end(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    cloudep_challenge_spec_t spec = spec_of("end");
    cloudep_challenge_t *made;
    cloudep_challenge_t *c;
    const cloudep_challenge_asker_t nowhere = {NULL};
    const char *code;
    apr_uint32_t wait;

    start(&made, &code, in, &spec, 1, pool);
    is_int(cloudep_challenge_load(&c, in, made->id, pool), APR_SUCCESS, "a challenge for one second");
    apr_sleep(SECOND + SECOND / 20);
    is_int(cloudep_challenge_load(&c, in, made->id, pool), APR_NOTFOUND, "a challenge of one second is over after it");
    is_int(cloudep_challenge_remaining(made), 0, "no time remains of a challenge that is over");
    is_int(cloudep_challenge_restore(made, in, pool), APR_NOTFOUND, "a challenge that is over cannot be restored");
    made->expires = apr_time_now() + 100 * SECOND - 1;
    ok((apr_time_t)cloudep_challenge_remaining(made) * SECOND >= made->expires - apr_time_now(),
       "no more time is left than is told");
    is_int(start(&c, &code, in, &spec, 0, pool), APR_EINVAL, "a lifetime of 0 is refused");
    is_int(start(&c, &code, in, &spec, 3600, pool), APR_SUCCESS, "one of an hour is not");
    is_int(start(&c, &code, in, &spec, 3601, pool), APR_EINVAL, "a lifetime of more than an hour is refused");
    spec.target = "\xff";
    is_int(start(&c, &code, in, &spec, 600, pool), APR_EINVAL, "a target that is not UTF-8 is refused");
    spec.target = NULL;
    is_int(cloudep_challenge_start(&c, &code, &wait, in, &spec, &nowhere, 600, pool), APR_EINVAL,
           "a code asked for by no network is refused");
    cloudep_challenge_open(&made, in, &spec, 600, pool);
    is_int(renew(&c, &code, in, made, pool), APR_EINVAL, "a challenge without a code gets none");
    spec.uid = NULL;
    is_int(start(&c, &code, in, &spec, 600, pool), APR_EINVAL, "a code for no member is refused");
}

static void use(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;
    cloudep_challenge_t *c;
    apr_pool_t *pool = crowd->pool[i];

    crowd->rv[i] = cloudep_challenge_load(&c, crowd->in, crowd->id, pool);
    if (crowd->rv[i] == APR_SUCCESS) {
        crowd->rv[i] = cloudep_challenge_check(c, crowd->in, crowd->code, crowd->attempts, pool);
    }
    if (crowd->rv[i] == APR_SUCCESS) {
        crowd->rv[i] = cloudep_challenge_consume(c, crowd->in, pool);
    }
}

/* What many with one code and challenge at once get. */
static void race(const cloudep_challenges_t *in, int threads, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of(apr_psprintf(pool, "race%d", threads));
    crowd_t crowd = {.in = in, .attempts = (apr_uint32_t)threads};
    cloudep_challenge_t *made;
    int i;

    for (i = 0; i < threads; i++) {
        apr_pool_create_unmanaged_ex(&crowd.pool[i], NULL, NULL);
    }
    start(&made, &crowd.code, in, &spec, 600, pool);
    crowd.id = made->id;
    in_threads(threads, use, &crowd);
    is_int(count_of(crowd.rv, threads, APR_SUCCESS), 1,
           apr_psprintf(pool, "%d with the right code: one winner", threads));
    is_int(count_of(crowd.rv, threads, APR_NOTFOUND), threads - 1,
           apr_psprintf(pool, "the other %d with the right code find nothing", threads - 1));
    start(&made, &crowd.code, in, &spec, 600, pool);
    crowd.id = made->id;
    crowd.code = wrong(crowd.code, pool);
    crowd.attempts = ATTEMPTS;
    in_threads(threads, use, &crowd);
    is_int(count_of(crowd.rv, threads, CLOUDEP_EFORGED), ATTEMPTS,
           apr_psprintf(pool, "%d with a wrong one: five guesses", threads));
    is_int(count_of(crowd.rv, threads, CLOUDEP_ELOCKED), threads - ATTEMPTS,
           apr_psprintf(pool, "the other %d with a wrong code are locked out", threads - ATTEMPTS));
    for (i = 0; i < threads; i++) {
        apr_pool_destroy(crowd.pool[i]);
    }
}

static void test_races(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    race(in, TEST_THREADS, pool);
    race(in, TEST_MOST_THREADS, pool);
}

static void test_restore(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("restore");
    cloudep_challenge_t *made;
    cloudep_challenge_t *c;
    const char *code;
    int i;
    int bad = 0;

    start(&made, &code, in, &spec, 600, pool);
    for (i = 0; i < ATTEMPTS - 1; i++) {
        guess(in, made->id, wrong(code, pool), pool);
    }
    for (i = 0; i < 3; i++) {
        bad += cloudep_challenge_load(&c, in, made->id, pool) != APR_SUCCESS;
        bad += cloudep_challenge_check(c, in, code, ATTEMPTS, pool) != APR_SUCCESS;
        bad += cloudep_challenge_consume(c, in, pool) != APR_SUCCESS;
        bad += cloudep_challenge_restore(c, in, pool) != APR_SUCCESS;
    }
    is_int(bad, 0, "right, consumed and put back three times, with one guess left");
    is_int(cloudep_challenge_load(&c, in, made->id, pool), APR_SUCCESS, "a restored challenge is found");
    ok(c->expires == made->expires && c->created == made->created, "a restored challenge keeps its times");
    is_int(guess(in, made->id, wrong(code, pool), pool), CLOUDEP_EFORGED,
           "a restored challenge keeps its wrong guesses");
    is_int(guess(in, made->id, code, pool), CLOUDEP_ELOCKED, "the guess after the last one is refused");
}

static void test_open(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenges_t keyless = {in->cache, NULL};
    cloudep_challenge_spec_t spec = {.tenant_id = "t1", .purpose = "mfa", .uid = "open"};
    cloudep_challenge_t *one;
    cloudep_challenge_t *two;
    cloudep_challenge_t *c;
    const char *code;
    int i;
    int bad = 0;

    is_int(cloudep_challenge_open(&one, &keyless, &spec, 300, pool), APR_SUCCESS, "a challenge without a code");
    is_int(cloudep_challenge_open(&two, &keyless, &spec, 300, pool), APR_SUCCESS,
           "another challenge of the same member");
    ok(strcmp(one->id, two->id) != 0, "two challenges without a code have two ids");
    is_int(cloudep_challenge_load(&c, &keyless, one->id, pool), APR_SUCCESS, "the first stays alive beside the second");
    ok(!c->spec.target && !c->spec.extra && !c->spec.generation && !c->spec.opened_with,
       "it has nothing that it was not given");
    for (i = 0; i < ATTEMPTS; i++) {
        bad += cloudep_challenge_count(c, &keyless, ATTEMPTS) != APR_SUCCESS;
    }
    is_int(bad, 0, "a challenge without a code takes five guesses");
    is_int(cloudep_challenge_count(c, &keyless, ATTEMPTS), CLOUDEP_ELOCKED,
           "a challenge without a code takes no sixth guess");
    is_int(cloudep_challenge_check(two, in, "000000", ATTEMPTS, pool), CLOUDEP_EFORGED,
           "no code is right for a challenge without one");
    is_int(cloudep_challenge_consume(two, &keyless, pool), APR_SUCCESS, "a challenge without a code can be consumed");
    spec.uid = NULL;
    is_int(cloudep_challenge_open(&one, &keyless, &spec, 300, pool), APR_SUCCESS,
           "a challenge without a code may be of no member");
    is_int(cloudep_challenge_load(&c, &keyless, one->id, pool), APR_SUCCESS, "a challenge of no member is found");
    ok(!c->spec.uid, "a challenge of no member names none");
    is_int(cloudep_challenge_consume(c, &keyless, pool), APR_SUCCESS, "a challenge of no member can be consumed");
    spec.uid = "open";
    is_int(start(&c, &code, &keyless, &spec, 300, pool), CLOUDEP_EUNSET, "a code needs a sealing key");
}

static void test_invalidate(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("reset");
    const cloudep_challenge_spec_t other = spec_of("other");
    cloudep_challenge_spec_t mfa = spec;
    cloudep_challenge_t *made;
    cloudep_challenge_t *second;
    cloudep_challenge_t *others;
    cloudep_challenge_t *next;
    const char *code;
    const char *others_code;
    const char *next_code;

    mfa.purpose = "mfa";
    start(&made, &code, in, &spec, 600, pool);
    cloudep_challenge_open(&second, in, &mfa, 600, pool);
    start(&others, &others_code, in, &other, 600, pool);
    is_int(cloudep_challenge_invalidate(in, "t1", "reset"), APR_SUCCESS, "a member's challenges are ended");
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "after that the code's challenge is not found");
    is_int(cloudep_challenge_load(&next, in, second->id, pool), APR_NOTFOUND,
           "after that the second factor's challenge is not found");
    is_int(cloudep_challenge_consume(second, in, pool), APR_NOTFOUND,
           "after that a challenge loaded before cannot be consumed");
    is_int(guess(in, others->id, others_code, pool), APR_SUCCESS, "another member's challenge stays alive");
    is_int(start(&next, &next_code, in, &spec, 600, pool), APR_SUCCESS, "a new challenge can be made at once");
    is_int(guess(in, next->id, next_code, pool), APR_SUCCESS, "the new challenge's code is right");
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "the old challenge stays dead");
    is_int(cloudep_challenge_invalidate(in, "t1", "nobody"), APR_SUCCESS,
           "ending the challenges of a member without any");
}

/* Between a client and memcached: what a get asks for is deleted just before it, as often as losses says. */
typedef struct relay_t {
    int listener;
    int port; /* memcached's */
    atomic_int losses;
} relay_t;

/* Writes all of it; 0 when the other side is gone. */
static int forward(int to, const char *text, ssize_t length)
{
    return length > 0 && write(to, text, (size_t)length) == length;
}

static int lose(const relay_t *relay, const char *get)
{
    char text[512];
    const int length = snprintf(text, sizeof(text), "delete %.*s\r\n", (int)strcspn(get + 4, "\r "), get + 4);
    const int fd = loopback(relay->port, 0);
    const int good = forward(fd, text, length) && read(fd, text, sizeof(text)) > 0;

    close(fd);
    return good;
}

/* One connection, until either side ends it. */
static void *relay_run(void *relay_)
{
    relay_t *relay = relay_;
    struct pollfd ends[] = {{accept(relay->listener, NULL, NULL), POLLIN, 0}, {loopback(relay->port, 0), POLLIN, 0}};
    char text[65536];
    int good = 1;

    while (good && poll(ends, 2, -1) > 0) {
        const int from = ends[0].revents ? 0 : 1;
        const ssize_t length = read(ends[from].fd, text, sizeof(text) - 1);

        text[length > 0 ? length : 0] = '\0';
        if (from == 0 && !strncmp(text, "get ", 4) && atomic_load(&relay->losses) > 0) {
            atomic_fetch_sub(&relay->losses, 1);
            good = lose(relay, text);
        }
        good = good && forward(ends[1 - from].fd, text, length);
    }
    close(ends[0].fd);
    close(ends[1].fd);
    return NULL;
}

/* The member's challenges are ended between the two calls that a stamp takes. */
static void test_ended_meanwhile(const cloudep_challenges_t *in, int port, apr_pool_t *parent)
{
    const cloudep_challenge_spec_t spec = spec_of("meanwhile");
    relay_t relay = {.listener = loopback(0, 1), .port = port};
    cloudep_challenges_t relayed = {NULL, in->keys};
    cloudep_challenge_t *made;
    const char *code;
    apr_pool_t *pool;
    pthread_t thread;
    const int at = port_of(relay.listener);

    pthread_create(&thread, NULL, relay_run, &relay);
    apr_pool_create(&pool, parent);
    make_cache(&relayed.cache, pool, &at, 1);
    for (int losses = 1; losses <= 2; losses++) {
        atomic_store(&relay.losses, losses);
        is_int(start(&made, &code, &relayed, &spec, 600, pool), APR_SUCCESS,
               "a challenge is made while the member's are ended");
        is_int(guess(&relayed, made->id, code, pool), APR_SUCCESS, "and its code is right");
    }
    atomic_store(&relay.losses, 3);
    is_int(start(&made, &code, &relayed, &spec, 600, pool), CLOUDEP_ECACHE,
           "a memcached that keeps nothing is an outage");
    is_int(atomic_load(&relay.losses), 0, "which is found out after three tries");
    apr_pool_destroy(pool);
    pthread_join(thread, NULL);
    close(relay.listener);
}

/* Whatever single key memcached drops, nothing becomes easier. */
static void test_loss(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenge_spec_t spec = spec_of("loss");
    const cloudep_cache_key_t list = cloudep_cache_key("living", CLOUDEP_KEY_PARTS("t1", "register", "loss"));
    const cloudep_cache_key_t slot = cloudep_cache_key("slot", CLOUDEP_KEY_PARTS("t1", "register", "loss"));
    const char *nobodys =
        "{\"tenant_id\":\"t1\",\"purpose\":\"register\",\"created\":1,\"expires\":9000000000000000,\"mac\":\"k1.x\"}";
    cloudep_challenge_t *made;
    cloudep_challenge_t *next;
    const char *code;

    start(&made, &code, in, &spec, 600, pool);
    cloudep_cache_delete(in->cache, cloudep_cache_key("guesses", CLOUDEP_KEY_PARTS(made->id)));
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "a challenge whose counter was lost takes no guess");
    is_int(renew(&next, &code, in, made, pool), APR_NOTFOUND, "and gets no new code");
    is_int(start(&next, &code, in, &spec, 600, pool), APR_SUCCESS, "another challenge is made");
    cloudep_cache_delete(in->cache, list);
    is_int(guess(in, next->id, code, pool), APR_SUCCESS, "the newest one is found without the list");
    start(&made, &code, in, &spec, 600, pool);
    start(&next, &code, in, &spec, 600, pool);
    cloudep_cache_delete(in->cache, list);
    is_int(cloudep_challenge_load(&made, in, made->id, pool), APR_NOTFOUND, "and no older one is");
    start(&made, &code, in, &spec, 600, pool);
    cloudep_cache_delete(in->cache, list);
    cloudep_cache_delete(in->cache, slot);
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "a challenge whose list and slot were lost is not found");
    cloudep_cache_set(in->cache, list, "junk", 4, 60);
    is_int(guess(in, made->id, code, pool), APR_NOTFOUND, "nor one in whose list there is something else");
    is_int(start(&next, &code, in, &spec, 600, pool), APR_SUCCESS, "a challenge is made after that");
    is_int(guess(in, next->id, code, pool), APR_SUCCESS, "that challenge's code is right");
    cloudep_cache_set(in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(next->id)), "{}", 2, 60);
    is_int(guess(in, next->id, code, pool), CLOUDEP_EDATA, "an empty record is refused");
    cloudep_cache_set(in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(next->id)), nobodys, strlen(nobodys),
                      60);
    is_int(guess(in, next->id, code, pool), CLOUDEP_EDATA, "a record without its keyed hash and guesses is refused");
}

/* Puts text where the record of id is. */
static void put_record(const cloudep_challenges_t *in, const char *id, const char *text)
{
    cloudep_cache_set(in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(id)), text, strlen(text), 60);
}

/* Whoever writes to memcached has a code of their own, and would like it to be somebody else's. */
static void test_forged(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_challenges_t keyless = {in->cache, NULL};
    const cloudep_challenge_spec_t own = spec_of("attacker");
    const cloudep_challenge_spec_t other = spec_of("victim");
    cloudep_challenge_t *mine;
    cloudep_challenge_t *theirs;
    cloudep_challenge_t *c;
    const char *code;
    const char *theirs_code;
    char *record;
    char *changed;
    char *text;

    start(&mine, &code, in, &own, 600, pool);
    start(&theirs, &theirs_code, in, &other, 600, pool);
    cloudep_cache_get(&record, NULL, in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(mine->id)), pool);
    changed = apr_pstrdup(pool, record);
    text = strstr(changed, "attacker");
    ok(text != NULL, "the record says whose it is");
    if (text) {
        memcpy(text, "victim\\u", 8); /* as long as it was; JSON or not, it is not what was written */
    }
    put_record(in, mine->id, changed);
    is_int(guess(in, mine->id, code, pool), CLOUDEP_EDATA, "a changed record is refused");
    put_record(in, mine->id, strchr(record, '\n') + 1);
    is_int(guess(in, mine->id, code, pool), CLOUDEP_EDATA, "a record without its keyed hash is refused");
    put_record(in, theirs->id, record);
    is_int(guess(in, theirs->id, code, pool), CLOUDEP_EDATA, "a record under another id is refused");
    text = apr_pcalloc(pool, strlen(record) + 2);
    memcpy(text, record, strlen(record));
    cloudep_cache_set(in->cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(mine->id)), text, strlen(record) + 2,
                      60);
    is_int(guess(in, mine->id, code, pool), CLOUDEP_EDATA, "a record with a NUL behind it is refused");
    put_record(in, mine->id, record);
    is_int(guess(in, mine->id, code, pool), APR_SUCCESS, "the record as it was written is accepted");
    cloudep_challenge_load(&c, in, mine->id, pool);
    cloudep_challenge_consume(c, in, pool);
    c->stamp = NULL;
    cloudep_challenge_restore(c, in, pool);
    is_int(cloudep_challenge_load(&c, in, mine->id, pool), APR_NOTFOUND, "one of a member without a stamp is over");
    cloudep_challenge_open(&mine, &keyless, &own, 600, pool);
    is_int(cloudep_challenge_load(&c, in, mine->id, pool), CLOUDEP_EDATA,
           "a record made without a key is refused where there is one");
}

/* One of two servers is lost: a challenge is whole or gone, and the two pairs of its keys go one by one. */
static void test_two_servers(const cloudep_challenges_t *one, apr_pool_t *pool)
{
    const int ports[] = {free_port(), free_port()};
    const pid_t pids[] = {memcached_start(ports[0]), memcached_start(ports[1])};
    cloudep_challenges_t in = {NULL, one->keys};
    cloudep_challenge_t *made[400];
    const char *codes[400];
    int whole = 0;
    int broken = 0;

    is_int(make_cache(&in.cache, pool, ports, 2), APR_SUCCESS, "a cache on two servers");
    for (int i = 0; i < 400; i++) {
        const cloudep_challenge_spec_t spec = spec_of(apr_psprintf(pool, "two%d", i));

        broken += start(&made[i], &codes[i], &in, &spec, 600, pool) != APR_SUCCESS;
    }
    is_int(broken, 0, "400 challenges on two servers");
    memcached_end(pids[0]);
    for (int i = 0; i < 400; i++) {
        cloudep_challenge_t *c;
        const int found = cloudep_challenge_load(&c, &in, made[i]->id, pool) == APR_SUCCESS;
        const apr_status_t rv = found ? cloudep_challenge_check(c, &in, codes[i], ATTEMPTS, pool) : APR_SUCCESS;

        whole += found && rv == APR_SUCCESS;
        broken += found && rv != APR_SUCCESS;
    }
    is_int(broken, 0, "with one server dead each challenge is whole or gone");
    ok(whole > 60, "a quarter of them is (%d)", whole);
    memcached_end(pids[1]);
}

static void test_cooldown(const cloudep_challenges_t *in, apr_pool_t *pool)
{
    const cloudep_cooldown_t mail = {"t1", "a@b", "register", "192.0.2.1"};
    const cloudep_cooldown_t none = {"t1", "none", "register", "192.0.2.1"};
    const cloudep_cache_key_t of_mail =
        cloudep_cache_key("cooldown", CLOUDEP_KEY_PARTS("t1", "a@b", "register", "192.0.2.1"));
    const struct {
        cloudep_cooldown_t cooldown;
        const char *name;
    } others[] = {
        {{"t2", "a@b", "register", "192.0.2.1"}, "another tenant has a cooldown of its own"},
        {{"t1", "a@c", "register", "192.0.2.1"}, "another address has a cooldown of its own"},
        {{"t1", "a@b", "reset", "192.0.2.1"}, "another purpose has a cooldown of its own"},
        {{"t1", "a@b", "register", "192.0.2.2"}, "another network has a cooldown of its own"},
    };
    apr_uint32_t wait = 9;
    int i;
    int bad = 0;

    is_int(cloudep_cooldown_claim(&wait, in, &mail, 60, pool), APR_SUCCESS, "the first mail");
    is_int(wait, 0, "need not wait");
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 60, pool), APR_EEXIST, "the second is too early");
    ok(wait > 50 && wait <= 60, "by %u seconds", wait);
    for (i = 0; i < 4; i++) {
        is_int(cloudep_cooldown_claim(&wait, in, &others[i].cooldown, 60, pool), APR_SUCCESS, others[i].name);
    }
    cloudep_cache_set(in->cache, of_mail, "0", 1, 60);
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 60, pool), APR_EEXIST, "one that ends right now");
    is_int(wait, 1, "is a wait of a second");
    cloudep_cache_set(in->cache, of_mail, "99999999999", 11, 60);
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 60, pool), APR_EEXIST, "one by a clock that is ahead");
    is_int(wait, 60, "is no longer than any other");
    is_int(cloudep_cooldown_release(in, &mail), APR_SUCCESS, "a claim is given back");
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 1, pool), APR_SUCCESS, "after that the next mail may be sent");
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 1, pool), APR_EEXIST, "a second mail within its cooldown may not");
    is_int(cloudep_cooldown_claim(&wait, in, &others[3].cooldown, 60, pool), APR_EEXIST,
           "giving one back gives back no other");
    apr_sleep(2 * SECOND + SECOND / 10);
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 1, pool), APR_SUCCESS, "a mail may be sent after the cooldown");
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 0, pool), APR_SUCCESS, "without a cooldown there is no wait");
    is_int(cloudep_cooldown_release(in, &none), APR_SUCCESS, "giving back what was not claimed is no failure");

    for (i = 0; i < 10; i++) {
        bad += cloudep_quota_claim(&wait, in, "t1", "u", "email", 10, pool) != APR_SUCCESS || wait != 0;
    }
    is_int(bad, 0, "ten codes of a day are granted");
    is_int(cloudep_quota_check(&wait, in, "t1", "u", "email", 11, pool), APR_SUCCESS, "of eleven one is left");
    is_int(wait, 0, "for which nobody waits");
    is_int(cloudep_quota_check(&wait, in, "t1", "u", "email", 10, pool), CLOUDEP_EREFUSED, "of ten none is left");
    ok(wait > 0 && wait <= 86400, "until tomorrow");
    is_int(cloudep_quota_check(&wait, in, "t1", "w", "email", 1, pool), APR_SUCCESS, "asking takes none");
    is_int(cloudep_quota_claim(&wait, in, "t1", "w", "email", 1, pool), APR_SUCCESS, "so one can be taken after it");
    is_int(cloudep_quota_claim(&wait, in, "t1", "u", "email", 10, pool), CLOUDEP_EREFUSED,
           "the eleventh code of a day is refused");
    ok(wait > 0 && wait <= 86400, "until tomorrow, %u seconds", wait);
    is_int(cloudep_quota_claim(&wait, in, "t1", "u", "phone", 10, pool), APR_SUCCESS, "another purpose counts apart");
    is_int(cloudep_quota_claim(&wait, in, "t1", "v", "email", 10, pool), APR_SUCCESS, "another member counts apart");
}

static void test_outage(const cloudep_challenges_t *in, pid_t pid, apr_pool_t *pool)
{
    const cloudep_challenges_t unset = {NULL, NULL};
    const cloudep_challenge_spec_t spec = spec_of("outage");
    const cloudep_cooldown_t mail = {"t1", "a@b", "register", "192.0.2.1"};
    cloudep_challenge_t *made;
    cloudep_challenge_t *c;
    const char *code;
    apr_uint32_t wait;

    start(&made, &code, in, &spec, 600, pool);
    memcached_end(pid);
    is_int(cloudep_challenge_load(&c, in, made->id, pool), CLOUDEP_ECACHE, "load without memcached");
    is_int(cloudep_challenge_check(made, in, code, ATTEMPTS, pool), CLOUDEP_ECACHE, "check without memcached");
    is_int(cloudep_challenge_count(made, in, ATTEMPTS), CLOUDEP_ECACHE, "count without memcached");
    is_int(cloudep_challenge_locked(made, in, ATTEMPTS, pool), CLOUDEP_ECACHE, "locked without memcached");
    is_int(cloudep_challenge_consume(made, in, pool), CLOUDEP_ECACHE, "consume without memcached");
    is_int(cloudep_challenge_restore(made, in, pool), CLOUDEP_ECACHE, "restore without memcached");
    is_int(start(&c, &code, in, &spec, 600, pool), CLOUDEP_ECACHE, "start without memcached");
    ok(!c && !code, "start without memcached gives nothing");
    is_int(renew(&c, &code, in, made, pool), CLOUDEP_ECACHE, "renew without memcached");
    ok(!c && !code, "renew without memcached gives nothing");
    is_int(cloudep_challenge_open(&c, in, &spec, 600, pool), CLOUDEP_ECACHE, "open without memcached");
    is_int(cloudep_challenge_invalidate(in, "t1", "outage"), CLOUDEP_ECACHE, "invalidate without memcached");
    is_int(cloudep_cooldown_claim(&wait, in, &mail, 60, pool), CLOUDEP_ECACHE, "a cooldown without memcached");
    is_int(cloudep_cooldown_release(in, &mail), CLOUDEP_ECACHE, "a release without memcached");
    is_int(cloudep_quota_claim(&wait, in, "t1", "u", "email", 10, pool), CLOUDEP_ECACHE, "a quota without memcached");
    is_int(cloudep_quota_check(&wait, in, "t1", "u", "email", 10, pool), CLOUDEP_ECACHE,
           "asking for a quota without memcached");
    is_int(cloudep_challenge_load(&c, &unset, made->id, pool), CLOUDEP_EUNSET,
           "load where no memcached is configured is no outage");
    is_int(cloudep_cooldown_claim(&wait, &unset, &mail, 60, pool), CLOUDEP_EUNSET,
           "a cooldown where no memcached is configured is no outage");
}

int main(void)
{
    cloudep_challenges_t in = {NULL, NULL};
    const char *error = NULL;
    apr_pool_t *pool;
    const int port = free_port();
    pid_t pid;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    signal(SIGPIPE, SIG_IGN);
    pid = memcached_start(port);
    is_int(make_cache(&in.cache, pool, &port, 1), APR_SUCCESS, "a cache");
    is_int(cloudep_jwks_parse(&in.keys, pool, KEYS, strlen(KEYS), CLOUDEP_JWKS_OWN, &error), APR_SUCCESS, "a key");

    test_right(&in, pool);
    test_wrong(&in, pool);
    test_renewed(&in, pool);
    test_apart(&in, pool);
    test_end(&in, pool);
    test_races(&in, pool);
    test_restore(&in, pool);
    test_open(&in, pool);
    test_invalidate(&in, pool);
    test_ended_meanwhile(&in, port, pool);
    test_loss(&in, pool);
    test_forged(&in, pool);
    test_cooldown(&in, pool);
    test_two_servers(&in, pool);
    test_outage(&in, pid, pool);

    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
