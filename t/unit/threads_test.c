/*
 * threads_test.c - what the threads of a process share of common/base, used by eight of them at once.
 *
 * Each topic is hammered for a moment, and what a lost update, a torn value or two holders of one thing would change is
 * counted. t/threads.t runs the same under ThreadSanitizer, which also sees what did no harm this time.
 * "threads_test race" has a race of its own, to show that such a run would notice one.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/breaker.h"
#include "base/cache/challenge.h"
#include "base/fetched.h"
#include "base/jose/jwt.h"
#include "base/crypto/mac.h"
#include "base/crypto/password.h"
#include "base/crypto/seal.h"
#include "base/text/email.h"
#include "base/text/language.h"
#include "base/text/opaque_string.h"
#include "base/text/phone.h"
#include "base/text/template.h"
#include "base/text/validate.h"
#include "tap.h"
#include "memcached.h"
#include "hammer.h"

#define MS(n) apr_time_from_msec(n)
#define ATTEMPTS 5

/* ---- the cache and the challenges in it ------------------------------------------------------------------ */

typedef struct locked_t {
    cloudep_cache_t *cache;
    int held; /* by who holds the lock in the cache */
} locked_t;

static cloudep_cache_key_t key_of(const char *name)
{
    return cloudep_cache_key("threads", CLOUDEP_KEY_PARTS(name));
}

static void use_cache(hammer_t *h, void *lockedv)
{
    locked_t *locked = lockedv;
    const cloudep_cache_key_t lock = key_of("lock");
    const char *name = apr_psprintf(h->pool, "%d", h->round % 16);
    apr_uint32_t number;
    char *value;
    apr_status_t rv;

    h->wrong += cloudep_cache_incr(&number, locked->cache, key_of("counter"), 60) != APR_SUCCESS;
    h->wrong += cloudep_cache_set(locked->cache, key_of(name), name, strlen(name), 60) != APR_SUCCESS;
    rv = cloudep_cache_get(&value, NULL, locked->cache, key_of(name), h->pool);
    h->wrong += rv != APR_SUCCESS || strcmp(value, name) != 0;
    if (cloudep_cache_add(locked->cache, lock, "x", 1, 60) == APR_SUCCESS) {
        h->wrong += __atomic_add_fetch(&locked->held, 1, __ATOMIC_RELAXED) != 1;
        (void)__atomic_sub_fetch(&locked->held, 1, __ATOMIC_RELAXED);
        h->wrong += cloudep_cache_delete(locked->cache, lock) != APR_SUCCESS;
    }
}

static void test_cache(cloudep_cache_t *cache)
{
    locked_t locked = {.cache = cache};
    const int rounds = hammer("the cache", use_cache, &locked).rounds;
    apr_uint32_t number = 0;

    (void)cloudep_cache_incr(&number, cache, key_of("counter"), 60);
    is_int(number, rounds + 1, "every count was counted");
}

static void use_challenge(hammer_t *h, void *inv)
{
    const cloudep_challenges_t *in = inv;
    const cloudep_challenge_spec_t spec = {.tenant_id = "t1",
                                           .purpose = "register",
                                           .uid = apr_psprintf(h->pool, "u%d.%d", h->number, h->round),
                                           .target = "a@example.com"};
    cloudep_challenge_t *made;
    cloudep_challenge_t *c;
    const cloudep_challenge_asker_t asker = {.network = "192.0.2.1"};
    const char *code;
    apr_uint32_t wait;

    if (cloudep_challenge_start(&made, &code, &wait, in, &spec, &asker, 60, h->pool) != APR_SUCCESS ||
        cloudep_challenge_load(&c, in, made->id, h->pool) != APR_SUCCESS) {
        h->wrong++;
        return;
    }
    h->wrong += cloudep_challenge_check(c, in, "none", ATTEMPTS, h->pool) != CLOUDEP_EFORGED;
    h->wrong += cloudep_challenge_check(c, in, code, ATTEMPTS, h->pool) != APR_SUCCESS;
    h->wrong += cloudep_challenge_consume(c, in, h->pool) != APR_SUCCESS;
    h->wrong += cloudep_challenge_load(&c, in, made->id, h->pool) != APR_NOTFOUND;
}

/* ---- the breaker ----------------------------------------------------------------------------------------- */

typedef struct guarded_t {
    cloudep_breaker_t *breaker;
    int calls; /* guarded by the breaker alone, which lets one in */
} guarded_t;

static void use_breaker(hammer_t *h, void *guardedv)
{
    guarded_t *guarded = guardedv;
    int probe;
    const apr_status_t rv = cloudep_breaker_enter(&probe, guarded->breaker);

    if (rv == APR_SUCCESS) {
        const int failed = ++guarded->calls % 50 == 0;

        h->count++;
        (void)cloudep_breaker_leave(guarded->breaker, probe, failed ? CLOUDEP_BREAKER_FAILED : CLOUDEP_BREAKER_WORKED);
        return;
    }
    h->wrong += rv != CLOUDEP_EPROVIDER && rv != CLOUDEP_EOVERLOAD;
    apr_sleep(100);
}

static void test_breaker(apr_pool_t *pool)
{
    const cloudep_breaker_limits_t limits = {
        .calls = 1, .queue = HAMMER_THREADS / 2, .wait = MS(20), .failures = 1, .pause = 500};
    guarded_t guarded = {NULL, 0};
    int let_in;

    is_int(cloudep_breaker_create(&guarded.breaker, pool, &limits), APR_SUCCESS, "a breaker that lets one in");
    let_in = hammer("the breaker", use_breaker, &guarded).count;
    is_int(guarded.calls, let_in, "as many were in as were let in");
}

/* ---- what is fetched ------------------------------------------------------------------------------------- */

typedef struct reading_t {
    apr_uint32_t first;
    apr_uint32_t last; /* the same number, written later */
} reading_t;

/* The other server, asked by one thread at a time, and every fourth time in vain. */
static apr_status_t fetch(const void **value, void *baton, apr_pool_t *pool)
{
    apr_uint32_t *readings = baton;
    reading_t *reading = apr_palloc(pool, sizeof(*reading));

    reading->first = ++*readings;
    apr_sleep(200);
    reading->last = reading->first;
    *value = reading;
    return reading->first % 4 ? APR_SUCCESS : CLOUDEP_EPROVIDER;
}

static void use_fetched(hammer_t *h, void *fetchedv)
{
    const void *value;
    unsigned int generation;
    apr_status_t rv = cloudep_fetched_get(&value, &generation, fetchedv, h->pool);

    if (rv == APR_SUCCESS && h->round % 3 == 0) {
        rv = cloudep_fetched_renew(&value, &generation, fetchedv, h->pool);
    }
    if (rv == APR_SUCCESS) {
        h->wrong += ((const reading_t *)value)->first != ((const reading_t *)value)->last;
        h->count++;
    }
    else {
        h->wrong += rv != CLOUDEP_EPROVIDER && rv != APR_NOTFOUND;
    }
}

static void test_fetched(apr_pool_t *pool)
{
    apr_uint32_t readings = 0;
    const cloudep_fetched_rule_t rule = {fetch, &readings, MS(2), 500, MS(1000)};
    cloudep_fetched_t *fetched = NULL;
    int users;

    is_int(cloudep_fetched_create(&fetched, pool, &rule), APR_SUCCESS, "something to fetch");
    users = hammer("what is fetched", use_fetched, fetched).count;
    ok(readings > 3 && users > (int)readings, "read %u times for %d users", readings, users);
}

/* ---- keys ------------------------------------------------------------------------------------------------ */

static void use_keys(hammer_t *h, void *setv)
{
    const cloudep_jwks_t *set = *(const cloudep_jwks_t **)setv;
    const cloudep_jwk_t *key = cloudep_jwks_get(set, h->round % (cloudep_jwks_count(set) - 1));
    json_t *claims = json_pack("{si}", "n", h->round);
    const cloudep_jwt_t *jwt = NULL;
    const unsigned char *plain = NULL;
    const char *text = apr_psprintf(h->pool, "%d", h->round);
    const char *reason;
    const char *made = NULL;
    apr_size_t len = 0;

    h->wrong += cloudep_jwt_sign(&made, h->pool, key, "at+jwt", claims) != APR_SUCCESS;
    json_decref(claims);
    h->wrong += !made || cloudep_jwt_verify(&jwt, h->pool, set, made, CLOUDEP_JWT_OWN, &reason) != APR_SUCCESS ||
                json_integer_value(json_object_get(jwt->claims, "n")) != h->round;
    h->wrong += cloudep_seal(&made, h->pool, set, text, strlen(text), "here") != APR_SUCCESS ||
                cloudep_unseal(&plain, &len, h->pool, set, made, "here") != APR_SUCCESS || len != strlen(text) ||
                memcmp(plain, text, len) != 0;
    h->wrong += cloudep_mac(&made, h->pool, set, NULL, "label", text, strlen(text)) != APR_SUCCESS ||
                cloudep_mac_check(h->pool, set, "label", text, strlen(text), made) != APR_SUCCESS;
}

/* One of each kind, the one that seals last. */
static const cloudep_jwks_t *make_keys(apr_pool_t *pool)
{
    static const char *const algs[] = {"ES256", "EdDSA", "RS256", "HS256", "A256GCM"};
    json_t *keys = json_array();
    json_t *document = json_pack("{so}", "keys", keys);
    const cloudep_jwks_t *set = NULL;
    const char *error = "";

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        json_t *key = NULL;

        is_int(cloudep_jwk_generate(&key, pool, algs[i]), APR_SUCCESS, algs[i]);
        (void)json_array_append(keys, key);
    }
    is_int(cloudep_jwks_from_json(&set, pool, document, CLOUDEP_JWKS_OWN, &error), APR_SUCCESS, "are a set");
    json_decref(document);
    return set;
}

/* ---- passwords and texts --------------------------------------------------------------------------------- */

static void use_passwords(hammer_t *h, void *unused)
{
    static const cloudep_password_params_t cheap = {7168, 1, 2};
    const char *const words[] = {"ada@example.com", NULL};
    const char *reason;
    const char *phc = NULL;

    (void)unused;
    h->wrong += cloudep_password_acceptable(&reason, "correct horse 9 battery", words, h->pool) != APR_SUCCESS;
    h->wrong += cloudep_password_acceptable(&reason, "Password123", words, h->pool) != CLOUDEP_EREFUSED;
    h->wrong += cloudep_password_hash(&phc, "correct horse", &cheap, NULL, h->pool) != APR_SUCCESS ||
                cloudep_password_verify("correct horse", phc, NULL, h->pool) != APR_SUCCESS ||
                cloudep_password_verify("correct horsf", phc, NULL, h->pool) != CLOUDEP_EFORGED;
}

static void use_texts(hammer_t *h, void *templatev)
{
    const cloudep_template_t *template = *(const cloudep_template_t **)templatev;
    const char *number = apr_psprintf(h->pool, "%d", h->round);
    static const char *const languages[] = {"en", "zh-TW", NULL};
    const char *const values[] = {number};
    const char *text = "";

    h->wrong += cloudep_template_render(&text, h->pool, template, CLOUDEP_ESCAPE_HTML, values) != APR_SUCCESS ||
                strcmp(text, apr_pstrcat(h->pool, "<b>", number, "</b>", NULL)) != 0;
    h->wrong += cloudep_normalize_language(&text, "zh-tw", h->pool) != APR_SUCCESS || strcmp(text, "zh-TW") != 0;
    h->wrong += cloudep_normalize_email(&text, NULL,
                                        "A@b\xc3\xbc"
                                        "cher.example",
                                        h->pool) != APR_SUCCESS ||
                strcmp(text, "a@xn--bcher-kva.example") != 0;
    h->wrong += cloudep_normalize_phone(&text, NULL, "+41 (0)44 668 18 00", h->pool) != APR_SUCCESS ||
                strcmp(text, "+41446681800") != 0;
    h->wrong += cloudep_password_prepare(&text, NULL, h->pool, CLOUDEP_PASSWORD_OPAQUE, "a\xcc\x88") != APR_SUCCESS ||
                strcmp(text, "\xc3\xa4") != 0;
    h->wrong += cloudep_language_nearest("zh-HK", languages, h->pool) != languages[1];
    h->wrong += !cloudep_is_currency("CHF") || !cloudep_is_url("https://a.example/");
}

static void test_texts(apr_pool_t *pool)
{
    static const char *const names[] = {"number", NULL};
    const cloudep_template_t *template = NULL;
    const char *error = "";

    is_int(cloudep_template_parse(&template, pool, "<b>{{number}}</b>", 17, names, &error), APR_SUCCESS, "a template");
    hammer("texts", use_texts, &template);
}

/* ---- a race ---------------------------------------------------------------------------------------------- */

static void race(hammer_t *h, void *counterv)
{
    (void)h;
    ++*(volatile int *)counterv;
}

int main(int argc, char **argv)
{
    const int port = free_port();
    int counter = 0;
    cloudep_cache_t *cache = NULL;
    cloudep_cache_server_t server = {"127.0.0.1", (apr_port_t)port};
    apr_array_header_t *servers;
    const cloudep_jwks_t *keys;
    apr_pool_t *pool;
    apr_pool_t *sub;
    pid_t pid;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (argc > 1 && !strcmp(argv[1], "race")) {
        hammer("nothing", race, &counter);
        return done_testing();
    }
    signal(SIGPIPE, SIG_IGN);
    pid = memcached_start(port);
    apr_pool_create(&sub, pool);
    servers = apr_array_make(pool, 1, sizeof(server));
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = server;
    /* Fewer connections than threads, so that they wait for each other. */
    is_int(cloudep_cache_create(&cache, sub, servers, HAMMER_THREADS / 2, MS(2000)), APR_SUCCESS, "a cache");
    keys = make_keys(pool);
    test_cache(cache);
    hammer("challenges", use_challenge, &(cloudep_challenges_t){cache, keys});
    test_breaker(pool);
    test_fetched(pool);
    hammer("keys", use_keys, &keys);
    hammer("passwords", use_passwords, NULL);
    test_texts(pool);
    apr_pool_destroy(sub);
    memcached_end(pid);
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
