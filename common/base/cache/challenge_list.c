/*
 * challenge_list.c - which challenges with a code are alive for an account and purpose: at most
 * CLOUDEP_CHALLENGES_ALIVE.
 *
 * They are one value in memcached, oldest first. apr_memcache has no "cas", so whoever wants to write the next value
 * claims the right to follow the one that was read, by an add under its version: of all who read the same, one writes.
 * A claim outlives its winner's writing and ends by itself, so that one who dies in between stops nobody for long. One
 * who sleeps longer than that and then writes takes those away that were made meanwhile, which costs them a new code.
 * However that goes, there are never more than the list has places for.
 */
#include "base/cache/challenge_private.h"

#include <apr_strings.h>
#include <string.h>

#include "base/crypto/random.h"
#include "base/text/json.h"

#define CLAIM_TTL 3                       /* seconds */
#define PATIENCE apr_time_from_sec(5)     /* with others who write nothing */
#define NOTHING_WRITTEN "none"            /* the version of a list that is not there */
#define FIRST_PAUSE apr_time_from_msec(2) /* of one who was not first; doubled with each further try */
#define LONGEST_PAUSE apr_time_from_msec(64)

typedef struct entry_t {
    const char *id;
    const char *network;
    const char *wider; /* NULL: IPv4 */
    int known;
    json_int_t expires;
} entry_t;

typedef struct list_t {
    const char *version;
    int count;
    entry_t entries[CLOUDEP_CHALLENGES_ALIVE];
} list_t;

static const char *account_of(const cloudep_challenge_spec_t *spec)
{
    return spec->account ? spec->account : spec->uid;
}

static cloudep_cache_key_t list_key(const cloudep_challenge_spec_t *spec)
{
    const char *account = account_of(spec);

    return cloudep_cache_key_near(account, "living", CLOUDEP_KEY_PARTS(spec->tenant_id, spec->purpose, account));
}

static cloudep_cache_key_t claim_key(const cloudep_challenge_spec_t *spec, const char *version)
{
    const char *account = account_of(spec);

    return cloudep_cache_key_near(account, "follow",
                                  CLOUDEP_KEY_PARTS(spec->tenant_id, spec->purpose, account, version));
}

/* ---- the list as memcached has it ---- */

/* Takes the entries over that have not expired. Returns 0 when it is not a list of ours. */
static int parse(list_t *list, const char *text, apr_pool_t *pool)
{
    const json_int_t now = (json_int_t)apr_time_now();
    const char *reason;
    json_t *value;
    json_t *entries;

    if (cloudep_json_parse(&value, &reason, text, strlen(text), pool) != APR_SUCCESS ||
        json_unpack(value, "{s:s, s:o}", "version", &list->version, "entries", &entries) != 0 ||
        json_array_size(entries) > CLOUDEP_CHALLENGES_ALIVE) {
        return 0;
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        entry_t *entry = &list->entries[list->count];

        memset(entry, 0, sizeof(*entry));
        if (json_unpack(json_array_get(entries, i), "{s:s, s:s, s?s, s:b, s:I}", "id", &entry->id, "network",
                        &entry->network, "wider", &entry->wider, "known", &entry->known, "expires",
                        &entry->expires) != 0) {
            return 0;
        }
        list->count += entry->expires > now;
    }
    return 1;
}

static apr_status_t read_list(list_t *list, const cloudep_challenges_t *in, const cloudep_challenge_spec_t *spec,
                              apr_pool_t *pool)
{
    char *text;
    apr_status_t rv = cloudep_cache_get(&text, NULL, in->cache, list_key(spec), pool);

    memset(list, 0, sizeof(*list));
    list->version = NOTHING_WRITTEN;
    if (rv == APR_NOTFOUND) {
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS && !parse(list, text, pool)) {
        memset(list, 0, sizeof(*list));
        list->version = apr_pstrdup(pool, text); /* whatever it is, it can be followed */
    }
    return rv;
}

/* When the last of the entries has expired nothing is lost with the list. */
static apr_uint32_t time_to_live(const list_t *list)
{
    json_int_t last = 0;

    for (int i = 0; i < list->count; i++) {
        last = list->entries[i].expires > last ? list->entries[i].expires : last;
    }
    last -= (json_int_t)apr_time_now();
    return (last > 0 ? (apr_uint32_t)apr_time_sec(last) : 0) + 1 + CLOUDEP_CHALLENGE_SLACK;
}

/* NULL: a network is no UTF-8. */
static const char *text_of(const list_t *list, const char *version, apr_pool_t *pool)
{
    json_t *entries = cloudep_json_own(json_array(), pool);

    for (int i = 0; i < list->count; i++) {
        const entry_t *entry = &list->entries[i];

        if (json_array_append_new(entries, json_pack("{s:s, s:s, s:s*, s:b, s:I}", "id", entry->id, "network",
                                                     entry->network, "wider", entry->wider, "known", entry->known,
                                                     "expires", entry->expires)) != 0) {
            return NULL;
        }
    }
    return cloudep_json_text(cloudep_json_own(json_pack("{s:s, s:O}", "version", version, "entries", entries), pool),
                             pool);
}

/* Writes what follows the list that was read. APR_EEXIST: another one follows it. */
static apr_status_t follow(const list_t *list, const cloudep_challenges_t *in, const cloudep_challenge_spec_t *spec,
                           apr_pool_t *pool)
{
    const char *version;
    const char *text;
    apr_status_t rv = cloudep_random_id(&version, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((text = text_of(list, version, pool)) == NULL) {
        return APR_EINVAL;
    }
    rv = cloudep_cache_add(in->cache, claim_key(spec, list->version), "", 0, CLAIM_TTL);
    return rv == APR_SUCCESS ? cloudep_cache_set(in->cache, list_key(spec), text, strlen(text), time_to_live(list))
                             : rv;
}

/* ---- who stays ---- */

static void drop(list_t *list, int at)
{
    list->count--;
    memmove(&list->entries[at], &list->entries[at + 1], (size_t)(list->count - at) * sizeof(list->entries[0]));
}

/* Those that were used, or ended with their member's stamp, need no place. Asked only when there is none left. */
static apr_status_t drop_used(list_t *list, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    for (int i = list->count - 1; i >= 0; i--) {
        const apr_status_t rv = cloudep_challenge_is_there(in, list->entries[i].id, pool);

        if (rv == APR_NOTFOUND || rv == CLOUDEP_EDATA) {
            drop(list, i);
        }
        else if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* How readily an entry goes for one more of that asker; 0: never. */
static int readiness(const entry_t *entry, const cloudep_challenge_asker_t *asker)
{
    if (entry->known && !asker->known) {
        return 0;
    }
    if (!strcmp(entry->network, asker->network)) {
        return 4;
    }
    if (entry->known) {
        return 1;
    }
    return entry->wider && asker->wider && !strcmp(entry->wider, asker->wider) ? 3 : 2;
}

/* The entry that goes for one more: the oldest of those that go most readily. -1: none may. */
static int find_victim(const list_t *list, const cloudep_challenge_asker_t *asker)
{
    int victim = -1;
    int most = 0;

    for (int i = 0; i < list->count; i++) {
        const int ready = readiness(&list->entries[i], asker);

        if (ready > most) {
            most = ready;
            victim = i;
        }
    }
    return victim;
}

static int find(const list_t *list, const char *id)
{
    for (int i = 0; i < list->count; i++) {
        if (!strcmp(list->entries[i].id, id)) {
            return i;
        }
    }
    return -1;
}

/* Seconds until the first of them expires. */
static apr_uint32_t next_place(const list_t *list)
{
    json_int_t first = list->entries[0].expires;

    for (int i = 1; i < list->count; i++) {
        first = list->entries[i].expires < first ? list->entries[i].expires : first;
    }
    first -= (json_int_t)apr_time_now();
    return first > 0 ? (apr_uint32_t)apr_time_sec(first) + 1 : 1;
}

/* Makes room where there is none; *victim: the id of the one that has to go. */
static apr_status_t make_room(list_t *list, const char **victim, apr_uint32_t *wait, const cloudep_challenges_t *in,
                              const cloudep_challenge_asker_t *asker, apr_pool_t *pool)
{
    apr_status_t rv;
    int at;

    if (list->count < CLOUDEP_CHALLENGES_ALIVE) {
        return APR_SUCCESS;
    }
    if ((rv = drop_used(list, in, pool)) != APR_SUCCESS || list->count < CLOUDEP_CHALLENGES_ALIVE) {
        return rv;
    }
    at = find_victim(list, asker);
    if (at < 0) {
        *wait = next_place(list);
        return CLOUDEP_EREFUSED;
    }
    *victim = list->entries[at].id;
    drop(list, at);
    return APR_SUCCESS;
}

/* One try. APR_EEXIST: another one wrote meanwhile. */
static apr_status_t enter(list_t *list, const char **victim, apr_uint32_t *wait, const cloudep_challenge_t *c,
                          const cloudep_challenges_t *in, const cloudep_challenge_asker_t *asker, apr_pool_t *pool)
{
    entry_t entry = {c->id, asker->network, asker->wider, asker->known, 0};
    const int at = find(list, c->id);
    apr_status_t rv;

    *victim = NULL;
    if (at >= 0) {
        entry = list->entries[at];
        drop(list, at);
    }
    if ((rv = make_room(list, victim, wait, in, asker, pool)) != APR_SUCCESS) {
        return rv;
    }
    entry.expires = (json_int_t)c->expires;
    list->entries[list->count++] = entry;
    return follow(list, in, &c->spec, pool);
}

apr_status_t cloudep_challenge_list_enter(const cloudep_challenge_t *c, apr_uint32_t *wait,
                                          const cloudep_challenges_t *in, const cloudep_challenge_asker_t *asker,
                                          apr_pool_t *pool)
{
    apr_interval_time_t pause = FIRST_PAUSE;
    apr_time_t since = apr_time_now();
    const char *seen = NULL;
    const char *victim;
    list_t list;
    apr_status_t rv;

    for (;;) {
        if ((rv = read_list(&list, in, &c->spec, pool)) != APR_SUCCESS) {
            return rv;
        }
        if (!seen || strcmp(seen, list.version) != 0) {
            seen = list.version;
            since = apr_time_now();
        }
        rv = enter(&list, &victim, wait, c, in, asker, pool);
        if (rv != APR_EEXIST) {
            break;
        }
        if (apr_time_now() - since > PATIENCE) {
            return CLOUDEP_ECACHE;
        }
        apr_sleep(1 + apr_time_now() % pause); /* all the same and they would meet again */
        pause = pause < LONGEST_PAUSE ? 2 * pause : pause;
    }
    if (rv == APR_SUCCESS && victim) {
        /* Without its place it is over already; so it stays over. */
        (void)cloudep_cache_delete(in->cache, cloudep_challenge_record_key(victim));
    }
    return rv;
}

apr_status_t cloudep_challenge_list_has(const cloudep_challenge_t *c, const cloudep_challenges_t *in, apr_pool_t *pool)
{
    list_t list;
    const apr_status_t rv = read_list(&list, in, &c->spec, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    return find(&list, c->id) >= 0 ? APR_SUCCESS : APR_NOTFOUND;
}

apr_status_t cloudep_challenge_newest(const char **id, const cloudep_challenges_t *in,
                                      const cloudep_challenge_spec_t *spec, const char *network, apr_pool_t *pool)
{
    list_t list;
    apr_status_t rv = in->cache ? read_list(&list, in, spec, pool) : CLOUDEP_EUNSET;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = list.count - 1; i >= 0; i--) {
        if (!strcmp(list.entries[i].network, network)) {
            *id = apr_pstrdup(pool, list.entries[i].id);
            return APR_SUCCESS;
        }
    }
    return APR_NOTFOUND;
}
