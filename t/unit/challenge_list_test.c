/*
 * challenge_list_test.c - how many challenges of an account are alive, and which goes for one more, against a real
 * memcached.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/cache/challenge.h"
#include "tap.h"
#include "memcached.h"

#define SECOND APR_USEC_PER_SEC
#define ATTEMPTS 5
#define MOST 16
#define KEYS                                                                                                           \
    "{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"alg\":\"A256GCM\",\"kid\":\"k1\","                                  \
    "\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}]}"

static cloudep_challenges_t in;
static apr_pool_t *pool;

static cloudep_challenge_spec_t spec_of(const char *uid)
{
    return (cloudep_challenge_spec_t){.tenant_id = "t1", .purpose = "password_reset", .uid = uid, .target = "a@b"};
}

static apr_status_t ask_for(cloudep_challenge_t **made, const cloudep_challenge_spec_t *spec,
                            const cloudep_challenge_asker_t *asker, apr_pool_t *p)
{
    const char *code;
    apr_uint32_t wait;

    return cloudep_challenge_start(made, &code, &wait, &in, spec, asker, 600, p);
}

static int is_alive(const char *id, apr_pool_t *p)
{
    cloudep_challenge_t *c;

    return cloudep_challenge_load(&c, &in, id, p) == APR_SUCCESS;
}

/* The letters of those that are alive of several: "a" for the first. */
static const char *alive(cloudep_challenge_t *const made[], int count)
{
    char *letters = apr_pcalloc(pool, MOST + 1);
    int n = 0;

    for (int i = 0; i < count; i++) {
        if (made[i] && is_alive(made[i]->id, pool)) {
            letters[n++] = (char)('a' + i);
        }
    }
    return letters;
}

/* Who asks, in a word: "k1" is known at network 1, "u1" is not; "u1.2" is in the second /64 of the /48 number 1. */
static cloudep_challenge_asker_t asker_of(const char *word)
{
    cloudep_challenge_asker_t asker = {.network = apr_pstrdup(pool, word + 1), .known = word[0] == 'k'};
    const char *dot = strchr(word, '.');

    if (dot) {
        asker.wider = apr_pstrmemdup(pool, word + 1, (apr_size_t)(dot - word - 1));
    }
    return asker;
}

static void test_order(void)
{
    static const struct {
        const char *askers, *alive, *name;
    } cases[] = {
        {"u1 u2 u3 u4 u5", "abcde", "five networks have one each"},
        {"u1 u2 u3 u4 u5 u6", "bcdef", "for a sixth the oldest goes"},
        {"u1 u2 u3 u2 u5 u2", "acdef", "but first the oldest of the same network"},
        {"u1 u2 u3 u2 u5 u2 u2", "acefg", "and then the next of the same network"},
        {"k1 u2 u3 u4 u5 u6", "acdef", "none of a known network goes for an unknown one"},
        {"k1 u2 u3 u4 u5 u6 u7 u8 u9", "afghi", "however many ask"},
        {"u1 u2 u3 u4 u5 k6", "bcdef", "for a known network the oldest unknown one goes"},
        {"k1 u2 u3 u4 u5 k6", "acdef", "and no known one as long as there is an unknown one"},
        {"k1 k2 k3 k4 u5 u6", "abcdf", "an unknown one goes for an unknown one"},
        {"k1 k2 k3 k4 k5 u6", "abcde", "with five of known networks a stranger gets none"},
        {"k1 k2 k3 k4 k5 k6", "bcdef", "a known network gets the place of the oldest"},
        {"k1 k2 k3 k2 k5 k2", "acdef", "and of its own before that"},
        {"k1 k1 u3 u4 u5 k1", "bcdef", "also where there is an unknown one"},
        {"k1 u2 u3 u4 u5 u1", "acdef", "a network that is not known any more does not take its known ones away"},
        {"u9 u1.1 u1.2 u1.3 u1.4 u1.5", "acdef", "in an IPv6 /48 the oldest of that /48 goes before an older one"},
        {"u9 u1.1 u1.2 u1.3 u1.2 u1.2", "abdef", "but the same /64 before that"},
        {"u9 k1.1 u1.2 u1.3 u1.4 u1.5", "abdef", "and none of a known network of that /48"},
        {"k1.1 k1.2 k1.3 k1.4 k1.5 u1.1", "abcde", "nor of the same network that is not known any more"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_challenge_spec_t spec = spec_of(apr_psprintf(pool, "order%d", (int)i));
        cloudep_challenge_t *made[MOST] = {NULL};
        char *words = apr_pstrdup(pool, cases[i].askers);
        char *last;
        int count = 0;

        for (char *word = apr_strtok(words, " ", &last); word; word = apr_strtok(NULL, " ", &last)) {
            const cloudep_challenge_asker_t asker = asker_of(word);

            (void)ask_for(&made[count++], &spec, &asker, pool);
        }
        is_str(alive(made, count), cases[i].alive, cases[i].name);
    }
}

static void test_refused(void)
{
    const cloudep_challenge_spec_t spec = spec_of("refused");
    const cloudep_challenge_asker_t stranger = asker_of("u9");
    cloudep_challenge_t *made[MOST] = {NULL};
    const char *code = "x";
    apr_uint32_t wait = 0;

    for (int i = 0; i < CLOUDEP_CHALLENGES_ALIVE; i++) {
        const cloudep_challenge_asker_t asker = asker_of(apr_psprintf(pool, "k%d", i));

        (void)cloudep_challenge_start(&made[i], &code, &wait, &in, &spec, &asker, i ? 600 : 100, pool);
    }
    is_int(cloudep_challenge_start(&made[5], &code, &wait, &in, &spec, &stranger, 600, pool), CLOUDEP_EREFUSED,
           "who gets no place is told so");
    ok(!made[5] && !code, "and gets no challenge");
    ok(wait > 90 && wait <= 101, "but the seconds until one expires (%u)", wait);
    cloudep_challenge_consume(made[2], &in, pool);
    is_int(ask_for(&made[5], &spec, &stranger, pool), APR_SUCCESS, "the place of one that was used is free");
    is_str(alive(made, 6), "abdef", "and the others stay");
    (void)cloudep_challenge_invalidate(&in, "t1", "refused");
    for (int i = 6; i < 11; i++) {
        is_int(ask_for(&made[i], &spec, &stranger, pool), APR_SUCCESS, "so are those of all that were ended");
    }
    is_str(alive(made, 11), "ghijk", "and none of those comes back");
}

static void test_expired(void)
{
    const cloudep_challenge_spec_t spec = spec_of("expired");
    const cloudep_challenge_asker_t stranger = asker_of("u9");
    const cloudep_challenge_asker_t owner = asker_of("k1");
    cloudep_challenge_t *made[MOST] = {NULL};
    const char *code;
    apr_uint32_t wait;

    for (int i = 0; i < CLOUDEP_CHALLENGES_ALIVE; i++) {
        (void)cloudep_challenge_start(&made[i], &code, &wait, &in, &spec, &owner, i ? 600 : 1, pool);
    }
    apr_sleep(SECOND + SECOND / 20);
    is_int(ask_for(&made[5], &spec, &stranger, pool), APR_SUCCESS, "the place of one that has expired is free");
    is_str(alive(made, 6), "bcdef", "and the others stay, whoever asks");
}

static void test_renewed(void)
{
    const cloudep_challenge_spec_t spec = spec_of("renewed");
    cloudep_challenge_t *made[MOST] = {NULL};
    cloudep_challenge_t *again;
    const char *code;
    apr_uint32_t wait;

    for (int i = 0; i < CLOUDEP_CHALLENGES_ALIVE; i++) {
        const cloudep_challenge_asker_t asker = asker_of(apr_psprintf(pool, "u%d", i));

        (void)ask_for(&made[i], &spec, &asker, pool);
    }
    cloudep_challenge_asker_t elsewhere = asker_of("k7");

    is_int(cloudep_challenge_renew(&again, &code, &wait, &in, made[0], &elsewhere, 600, ATTEMPTS, pool), APR_SUCCESS,
           "the oldest gets a new code");
    is_str(alive(made, 5), "abcde", "for which none goes");
    elsewhere = asker_of("u8");
    (void)ask_for(&made[5], &spec, &elsewhere, pool);
    is_str(alive(made, 6), "acdef", "now it is the youngest, and the next goes before it");
    for (int i = 6; i < 10; i++) {
        (void)ask_for(&made[i], &spec, &elsewhere, pool);
    }
    is_str(alive(made, 10), "acdej", "it belongs to the network that asked first still");
    elsewhere = asker_of("u0");
    (void)ask_for(&made[10], &spec, &elsewhere, pool);
    is_str(alive(made, 11), "cdejk", "for which it goes, known or not as it was then");
}

static void test_accounts(void)
{
    static const char *const fields[] = {"another member", "another purpose", "another tenant", "another account"};
    const cloudep_challenge_asker_t stranger = asker_of("u9");
    cloudep_challenge_spec_t specs[] = {spec_of("apart"), spec_of("apart"), spec_of("apart"), spec_of("apart")};
    cloudep_challenge_spec_t spec = spec_of("apart");
    cloudep_challenge_t *first;
    cloudep_challenge_t *made;

    specs[0].uid = "apart2";
    specs[1].purpose = "registration";
    specs[2].tenant_id = "t2";
    specs[3].account = "a@b";
    (void)ask_for(&first, &spec, &stranger, pool);
    for (int i = 0; i < 4; i++) {
        for (int n = 0; n < CLOUDEP_CHALLENGES_ALIVE; n++) {
            (void)ask_for(&made, &specs[i], &stranger, pool);
        }
        ok(is_alive(first->id, pool) && is_alive(made->id, pool), "%s has five of its own", fields[i]);
    }
    spec.account = "a@b";
    spec.uid = "somebody else";
    (void)ask_for(&first, &spec, &stranger, pool);
    for (int n = 0; n < CLOUDEP_CHALLENGES_ALIVE; n++) {
        specs[3].uid = apr_psprintf(pool, "attempt%d", n);
        (void)ask_for(&made, &specs[3], &stranger, pool);
    }
    ok(!is_alive(first->id, pool), "members of one account share its five");
    cloudep_cache_delete(in.cache, cloudep_cache_key("living", CLOUDEP_KEY_PARTS("t1", "password_reset", "a@b")));
    ok(!is_alive(made->id, pool), "none of them is alive without its place in the list");
}

/* Seconds that memcached keeps a value; -1: it has none. */
static int time_to_live(int port, cloudep_cache_key_t key)
{
    char answer[64] = "";
    const char *question = apr_psprintf(pool, "mg %s t\r\n", key.text);
    const int fd = loopback(port, 0);
    const int asked = fd >= 0 && write(fd, question, strlen(question)) == (ssize_t)strlen(question) &&
                      read(fd, answer, sizeof(answer) - 1) > 0;

    close(fd);
    return asked && !strncmp(answer, "HD t", 4) ? atoi(answer + 4) : -1;
}

/* What is kept, and for how long. */
static void test_kept(int port)
{
    const cloudep_challenge_spec_t spec = spec_of("kept");
    const cloudep_cache_key_t list = cloudep_cache_key("living", CLOUDEP_KEY_PARTS("t1", "password_reset", "kept"));
    const cloudep_challenge_asker_t stranger = asker_of("u9");
    cloudep_challenge_t *made[MOST] = {NULL};
    const char *code;
    apr_uint32_t wait;
    char *record;
    int left;

    for (int i = 0; i < CLOUDEP_CHALLENGES_ALIVE; i++) {
        (void)cloudep_challenge_start(&made[i], &code, &wait, &in, &spec, &stranger, i == 1 ? 900 : 60, pool);
    }
    left = time_to_live(port, list);
    ok(left > 890 && left <= 904, "the list is kept until the last of them expires (%d s)", left);
    (void)ask_for(&made[5], &spec, &stranger, pool);
    is_int(cloudep_cache_get(&record, NULL, in.cache, cloudep_cache_key("challenge", CLOUDEP_KEY_PARTS(made[0]->id)),
                             pool),
           APR_NOTFOUND, "nothing is kept of one that has gone for another");
}

/* The newest of those that a network asked for. */
static void test_newest(void)
{
    const cloudep_challenge_spec_t spec = spec_of("newest");
    const cloudep_challenge_asker_t one = asker_of("u1"), two = asker_of("u2");
    cloudep_challenge_t *first, *second, *last;
    const char *id = NULL;

    (void)ask_for(&first, &spec, &one, pool);
    (void)ask_for(&second, &spec, &one, pool);
    (void)ask_for(&last, &spec, &two, pool);
    is_int(cloudep_challenge_newest(&id, &in, &spec, one.network, pool), APR_SUCCESS, "the newest of a network");
    is_str(id, second->id, "is its own, and not another one's that is younger");
    is_int(cloudep_challenge_newest(&id, &in, &spec, "elsewhere", pool), APR_NOTFOUND, "another network has none");
}

/* Whoever claimed to write next, and died. */
static void test_dead_writer(void)
{
    const cloudep_challenge_spec_t spec = spec_of("dead");
    const cloudep_challenge_asker_t stranger = asker_of("u9");
    const cloudep_cache_key_t claim =
        cloudep_cache_key("follow", CLOUDEP_KEY_PARTS("t1", "password_reset", "dead", "none"));
    cloudep_challenge_t *made;

    (void)cloudep_cache_add(in.cache, claim, "", 0, 2);
    is_int(ask_for(&made, &spec, &stranger, pool), APR_SUCCESS, "one who died while writing holds up nobody for long");
    ok(is_alive(made->id, pool), "the one who waited has a challenge");
    (void)cloudep_challenge_invalidate(&in, "t1", "dead");
    cloudep_cache_delete(in.cache, cloudep_cache_key("living", CLOUDEP_KEY_PARTS("t1", "password_reset", "dead")));
    (void)cloudep_cache_set(in.cache, claim, "", 0, 60);
    is_int(ask_for(&made, &spec, &stranger, pool), CLOUDEP_ECACHE, "and nobody waits for ever");
}

/* ---- many at once */

typedef struct crowd_t {
    const char *uid;
    int known; /* how many of them are */
    apr_status_t rv[TEST_MOST_THREADS];
    const char *ids[TEST_MOST_THREADS];
    apr_pool_t *pools[TEST_MOST_THREADS];
} crowd_t;

static void ask(int i, void *crowd_)
{
    crowd_t *crowd = crowd_;
    apr_pool_t *p = crowd->pools[i];
    const cloudep_challenge_spec_t spec = spec_of(crowd->uid);
    const cloudep_challenge_asker_t asker = {.network = apr_psprintf(p, "n%d", i), .known = i < crowd->known};
    cloudep_challenge_t *made;

    crowd->rv[i] = ask_for(&made, &spec, &asker, p);
    crowd->ids[i] = made ? made->id : NULL;
}

static void race(int threads, int known)
{
    crowd_t crowd = {.uid = apr_psprintf(pool, "race%d-%d", threads, known), .known = known};
    int living = 0;
    int living_known = 0;

    for (int i = 0; i < threads; i++) {
        apr_pool_create_unmanaged_ex(&crowd.pools[i], NULL, NULL);
    }
    in_threads(threads, ask, &crowd);
    for (int i = 0; i < threads; i++) {
        const int lives = crowd.ids[i] && is_alive(crowd.ids[i], pool);

        living += lives;
        living_known += lives && i < known;
    }
    is_int(living, CLOUDEP_CHALLENGES_ALIVE, apr_psprintf(pool, "%d at once: five are alive", threads));
    is_int(living_known, known < CLOUDEP_CHALLENGES_ALIVE ? known : CLOUDEP_CHALLENGES_ALIVE,
           apr_psprintf(pool, "%d at once, %d of known networks: none of those went for a stranger", threads, known));
    is_int(count_of(crowd.rv, threads, APR_SUCCESS) + count_of(crowd.rv, threads, CLOUDEP_EREFUSED), threads,
           apr_psprintf(pool, "%d at once: each got one or was told why not", threads));
    if (known < CLOUDEP_CHALLENGES_ALIVE) {
        is_int(count_of(crowd.rv, threads, APR_SUCCESS), threads,
               apr_psprintf(pool, "%d at once: each got one", threads));
    }
    for (int i = 0; i < threads; i++) {
        apr_pool_destroy(crowd.pools[i]);
    }
}

int main(void)
{
    apr_array_header_t *servers;
    const char *error = NULL;
    const int port = free_port();
    pid_t pid;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    signal(SIGPIPE, SIG_IGN);
    pid = memcached_start(port);
    servers = apr_array_make(pool, 1, sizeof(cloudep_cache_server_t));
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)port};
    is_int(cloudep_cache_create(&in.cache, pool, servers, TEST_THREADS, 20 * SECOND), APR_SUCCESS, "a cache");
    is_int(cloudep_jwks_parse(&in.keys, pool, KEYS, strlen(KEYS), CLOUDEP_JWKS_OWN, &error), APR_SUCCESS, "a key");

    test_order();
    test_refused();
    test_expired();
    test_renewed();
    test_accounts();
    test_kept(port);
    test_newest();
    test_dead_writer();
    race(TEST_THREADS, 0);
    race(TEST_THREADS, 2);
    race(TEST_THREADS, 8);
    race(TEST_MOST_THREADS, 0);
    race(TEST_MOST_THREADS, 3);

    apr_pool_destroy(pool);
    memcached_end(pid);
    apr_terminate();
    return done_testing();
}
